"""Keeping a stack up: what dies is started again, after a pause that grows while it keeps dying."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import FrameType

from workers.profile import Profile
from workers.stack.stack import Stack

FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 30.0
STEADY_SECONDS = 60.0
"""After so long a life, a death counts as the first again."""
LOOK_SECONDS = 0.2
ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

Say = Callable[[str], None]


class _Asked(BaseException):
    """A signal asks to end."""


def keep_up(stack: Stack, ready: Callable[[Profile], None], say: Say) -> None:
    """
    Starts *stack*, watches it, and stops it in order on SIGINT, SIGTERM or SIGHUP. For a process's main thread.

    Args:
        ready: Called once, when everything works.
        say: Takes a line for each death and each new start.

    Raises:
        As `Stack.start`.
    """
    for number in ENDINGS:
        # nohup, and shells for jobs in the background, ask to leave a signal ignored.
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _ask)
    try:
        ready(stack.start())
        supervisor = Supervisor(stack, say)
        while True:
            supervisor.look()
            time.sleep(LOOK_SECONDS)
    except _Asked:
        return
    finally:
        _heed_no_more()
        stack.stop()


def _ask(_number: int, _frame: FrameType | None) -> None:
    # Once is enough: a second signal must not interrupt the stopping.
    _heed_no_more()
    raise _Asked


def _heed_no_more() -> None:
    for number in ENDINGS:
        signal.signal(number, signal.SIG_IGN)


@dataclass(frozen=True)
class _Death:
    started: float
    pause: float
    again_at: float


class Supervisor:
    """Watches a started stack."""

    def __init__(self, stack: Stack, say: Say) -> None:
        self._stack = stack
        self._say = say
        self._deaths: dict[str, _Death] = {}

    def look(self) -> None:
        """Notes who died, and starts those whose pause is over."""
        now = time.monotonic()
        for name, code in self._stack.dead().items():
            process, last = self._stack.processes[name], self._deaths.get(name)
            if last is None or last.started != process.started:
                death = _next_death(last, process.started, now)
                self._deaths[name] = death
                how = f"signal {-code}" if code < 0 else f"exit status {code}"
                last_line = process.last_line()
                self._say(f"{name} died ({how}), starting it again in {death.pause:.1f} s; its log ends: {last_line}")
            elif now >= last.again_at:
                self._say(f"{name} started again (process {self._stack.spawn(name).pid})")


def _next_death(last: _Death | None, started: float, now: float) -> _Death:
    pause = FIRST_PAUSE_SECONDS
    if last is not None and now - started < STEADY_SECONDS:
        pause = min(last.pause * 2, LONGEST_PAUSE_SECONDS)
    return _Death(started, pause, now + pause)
