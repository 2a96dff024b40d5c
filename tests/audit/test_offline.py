"""Verification with the server gone: a process that cannot reach any network says the same."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from audit.verification.result import Verdict
from tests.audit.stories import ARCHIVES, STORIES, TRUST

ROOT = Path(__file__).parents[2]
GUARD = """
import sys

def refuse(event, arguments):
    if event in ("socket.connect", "socket.bind", "socket.getaddrinfo", "socket.sendto"):
        print(f"NETWORK {event}", file=sys.stderr, flush=True)
        raise OSError("no network here")
    if event in ("subprocess.Popen", "os.exec", "os.posix_spawn") and "temporal" in repr(arguments):
        print(f"SERVER {event}", file=sys.stderr, flush=True)
        raise OSError("no server here")

sys.addaudithook(refuse)
"""
"""Runs at the start of the process, before anything of ours, and cannot be taken out again."""


def _offline(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command, without a network, a server or an environment that names one."""
    (folder / "sitecustomize.py").write_text(GUARD)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SAYSO_", "TEMPORAL_"))}
    environment = {**kept, "PYTHONPATH": f"{folder}:{ROOT}", "HOME": str(folder)}
    command = [sys.executable, "-c", "from workers.cli.main import main; main()", *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=60)


@pytest.mark.promise("G5")
def test_every_story_is_told_without_network_or_server(tmp_path: Path) -> None:
    """docs/threats.md G5: all archives in one call; nothing is even tried."""
    told = _offline(tmp_path, "audit", "verify", "--trust", str(TRUST), "--json", str(ARCHIVES))
    verdicts = {Path(each["path"]).stem: each["verdict"] for each in json.loads(told.stdout)["archives"]}
    expected = {name: str(story.verdict) for name, story in STORIES.items()}
    # Without the key that they are encrypted with, these cannot be read here.
    assert verdicts == {**expected, **dict.fromkeys(("encrypted", "stored-encrypted"), str(Verdict.INCOMPLETE))}
    assert told.returncode == 1 and told.stderr == ""


@pytest.mark.promise("G5")
@pytest.mark.parametrize(("name", "code"), [("refunded", 0), ("copied-read", 1), ("open", 2)])
def test_exit_code_is_that_of_the_verdict_and_replay_needs_no_server_either(name: str, code: int, tmp_path: Path) -> None:
    """docs/threats.md G5: 0, 1, 2 for VERIFIED, FAILED, INCOMPLETE."""
    path = ARCHIVES / f"{name}.sayso"
    told = _offline(tmp_path, "audit", "verify", "--replay", "--trust", str(TRUST), str(path))
    assert (told.returncode, "NETWORK" in told.stderr, "Traceback" in told.stderr) == (code, False, False)


@pytest.mark.control("G5")
def test_guard_stops_a_command_that_asks_the_server(tmp_path: Path) -> None:
    """The control: where a server is asked, the guard says so."""
    target = "import socket; socket.create_connection(('127.0.0.1', 9))"
    (tmp_path / "sitecustomize.py").write_text(GUARD)
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}:{ROOT}"}
    told = subprocess.run([sys.executable, "-c", target], env=environment, capture_output=True, text=True, timeout=60)
    assert "NETWORK" in told.stderr and told.returncode != 0
