"""
The Explain rail: a mission's observations in the order of its events, a pure projection of the history.

No event is dropped in silence. What is folded away is listed in `FOLDED` and is bookkeeping between server and worker;
an activity's beginning is folded into its end. An event that this version has no reading for appears as itself. Nothing
is believed that is not proven: the gate's words count by their signature, and what anybody else says is `claimed`.
"""

from __future__ import annotations

from collections.abc import Sequence

from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent

from approvals import start
from audit.answers import Answers
from audit.events import alone, shown, told
from audit.observation import Observation, ObservationKind
from audit.payloads import SEALED_WORDS, sealed
from audit.principals import principals_of, reset_trouble
from audit.proven import entered, places, proposed, settlements
from audit.record import MissionRecord, when
from audit.signals import Signals
from policies.directory import Directory
from policies.requirement import Assurance

FOLDED = frozenset(
    {
        EventType.EVENT_TYPE_WORKFLOW_TASK_SCHEDULED,
        EventType.EVENT_TYPE_WORKFLOW_TASK_STARTED,
        EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED,
        EventType.EVENT_TYPE_ACTIVITY_TASK_STARTED,
        EventType.EVENT_TYPE_TIMER_STARTED,
        EventType.EVENT_TYPE_TIMER_FIRED,
        EventType.EVENT_TYPE_TIMER_CANCELED,
        EventType.EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES,
    }
)
"""Bookkeeping that says nothing about what was done or decided."""


def rail(record: MissionRecord, directory: Directory) -> tuple[Observation, ...]:
    """
    The observations of *record*, in the order of its events.

    Args:
        directory: Whose gate keys prove the gate's words and whose people own missions.
    """
    reader = _Reader(record, directory)
    found = (reader.observed(event) for event in record.opened)
    return tuple(observation for observation in found if observation is not None)


class _Reader:
    """What the reading of one event needs to know about the others."""

    def __init__(self, record: MissionRecord, directory: Directory) -> None:
        self._record = record
        self._directory = directory
        proposals, settled = proposed(record, directory), settlements(record, directory)
        self._answers = Answers(record, directory, proposals, settled)
        self._signals = Signals(directory, settled, places(proposals), entered(record, proposals))
        self._heard = {heard.event_id: heard for heard in record.signals}
        self._done = {done.event_id: done for done in record.completed}
        self._ended = _ended(record.opened)

    def observed(self, event: HistoryEvent) -> Observation | None:
        """The observation of *event*; None where it is folded."""
        if event.event_type in FOLDED:
            return None
        told = self._told(event)
        if told is None or SEALED_WORDS in told.what or not self._sealed(event):
            return told
        return told.model_copy(update={"what": f"{told.what}; {SEALED_WORDS}"})

    def _sealed(self, event: HistoryEvent) -> bool:
        """Whether something of *event*, or of what it answers, could not be opened."""
        done = self._done.get(event.event_id)
        return sealed(event) or (done is not None and sealed(self._record.opened[done.scheduled_event - 1]))

    def _told(self, event: HistoryEvent) -> Observation | None:
        match event.event_type:
            case EventType.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED:
                return _started(event, self._record, self._directory)
            case EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED:
                return self._signals.observed(self._heard[event.event_id])
            case EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED:
                return self._answers.observed(self._done[event.event_id])
            case EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
                return None if event.event_id in self._ended else _asked(event)
        return alone(event, self._record)


def _started(event: HistoryEvent, record: MissionRecord, directory: Directory) -> Observation:
    principals, trouble = principals_of(record, directory)
    started = record.started
    words = f"{started.mission.mission_type} mission with {shown(started.input)}"
    if principals.on_behalf_of:
        words += f", on behalf of {principals.on_behalf_of}"
    before = start.predecessor(started.signed_start) if started.signed_start else None
    if before is not None:
        words += f", succeeding {before.mission_id}"
    for doubt in (f"the owner is unknown: {trouble}" if trouble else None, reset_trouble(record)):
        words += f"; {doubt}" if doubt else ""
    return Observation(
        event_id=event.event_id,
        at=when(event.event_time),
        kind=ObservationKind.STARTED,
        what=words,
        actor=principals.owner,
        assurance=Assurance.SIGNED if principals.owner else None,
    )


def _asked(event: HistoryEvent) -> Observation:
    name = event.activity_task_scheduled_event_attributes.activity_type.name
    return told(event, ObservationKind.ASKED, f"{name}: no answer yet")


def _ended(events: Sequence[HistoryEvent]) -> set[int]:
    """The scheduled events of the activities that ended, however they did."""
    found = set()
    for event in events:
        match event.event_type:
            case EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED:
                found.add(event.activity_task_completed_event_attributes.scheduled_event_id)
            case EventType.EVENT_TYPE_ACTIVITY_TASK_FAILED:
                found.add(event.activity_task_failed_event_attributes.scheduled_event_id)
            case EventType.EVENT_TYPE_ACTIVITY_TASK_TIMED_OUT:
                found.add(event.activity_task_timed_out_event_attributes.scheduled_event_id)
            case EventType.EVENT_TYPE_ACTIVITY_TASK_CANCELED:
                found.add(event.activity_task_canceled_event_attributes.scheduled_event_id)
    return found
