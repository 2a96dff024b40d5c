"""
Processes of a stack: starting, stopping, and finding those that a dead supervisor left behind.

Each carries a mark in its environment, which names the data directory and the process. A left-over process is known by
its mark, not by a pid in a file: a pid may have been given to somebody else since, and a supervisor may die between
starting a process and writing its pid down.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

MARK = "SAYSO_PROCESS"
STOP_SECONDS = 10.0
PROC = Path("/proc")


@dataclass(frozen=True)
class Spec:
    """What to run, with which environment (nothing else is inherited), and how to see that it works."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    healthy: Callable[[int], bool]
    """Whether the process with this pid does its work."""


class Process:
    """One started process, its output appended to a log file."""

    def __init__(self, spec: Spec, data: Path) -> None:
        self.spec = spec
        self.log = data / "logs" / f"{spec.name}.log"
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self._from = log.tell()
            self._process = subprocess.Popen(  # noqa: S603 (our own command)
                spec.command,
                cwd=data,
                env={**spec.environment, MARK: _mark(data, spec.name)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                # Ctrl-C in a terminal goes to the supervisor alone, which stops them in order.
                start_new_session=True,
            )
        self.started = time.monotonic()

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def exit_code(self) -> int | None:
        """How it ended (negative: by that signal), or None while it runs."""
        return self._process.poll()

    def healthy(self) -> bool:
        """Whether it does its work."""
        return self.exit_code() is None and self.spec.healthy(self.pid)

    def last_line(self) -> str:
        """The last line this process wrote; `nothing was written` without one."""
        with self.log.open("rb") as log:
            log.seek(self._from)
            lines = [line.strip() for line in log.read().decode(errors="replace").splitlines() if line.strip()]
        return lines[-1][:300] if lines else "nothing was written"

    def signal(self, number: signal.Signals) -> None:
        """Sends a signal; nothing when it has ended."""
        if self.exit_code() is None:
            self._process.send_signal(number)

    def wait(self, seconds: float) -> bool:
        """Whether it ended within *seconds*."""
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True


def stop_all(processes: Iterable[Process], seconds: float = STOP_SECONDS) -> None:
    """Asks all to end, and ends those that have not after *seconds*."""
    listed = list(processes)
    for process in listed:
        process.signal(signal.SIGTERM)
    deadline = time.monotonic() + seconds
    for process in listed:
        if not process.wait(max(0.0, deadline - time.monotonic())):
            process.signal(signal.SIGKILL)
            process.wait(STOP_SECONDS)


def strays(data: Path) -> dict[int, str]:
    """Living processes with this directory's mark, by pid: their names."""
    mark = f"{MARK}={_mark(data, '')}"
    environments = _from_proc() if PROC.is_dir() and any(PROC.glob("self")) else _from_ps()
    found = {pid: text.partition(mark)[2] for pid, text in environments if mark in text}
    return {pid: (rest.split() or ["?"])[0] for pid, rest in found.items() if pid != os.getpid()}


def stop_strays(data: Path, seconds: float = STOP_SECONDS) -> list[str]:
    """Ends what a dead supervisor left behind, as `stop_all` does, and returns the names."""
    names = sorted(strays(data).values())
    for number in (signal.SIGTERM, signal.SIGKILL):
        for pid in strays(data):
            with suppress(ProcessLookupError):
                os.kill(pid, number)
        deadline = time.monotonic() + seconds
        while strays(data) and time.monotonic() < deadline:
            time.sleep(0.02)
    return names


def _mark(data: Path, name: str) -> str:
    return f"{data}#{name}"


def _from_proc() -> list[tuple[int, str]]:
    found = []
    for directory in PROC.iterdir():
        if directory.name.isdigit():
            try:
                environment = (directory / "environ").read_bytes()
            except OSError:
                # It ended meanwhile, or belongs to somebody else.
                continue
            found.append((int(directory.name), environment.replace(b"\0", b"\n").decode(errors="replace")))
    return found


def _from_ps() -> list[tuple[int, str]]:
    listed = subprocess.run(["ps", "axeww", "-o", "pid=,command="], capture_output=True, text=True, check=False)  # noqa: S607
    pairs = (line.strip().partition(" ") for line in listed.stdout.splitlines())
    return [(int(pid), command) for pid, _, command in pairs if pid.isdigit()]
