"""What is known about the activity that runs now: shared by whatever watches its parts."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

import structlog
from temporalio.exceptions import ApplicationError

from audit.law import Law
from audit.record import MissionRecord

_log = structlog.stdlib.get_logger("sayso.telemetry")


@dataclass
class Watch:
    """One attempt at an activity."""

    activity: str
    mission_id: str
    run_id: str
    began: float = field(default_factory=time.perf_counter)
    record: MissionRecord | None = None
    """The mission's own history, as the gate last read it."""
    law: Law | None = None
    admitted: float | None = None
    """Seconds from the beginning until the use was announced."""

    @property
    def seconds(self) -> float:
        """Since it began."""
        return time.perf_counter() - self.began


CURRENT: ContextVar[Watch | None] = ContextVar("sayso_watch", default=None)
"""Tasks that an activity starts share its watch: the gate sends in a task of its own."""


@contextmanager
def aside() -> Iterator[None]:
    """
    For whatever is measured beside what is done: trouble with it is logged.

    INVARIANT: it never becomes trouble of what is measured. By then a use may be taken, or a call sent and answered.
    """
    try:
        yield
    except Exception as error:
        _log.warning("unmeasured", error=type(error).__name__)


def error_type(error: BaseException) -> str:
    """The kind of *error*, never its text."""
    if isinstance(error, ApplicationError) and error.type:
        return error.type
    return type(error).__name__
