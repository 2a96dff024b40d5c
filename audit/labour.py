"""The activities of a run: each asked for once, begun, and ended one way or another. Its beginning is told with its end."""

from __future__ import annotations

from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent

from approvals.proposal import proposal_id
from audit.departed import departed_before
from audit.events import MISSION, failure_words, told
from audit.known import Known
from audit.observation import Observation, ObservationKind
from audit.parts import withdraws
from policies.canonical import Digest

_FIELDS = {
    EventType.EVENT_TYPE_ACTIVITY_TASK_STARTED: "activity_task_started_event_attributes",
    EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED: "activity_task_completed_event_attributes",
    EventType.EVENT_TYPE_ACTIVITY_TASK_FAILED: "activity_task_failed_event_attributes",
    EventType.EVENT_TYPE_ACTIVITY_TASK_TIMED_OUT: "activity_task_timed_out_event_attributes",
    EventType.EVENT_TYPE_ACTIVITY_TASK_CANCEL_REQUESTED: "activity_task_cancel_requested_event_attributes",
    EventType.EVENT_TYPE_ACTIVITY_TASK_CANCELED: "activity_task_canceled_event_attributes",
}
ACTIVITIES = frozenset(_FIELDS)
"""Events about an activity that was asked for before."""


class Labour:
    """What was asked of workers so far, and what became of it."""

    def __init__(self) -> None:
        self.asked: dict[int, HistoryEvent] = {}
        """What has not ended yet, by the event that asked for it."""
        self._begun: dict[int, str] = {}

    def about(self, event: HistoryEvent) -> int | None:
        """The event that asked for the activity that *event* is about, while that has not ended; None where there is none."""
        field = _FIELDS.get(event.event_type)
        asked = getattr(event, field).scheduled_event_id if field else 0
        return int(asked) if asked in self.asked else None

    def ask(self, event: HistoryEvent, known: Known) -> Observation:
        """A new activity; for a withdrawal, what the mission wants by it."""
        self.asked[event.event_id] = event
        proposal = withdraws(event)
        if proposal is None:
            return told(event, ObservationKind.ASKED, f"{_name(event)}: no answer yet")
        words = f"the mission withdraws proposal {proposal_id(Digest(proposal))}"
        place = known.places.get(Digest(proposal))
        return told(event, ObservationKind.ASKED, words, MISSION, place)

    def begin(self, event: HistoryEvent, asked: int) -> None:
        """A worker took the activity up, perhaps not for the first time; the server notes it once it ended."""
        attributes = event.activity_task_started_event_attributes
        if attributes.attempt > 1:
            after = f", after: {failure_words(attributes.last_failure)}" if attributes.HasField("last_failure") else ""
            self._begun[asked] = f" (attempt {attributes.attempt}{after})"

    def end(self, asked: int) -> tuple[HistoryEvent, str]:
        """What was asked for, which ends now; and in words which attempt it was, where it was not the first."""
        return self.asked.pop(asked), self._begun.pop(asked, "")

    def cancel(self, event: HistoryEvent, asked: int) -> Observation:
        """The mission wants the activity no more."""
        return told(event, ObservationKind.EVENT, f"asks to cancel {_name(self.asked[asked])}", MISSION, asked)


def ended_badly(event: HistoryEvent, asked: HistoryEvent) -> Observation:
    """An activity that has no result. What left for a model all the same is told of it."""
    digests: dict[str, Digest] = {}
    match event.event_type:
        case EventType.EVENT_TYPE_ACTIVITY_TASK_FAILED:
            failed = event.activity_task_failed_event_attributes
            left, digests = departed_before(failed.failure)
            words, who = failure_words(failed.failure) + left, failed.identity
        case EventType.EVENT_TYPE_ACTIVITY_TASK_TIMED_OUT:
            words, who = f"timed out ({failure_words(event.activity_task_timed_out_event_attributes.failure)})", ""
        case _:
            words, who = "was cancelled", event.activity_task_canceled_event_attributes.identity
    found = told(event, ObservationKind.TROUBLE, f"{_name(asked)}: {words}", who, asked.event_id)
    return found.model_copy(update={"digests": {**found.digests, **digests}}) if digests else found


def _name(asked: HistoryEvent) -> str:
    return asked.activity_task_scheduled_event_attributes.activity_type.name
