"""A supervisor left behind: `sayso up --detach` starts it and waits until it says how the start went, `sayso down` ends it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from pydantic import ValidationError

from policies.model import Written
from workers import profile
from workers.errors import CannotReach, CommandError, Refused, WrongUse
from workers.profile import Encryption, Profile
from workers.stack.lock import Lock
from workers.stack.ports import Choice
from workers.stack.processes import STOP_SECONDS, stop_strays
from workers.stack.stack import AlreadyRunning

# Workers, systems and Temporal are stopped one after the other.
DOWN_SECONDS = 3 * STOP_SECONDS + 5.0
_KINDS: dict[int, type[CommandError]] = {1: Refused, 2: WrongUse, 3: CannotReach}


class Told(Written):
    """What a supervisor tells whoever started it: that all works (no message), or what went wrong."""

    message: str | None = None
    exit_code: int = 0


def start(data: Path, ports: Choice, encryption: Encryption = "on") -> tuple[Profile, int]:
    """
    Starts a stack under a supervisor of its own; returns its profile and the supervisor's pid.

    Raises:
        AlreadyRunning: There is one.
        CommandError: It did not start, and why.
    """
    holder = Lock(data).holder()
    if holder is not None:
        raise AlreadyRunning(data, holder)
    log = data / "logs" / "supervisor.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    told, pid = _left_behind(data, ("--ports", ports, "--encryption", encryption), log)
    if told.message is not None:
        raise _KINDS.get(told.exit_code, CommandError)(told.message)
    return profile.load(data), pid


def _left_behind(data: Path, options: tuple[str, ...], log: Path) -> tuple[Told, int]:
    """What the new supervisor tells once it knows how the start went, and its pid. It dies with a caller who is interrupted."""
    ours, theirs = os.pipe()
    command = [sys.executable, "-P", "-m", "workers.cli.main", "up", "--data", str(data), *options]
    with log.open("ab") as output, open(ours, "rb") as pipe:
        supervisor = subprocess.Popen(  # noqa: S603 (our own command)
            [*command, "--tell", str(theirs)],
            cwd=data,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            pass_fds=(theirs,),
            start_new_session=True,
        )
        os.close(theirs)
        try:
            answer = pipe.read()
        except BaseException:
            supervisor.terminate()
            raise
    return _told(answer, log), supervisor.pid


def tell(descriptor: int | None, told: Told) -> None:
    """Tells whoever started this supervisor, if it was started so."""
    if descriptor is not None:
        with open(descriptor, "w") as pipe, suppress(BrokenPipeError):
            pipe.write(told.model_dump_json())


def stop(data: Path) -> list[str] | None:
    """
    Stops the stack in *data*, whoever runs it. Returns None when nothing ran, else the names of what a dead supervisor had
    left behind (usually none).
    """
    lock = Lock(data)
    pid = lock.holder()
    if pid is None:
        return stop_strays(data) or None
    for number, seconds in ((signal.SIGTERM, DOWN_SECONDS), (signal.SIGKILL, STOP_SECONDS)):
        with suppress(ProcessLookupError):
            os.kill(pid, number)
        if _within(seconds, lambda: lock.holder() is None):
            break
    return stop_strays(data)


def _told(answer: bytes, log: Path) -> Told:
    try:
        return Told.model_validate_json(answer)
    except ValidationError:
        return Told(message=f"the supervisor ended before the stack was up (log: {log})", exit_code=3)


def _within(seconds: float, holds: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if holds():
            return True
        time.sleep(0.05)
    return holds()
