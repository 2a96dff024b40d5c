"""
How far a history can be believed as one that a Temporal server wrote: its events in place, and their chain of digests as far
as this version can digest it.
"""

from __future__ import annotations

from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent

from audit.chain import holds_unknown, lengthen
from audit.errors import UnknownEventError
from audit.folding import attributes_of
from audit.observation import Mark
from audit.parts import when
from policies.canonical import Digest

_START = EventType.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED


class Trail:
    """One run's events, as stored, one after the other."""

    def __init__(self) -> None:
        self.chain: list[Digest] = []
        """Digest of the trail through each event; it ends where an event cannot be digested."""
        self.sound = True
        """Whether every event so far is one that a server writes in its place."""
        self._count = 0

    def take(self, event: HistoryEvent) -> tuple[Mark, ...]:
        """Takes the next event; what a reader of it must know."""
        whole = len(self.chain) == self._count
        self._count += 1
        self.sound = self.sound and self._in_place(event)
        unknown = not self._lengthened(event) if self.sound and whole else holds_unknown(event)
        return (*((Mark.UNKNOWN_FIELDS,) if unknown else ()), *(() if self.sound else (Mark.UNSOUND,)))

    def distrust(self) -> None:
        """From the last event on, the history is none that a server writes."""
        self.sound = False

    def _lengthened(self, event: HistoryEvent) -> bool:
        try:
            lengthen(self.chain, event)
        except UnknownEventError:
            return False
        return True

    def _in_place(self, event: HistoryEvent) -> bool:
        first = self._count == 1
        if event.event_id != self._count or first is not (event.event_type == _START):
            return False
        if attributes_of(event) is not None and event.event_type in EventType.values():
            return False
        try:
            when(event.event_time)
        except (ValueError, OverflowError):
            return False
        return True
