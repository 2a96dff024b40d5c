"""
What the rail folds away, and why: bookkeeping between server and workers that says nothing about what was done or decided.

An event is folded only while it is what its type says. One that carries the attributes of another type, fields that this
version does not know, or that answers nothing in this history, is shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent

FOLDED: Mapping[int, str] = {
    EventType.EVENT_TYPE_WORKFLOW_TASK_SCHEDULED: "the server asks a mission worker what comes next",
    EventType.EVENT_TYPE_WORKFLOW_TASK_STARTED: "a mission worker takes that up; its name is only its own word",
    EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED: "it answers; everything that it asks for is an event of its own",
    EventType.EVENT_TYPE_ACTIVITY_TASK_STARTED: "told with how the activity ended: which attempt, and what failed before",
    EventType.EVENT_TYPE_TIMER_STARTED: "the mission waits; what time brings about is the gate's settlement after it",
    EventType.EVENT_TYPE_TIMER_FIRED: "as where the timer was started: the gate judges by its own clock, not by this",
    EventType.EVENT_TYPE_TIMER_CANCELED: "the mission waits no longer",
    EventType.EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES: (
        "the mission lists itself in the queue, exactly as the gate's own word has it; where it says anything else, it is shown"
    ),
}
"""By type of event, why it may be folded. An activity's beginning is folded into its end besides, whatever ends it."""

ENDED = "told with how the activity ended"


@dataclass(frozen=True)
class Folded:
    """An event that the rail tells with another, or not at all."""

    event_id: int
    why: str
    into: int | None = None
    """The event it is told with."""


def attributes_of(event: HistoryEvent) -> str | None:
    """Which attributes *event* carries, by the name of their type where it is not its own; None where it is, or has none."""
    found = event.WhichOneof("attributes")
    if found is None or found == _OWN.get(event.event_type):
        return None
    return found.removesuffix("_event_attributes").replace("_", " ")


_OWN = {number: f"{name.removeprefix('EVENT_TYPE_').lower()}_event_attributes" for name, number in EventType.items()}
"""By type of event, the field that holds its attributes."""
