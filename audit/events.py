"""
Events that are read alone: markers, endings, failures, and those that only have a name. What a worker or a client says of
itself is marked `claimed`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

from pydantic import JsonValue
from temporalio.api.common.v1 import Payloads
from temporalio.api.enums.v1 import EventType
from temporalio.api.failure.v1 import Failure
from temporalio.api.history.v1 import HistoryEvent

from audit.observation import Observation, ObservationKind
from audit.payloads import json_of
from audit.record import MissionRecord, when
from policies.canonical import parse
from policies.errors import CanonicalError
from policies.requirement import Assurance


def alone(event: HistoryEvent, record: MissionRecord) -> Observation:
    """What *event* says by itself; an event without a reading here appears by its name."""
    reading = _READINGS.get(event.event_type)
    return reading(event, record) if reading else _itself(event)


def _marker(event: HistoryEvent, record: MissionRecord) -> Observation:
    """A local activity is one marker; any other marker is shown by its name."""
    attributes = event.marker_recorded_event_attributes
    header, result = (_first(attributes.details.get(name)) for name in ("data", "result"))
    activity = header.get("activity_type") if isinstance(header, dict) else None
    if attributes.HasField("failure"):
        return told(event, ObservationKind.TROUBLE, f"{activity or attributes.marker_name}: {_failure(attributes.failure)}")
    if activity == "observe" and isinstance(result, dict):
        detail = f" ({result['detail']})" if result.get("detail") else ""
        holds = "holds" if result.get("passed") is True else "does not hold"
        return told(event, ObservationKind.OBSERVED, f"{result.get('name', '')}: {holds}{detail}", actor="the mission")
    name = f"{attributes.marker_name} {activity}" if activity else attributes.marker_name
    return told(event, ObservationKind.EVENT, f"marker {name}")


def _finished(event: HistoryEvent, record: MissionRecord) -> Observation:
    verdict = _first(event.workflow_execution_completed_event_attributes.result)
    if not isinstance(verdict, dict) or not isinstance(verdict.get("verdict"), str):
        return told(event, ObservationKind.FINISHED, f"verdict {shown(verdict)}", actor="the mission")
    reasons = verdict.get("reasons")
    why = "; ".join(str(reason) for reason in reasons) if isinstance(reasons, list) else ""
    what = f"verdict {verdict['verdict']}" + (f": {why}" if why else "")
    return told(event, ObservationKind.FINISHED, what, actor="the mission")


def _run_failed(event: HistoryEvent, record: MissionRecord) -> Observation:
    words = f"the mission failed: {_failure(event.workflow_execution_failed_event_attributes.failure)}"
    return told(event, ObservationKind.ENDED, words, actor="the mission")


def _run_timed_out(event: HistoryEvent, record: MissionRecord) -> Observation:
    return told(event, ObservationKind.ENDED, "the mission ran out of its time")


def _run_cancelled(event: HistoryEvent, record: MissionRecord) -> Observation:
    return told(event, ObservationKind.ENDED, "the mission was cancelled")


def _terminated(event: HistoryEvent, record: MissionRecord) -> Observation:
    attributes = event.workflow_execution_terminated_event_attributes
    reason = f": {attributes.reason}" if attributes.reason else ""
    return _by(event, ObservationKind.ENDED, f"the mission was terminated{reason}", attributes.identity)


def _cancel_requested(event: HistoryEvent, record: MissionRecord) -> Observation:
    attributes = event.workflow_execution_cancel_requested_event_attributes
    reason = f": {attributes.cause}" if attributes.cause else ""
    return _by(event, ObservationKind.EVENT, f"the mission was asked to cancel{reason}", attributes.identity)


def _continued(event: HistoryEvent, record: MissionRecord) -> Observation:
    run = event.workflow_execution_continued_as_new_event_attributes.new_execution_run_id
    return told(event, ObservationKind.ENDED, f"the mission goes on as run {run}")


def _activity_failed(event: HistoryEvent, record: MissionRecord) -> Observation:
    attributes = event.activity_task_failed_event_attributes
    return _activity_trouble(event, record, attributes.scheduled_event_id, _failure(attributes.failure))


def _activity_timed_out(event: HistoryEvent, record: MissionRecord) -> Observation:
    attributes = event.activity_task_timed_out_event_attributes
    return _activity_trouble(event, record, attributes.scheduled_event_id, f"timed out ({_failure(attributes.failure)})")


def _activity_cancelled(event: HistoryEvent, record: MissionRecord) -> Observation:
    attributes = event.activity_task_canceled_event_attributes
    return _activity_trouble(event, record, attributes.scheduled_event_id, "was cancelled")


def _activity_trouble(event: HistoryEvent, record: MissionRecord, scheduled: int, words: str) -> Observation:
    asked = record.opened[scheduled - 1] if 0 < scheduled <= len(record.opened) else None
    name = asked.activity_task_scheduled_event_attributes.activity_type.name if asked else "an activity"
    return told(event, ObservationKind.TROUBLE, f"{name}: {words}", cause=scheduled)


def _task_failed(event: HistoryEvent, record: MissionRecord) -> Observation:
    failure = event.workflow_task_failed_event_attributes.failure
    return told(event, ObservationKind.TROUBLE, f"the mission's code could not go on: {_failure(failure)}")


def _task_timed_out(event: HistoryEvent, record: MissionRecord) -> Observation:
    return told(event, ObservationKind.TROUBLE, "a mission worker did not answer in time; the server asks another")


_READINGS: Mapping[int, Callable[[HistoryEvent, MissionRecord], Observation]] = {
    EventType.EVENT_TYPE_MARKER_RECORDED: _marker,
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED: _finished,
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_FAILED: _run_failed,
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_TIMED_OUT: _run_timed_out,
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CANCELED: _run_cancelled,
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED: _terminated,
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW: _continued,
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CANCEL_REQUESTED: _cancel_requested,
    EventType.EVENT_TYPE_ACTIVITY_TASK_FAILED: _activity_failed,
    EventType.EVENT_TYPE_ACTIVITY_TASK_TIMED_OUT: _activity_timed_out,
    EventType.EVENT_TYPE_ACTIVITY_TASK_CANCELED: _activity_cancelled,
    EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED: _task_failed,
    EventType.EVENT_TYPE_WORKFLOW_TASK_TIMED_OUT: _task_timed_out,
}


def _itself(event: HistoryEvent) -> Observation:
    known = event.event_type in EventType.values()
    name = EventType.Name(event.event_type).removeprefix("EVENT_TYPE_").lower() if known else f"of type {event.event_type}"
    return told(event, ObservationKind.EVENT, name.replace("_", " "))


def _by(event: HistoryEvent, kind: ObservationKind, what: str, identity: str) -> Observation:
    """An observation about whoever sent a request: the principal where the server stamped one, else what they say."""
    if event.HasField("principal"):
        actor, assurance = f"{event.principal.type}:{event.principal.name}", Assurance.ATTESTED
    else:
        actor, assurance = identity, Assurance.CLAIMED
    return told(event, kind, what).model_copy(update={"actor": actor or None, "assurance": assurance if actor else None})


def told(
    event: HistoryEvent, kind: ObservationKind, what: str, actor: str | None = None, cause: int | None = None
) -> Observation:
    """An observation of what a worker says: claimed, where it names anybody."""
    return Observation(
        event_id=event.event_id,
        at=when(event.event_time),
        kind=kind,
        what=what,
        actor=actor,
        assurance=Assurance.CLAIMED if actor else None,
        cause=cause,
    )


def _first(payloads: Payloads | None) -> JsonValue:
    data = json_of(payloads.payloads[0]) if payloads is not None and payloads.payloads else None
    try:
        return parse(data) if data is not None else None
    except CanonicalError:
        return None


def shown(value: JsonValue) -> str:
    return "what cannot be read" if value is None else json.dumps(value, ensure_ascii=False, sort_keys=True)


def _failure(failure: Failure) -> str:
    """The failure's message and that of its innermost cause."""
    inner = failure
    while inner.HasField("cause"):
        inner = inner.cause
    return failure.message if inner is failure or inner.message == failure.message else f"{failure.message}: {inner.message}"
