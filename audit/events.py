"""
Events that are read alone: the mission's own markers and how its run ends. What a worker or a client says of itself is
marked `claimed`. What a mission exchanges with others is in `audit.neighbours`, what is done to its run in `audit.upkeep`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime

from google.protobuf.timestamp_pb2 import Timestamp
from pydantic import JsonValue
from temporalio.api.common.v1 import Payloads
from temporalio.api.enums.v1 import EventType
from temporalio.api.failure.v1 import Failure
from temporalio.api.history.v1 import HistoryEvent

from audit.folding import attributes_of
from audit.observation import Observation, ObservationKind
from audit.parts import value_of, when
from audit.payloads import json_of
from policies.requirement import Assurance

LOCAL_ACTIVITY = "core_local_activity"
"""The marker of a local activity; patches and side effects have others."""
MISSION = "the mission"
Reading = Callable[[HistoryEvent], Observation]


def told(
    event: HistoryEvent, kind: ObservationKind, what: str, actor: str | None = None, cause: int | None = None
) -> Observation:
    """An observation of what a worker says: claimed, where it names anybody."""
    return Observation(
        event_id=event.event_id,
        at=moment_of(event.event_time),
        kind=kind,
        what=what,
        actor=actor or None,
        assurance=Assurance.CLAIMED if actor else None,
        cause=cause or None,
    )


def sent(
    event: HistoryEvent, kind: ObservationKind, what: str, identity: str = "", *, workflow: str = "", cause: int | None = None
) -> Observation:
    """
    An observation about whoever sent a request: the principal where the server stamped one, else what they say.

    Args:
        workflow: The id of the workflow that sent it. The principal is that of its worker then, whoever that obeys.
    """
    if workflow:
        return told(event, kind, what, f"workflow {workflow}", cause)
    if not event.HasField("principal"):
        return told(event, kind, what, identity, cause)
    found = {"actor": f"{event.principal.type}:{event.principal.name}", "assurance": Assurance.ATTESTED}
    return told(event, kind, what, cause=cause).model_copy(update=found)


def itself(event: HistoryEvent) -> Observation:
    """*event* by its name, or by its number where this version has no name for it; with what it carries that is another's."""
    attributes = attributes_of(event)
    return told(event, ObservationKind.EVENT, name_of(event) + (f", with the attributes of {attributes}" if attributes else ""))


def name_of(event: HistoryEvent) -> str:
    """`timer fired`; `of type 4711`."""
    if event.event_type not in EventType.values():
        return f"of type {event.event_type}"
    return EventType.Name(event.event_type).removeprefix("EVENT_TYPE_").lower().replace("_", " ")


def moment_of(stamp: Timestamp) -> datetime:
    """Aware UTC; 1970 for a time that no calendar holds, which no server writes."""
    try:
        return when(stamp)
    except (ValueError, OverflowError):
        return datetime.fromtimestamp(0, UTC)


def values(payloads: Payloads | None) -> list[JsonValue]:
    """What each payload says; None for one that cannot be read."""
    return [value_of(json_of(payload)) for payload in payloads.payloads] if payloads is not None else []


def shown(value: JsonValue) -> str:
    """*value* on one line."""
    try:
        return "what cannot be read" if value is None else json.dumps(value, ensure_ascii=False, sort_keys=True)
    except RecursionError:
        return "what is nested too deeply to show"


def listed(found: Sequence[JsonValue]) -> str:
    """Several values on one line."""
    return ", ".join(shown(value) for value in found)


def failure_words(failure: Failure) -> str:
    """The failure's message and that of its innermost cause."""
    inner = failure
    while inner.HasField("cause"):
        inner = inner.cause
    return failure.message if inner is failure or inner.message == failure.message else f"{failure.message}: {inner.message}"


def cause_words(names: Iterable[tuple[str, int]], number: int) -> str:
    """What a server's cause is called: `non deterministic error`; its number where this version has no name for it."""
    found = next((name for name, value in names if value == number), "")
    return found.partition("_CAUSE_")[2].lower().replace("_", " ") or f"cause {number}"


def _first(payloads: Payloads | None) -> JsonValue:
    return next(iter(values(payloads)), None)


def _marker(event: HistoryEvent) -> Observation:
    """A local activity is one marker; any other marker is shown by its name."""
    attributes = event.marker_recorded_event_attributes
    local = attributes.marker_name == LOCAL_ACTIVITY
    header, result = (_first(attributes.details.get(name)) for name in ("data", "result"))
    named = header.get("activity_type") if isinstance(header, dict) and local else None
    activity = named if isinstance(named, str) else ""
    if attributes.HasField("failure"):
        words = f"{activity or attributes.marker_name}: {failure_words(attributes.failure)}"
        return told(event, ObservationKind.TROUBLE, words, actor=MISSION)
    if activity == "observe" and isinstance(result, dict):
        detail = f" ({result['detail']})" if result.get("detail") else ""
        holds = "holds" if result.get("passed") is True else "does not hold"
        return told(event, ObservationKind.OBSERVED, f"{result.get('name', '')}: {holds}{detail}", actor=MISSION)
    name = f"{attributes.marker_name} {activity}" if activity else attributes.marker_name
    return told(event, ObservationKind.EVENT, f"marker {name}", actor=MISSION)


def _finished(event: HistoryEvent) -> Observation:
    attributes = event.workflow_execution_completed_event_attributes
    found, after = _first(attributes.result), _goes_on(attributes.new_execution_run_id)
    if not isinstance(found, dict) or not isinstance(found.get("verdict"), str):
        return told(event, ObservationKind.FINISHED, f"verdict {shown(found)}{after}", actor=MISSION)
    reasons = found.get("reasons")
    why = "; ".join(str(reason) for reason in reasons) if isinstance(reasons, list) else ""
    what = f"verdict {found['verdict']}" + (f": {why}" if why else "")
    return told(event, ObservationKind.FINISHED, what + after, actor=MISSION)


def _run_failed(event: HistoryEvent) -> Observation:
    attributes = event.workflow_execution_failed_event_attributes
    words = f"the mission failed: {failure_words(attributes.failure)}{_goes_on(attributes.new_execution_run_id)}"
    return told(event, ObservationKind.ENDED, words, actor=MISSION)


def _run_timed_out(event: HistoryEvent) -> Observation:
    run = event.workflow_execution_timed_out_event_attributes.new_execution_run_id
    return told(event, ObservationKind.ENDED, f"the mission ran out of its time{_goes_on(run)}")


def _run_cancelled(event: HistoryEvent) -> Observation:
    return told(event, ObservationKind.ENDED, "the mission was cancelled")


def _terminated(event: HistoryEvent) -> Observation:
    attributes = event.workflow_execution_terminated_event_attributes
    reason = f": {attributes.reason}" if attributes.reason else ""
    return sent(event, ObservationKind.ENDED, f"the mission was terminated{reason}", attributes.identity)


def _continued(event: HistoryEvent) -> Observation:
    attributes = event.workflow_execution_continued_as_new_event_attributes
    given = f", carrying {listed(values(attributes.input))}" if attributes.input.payloads else ""
    words = f"this run is over, and the mission goes on as run {attributes.new_execution_run_id}{given}"
    return told(event, ObservationKind.ENDED, words, actor=MISSION)


def _goes_on(run_id: str) -> str:
    """The server itself begins another run, by a retry policy or a schedule."""
    return f"; it goes on as run {run_id}" if run_id else ""


READINGS: Mapping[int, Reading] = {
    EventType.EVENT_TYPE_MARKER_RECORDED: _marker,
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED: _finished,
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_FAILED: _run_failed,
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_TIMED_OUT: _run_timed_out,
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CANCELED: _run_cancelled,
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED: _terminated,
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW: _continued,
}
