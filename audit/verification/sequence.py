"""
Whether events could have been written one after the other by a server. Who holds the exporter's key may write any history; this
keeps what is nobody's word (a second end, an answer given twice) from being read one way here and another way elsewhere.

Source: docs/audit-format.md §3
"""

from __future__ import annotations

from collections.abc import Sequence

from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent

from audit.record import CLOSING

Trouble = tuple[str, int]
"""Why, and at which event."""
_STARTED = EventType.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED
_ENDS = {
    EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED,
    EventType.EVENT_TYPE_ACTIVITY_TASK_FAILED,
    EventType.EVENT_TYPE_ACTIVITY_TASK_TIMED_OUT,
    EventType.EVENT_TYPE_ACTIVITY_TASK_CANCELED,
}
_TASK_STARTED = EventType.EVENT_TYPE_WORKFLOW_TASK_STARTED
_AFTER_A_START = {
    EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED,
    EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED,
    EventType.EVENT_TYPE_WORKFLOW_TASK_TIMED_OUT,
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED,
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_TIMED_OUT,
}
"""While a workflow task runs, the server keeps everything else back."""
_AFTER_A_TASK = {EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED, EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED}


def trouble(events: Sequence[HistoryEvent]) -> Trouble | None:
    """Why *events*, settled, are no history of one run; None where they are."""
    waiting, before = set[int](), EventType.EVENT_TYPE_UNSPECIFIED
    for number, event in enumerate(events, start=1):
        kind = event.event_type
        wrong = _form(event, number)
        if (kind == _STARTED) != (number == 1):
            wrong = wrong or "is a start in another place than the first, or the first is none"
        if kind in CLOSING and number < len(events):
            wrong = wrong or "ends the run, and more comes after it"
        if (before == _TASK_STARTED and kind not in _AFTER_A_START) or (kind in _AFTER_A_TASK and before != _TASK_STARTED):
            wrong = wrong or "came while a workflow task ran, or ends one that did not run"
        before = kind
        if kind == EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
            waiting.add(number)
        elif kind in _ENDS:
            cause = getattr(event, _attributes(kind)).scheduled_event_id
            if cause not in waiting:
                wrong = wrong or "answers an activity that was not asked for before, or has its answer"
            waiting.discard(cause)
        if wrong is not None:
            return f"event {number} {wrong}", number
    return None if events else ("there are no events", 1)


def _form(event: HistoryEvent, number: int) -> str | None:
    if event.event_id != number:
        return "is missing, or stands in another place"
    known = event.event_type in EventType.values()
    if not known or event.WhichOneof("attributes") != _attributes(event.event_type):
        return "does not say what an event of its type says"
    return None


def _attributes(kind: int) -> str:
    return f"{EventType.Name(kind).removeprefix('EVENT_TYPE_').lower()}_event_attributes"  # type: ignore[arg-type]
