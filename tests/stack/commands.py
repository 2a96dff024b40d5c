"""Running `sayso` as a person does, and looking at the processes it leaves."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from workers.stack.processes import strays

SAYSO = str(Path(sys.executable).parent / "sayso")
SYSTEMS = {"issuer", "orders", "payments", "knowledge", "parcels"}
NAMES = SYSTEMS | {"temporal", "mission", "reason", "read", "commit", "codec", "archiver"}


def sayso(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The finished command; *environment* is added to this process's own."""
    env = {**os.environ, **environment}
    return subprocess.run([SAYSO, *arguments], capture_output=True, text=True, timeout=90, env=env, check=False)


def answer(*arguments: str) -> Any:
    """What the command prints with `--json`; it must succeed."""
    done = sayso(*arguments, "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


def pids(data: Path) -> dict[str, int]:
    """Living processes of the stack in *data*, by name. One name held twice is an error."""
    found = strays(data)
    by_name = {name: pid for pid, name in found.items()}
    assert len(by_name) == len(found), found
    return by_name


def until(holds: Callable[[], bool], seconds: float = 20.0) -> None:
    """Returns when *holds* does."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not come to be"
        time.sleep(0.05)
