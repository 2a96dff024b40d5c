"""
A mission's record: what its event history says, typed. Nothing is believed here: a completed `propose` is what *somebody*
completed, and only its signature makes it the gate's.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from typing import Any, TypeVar

from temporalio.api.enums.v1 import ContinueAsNewInitiator, EventType
from temporalio.api.history.v1 import HistoryEvent, WorkflowExecutionStartedEventAttributes

from approvals.decision import Heard
from approvals.signed import Kind
from approvals.start import MEMO
from audit.chain import chain, settled_events
from audit.errors import NotAMissionError
from audit.parts import Completed as Completed
from audit.parts import Entry as Entry
from audit.parts import Started as Started
from audit.parts import answer_in, completed_in, heard_in, legible, only_value, value_of, withdraws
from audit.parts import when as when
from audit.payloads import json_of
from policies.action import MissionRef
from policies.canonical import Digest
from policies.directory import Directory

CLOSING = frozenset(
    {
        EventType.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED,
        EventType.EVENT_TYPE_WORKFLOW_EXECUTION_FAILED,
        EventType.EVENT_TYPE_WORKFLOW_EXECUTION_TIMED_OUT,
        EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CANCELED,
        EventType.EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED,
        EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW,
    }
)
"""With one of these a run ends; nothing comes after it."""


_T = TypeVar("_T")
_PREFIXES: Mapping[str, Callable[[Any, int], Any]] = {
    "chain": lambda chain, event_id: chain[: event_id - 1],
    "started": lambda started, event_id: started,
    **dict.fromkeys(
        ("signals", "completed", "_answers"),
        lambda found, event_id: found[: bisect_left(found, event_id, key=lambda each: each.event_id)],
    ),
}
"""How what is told of a record follows from the same of a longer one."""


@dataclass(frozen=True)
class MissionRecord:
    """One run, from events as stored (`raw`) and the same events with payloads opened (`opened`)."""

    namespace: str
    mission_id: str
    run_id: str
    raw: Sequence[HistoryEvent]
    opened: Sequence[HistoryEvent] = field(repr=False)
    origin: Started | None = None
    """Where this run continues another one as new: the start of the mission's first run, which alone was signed."""
    known: dict[tuple[str, int, int], tuple[Directory, Any]] = field(default_factory=dict, repr=False, compare=False)
    """See `once`."""

    @classmethod
    def of(
        cls,
        namespace: str,
        mission_id: str,
        run_id: str,
        raw: Sequence[HistoryEvent],
        opened: Sequence[HistoryEvent],
        origin: Started | None = None,
    ) -> MissionRecord:
        """
        The record of settled events.

        Args:
            origin: The start of the mission's first run, where this run goes on from another (see `Started.continues`).

        Raises:
            NotAMissionError: The history does not begin with a start.
        """
        settled = settled_events(raw)
        first = EventType.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED
        if not settled or settled[0].event_type != first:
            raise NotAMissionError(f"the history of `{mission_id}` does not begin with a start")
        return cls(namespace, mission_id, run_id, settled, opened[: len(settled)], origin)

    @cached_property
    def chain(self) -> tuple[Digest, ...]:
        """Digest of the trail through each event."""
        return chain(self.raw)

    @cached_property
    def size(self) -> int:
        """Bytes of its events, as stored and as opened."""
        return sum(event.ByteSize() for events in (self.raw, self.opened) for event in events)

    @cached_property
    def started(self) -> Started:
        """How the run began."""
        event = self.opened[0]
        attributes = event.workflow_execution_started_event_attributes
        memo = attributes.memo.fields.get(MEMO)
        signed = value_of(json_of(memo)) if memo is not None else None
        return Started(
            at=when(event.event_time),
            mission=MissionRef(
                namespace=self.namespace,
                mission_type=attributes.workflow_type.name,
                mission_id=self.mission_id,
                run_id=self.run_id,
                first_execution_run_id=attributes.first_execution_run_id,
            ),
            original_run_id=attributes.original_execution_run_id,
            continued_run_id=attributes.continued_execution_run_id,
            input=only_value(attributes.input.payloads),
            signed_start=signed if isinstance(signed, str) else None,
            legible=legible(attributes.input.payloads),
            continues=_continues(attributes, self.run_id),
        )

    @cached_property
    def signals(self) -> tuple[Heard, ...]:
        """Every signal, in order."""
        wanted = EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED
        return tuple(heard_in(event) for event in self.opened if event.event_type == wanted)

    @cached_property
    def completed(self) -> tuple[Completed, ...]:
        """Every activity with a result, in the order of results."""
        scheduled = {
            event.event_id: event for event in self.opened if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED
        }
        found = []
        for event in self.opened:
            if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED:
                cause = event.activity_task_completed_event_attributes.scheduled_event_id
                if cause not in scheduled:
                    raise NotAMissionError(f"event {event.event_id} completes an activity that was never scheduled")
                found.append(completed_in(event, scheduled[cause]))
        return tuple(found)

    def entries(self, kind: Kind) -> tuple[Entry, ...]:
        """What was recorded as a signed answer of *kind*, whoever recorded it."""
        return tuple(entry for entry in self._answers if entry.signed.kind is kind)

    @cached_property
    def _answers(self) -> tuple[Entry, ...]:
        return tuple(entry for entry in map(answer_in, self.completed) if entry is not None)

    def withdrawals(self, proposal: Digest) -> tuple[tuple[int, datetime], ...]:
        """Event and time of each request of the mission to withdraw *proposal*, whatever became of it."""
        wanted = EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED
        scheduled = (event for event in self.opened if event.event_type == wanted)
        return tuple((int(event.event_id), when(event.event_time)) for event in scheduled if withdraws(event) == proposal)

    @property
    def closed(self) -> bool:
        """Whether the run is over."""
        return self.raw[-1].event_type in CLOSING

    @property
    def went_on_as(self) -> str:
        """The run as which the mission itself went on from this one; empty where it did not."""
        end = self.raw[-1]
        # Of another event this field is empty, but nothing keeps a stranger's archive from having one.
        continued = end.event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW
        run_id: str = end.workflow_execution_continued_as_new_event_attributes.new_execution_run_id
        return run_id if continued else ""

    @property
    def cancel_requested(self) -> bool:
        """Whether somebody asked the run to cancel."""
        wanted = EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CANCEL_REQUESTED
        return any(event.event_type == wanted for event in self.raw)

    def before(self, event_id: int) -> MissionRecord:
        """The record as it was just before event *event_id*; what was told of this one already is not told again."""
        found = replace(self, raw=self.raw[: event_id - 1], opened=self.opened[: event_id - 1])
        if found.raw:
            kept = {name: _PREFIXES[name](value, event_id) for name, value in vars(self).items() if name in _PREFIXES}
            vars(found).update(kept)
        return found

    def once(self, what: str, event_id: int, directory: Directory, find: Callable[[], _T]) -> _T:
        """What *find* finds about an event by *directory*, found once for this record and what it was before."""
        key = (what, event_id, id(directory))
        if key not in self.known:
            # The directory is kept: so no other one has its place in memory.
            self.known[key] = (directory, find())
        found: _T = self.known[key][1]
        return found

    def again(self) -> MissionRecord:
        """The same record for another look: what it says is kept, and what was found by a directory is not."""
        found = replace(self, known={})
        vars(found).update({name: value for name, value in vars(self).items() if name in _PREFIXES})
        return found

    @property
    def head(self) -> int:
        """Id of the last settled event."""
        return int(self.raw[-1].event_id)

    @property
    def last_event_at(self) -> datetime:
        """Time of the last settled event."""
        return when(self.raw[-1].event_time)


def _continues(attributes: WorkflowExecutionStartedEventAttributes, run_id: str) -> bool:
    first, before = attributes.first_execution_run_id, attributes.continued_execution_run_id
    itself = attributes.initiator == ContinueAsNewInitiator.CONTINUE_AS_NEW_INITIATOR_WORKFLOW
    # A reset copies this event, and leaves in it the run that it repeats.
    return itself and bool(before) and first not in ("", run_id) and attributes.original_execution_run_id == run_id
