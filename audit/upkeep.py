"""
What is done to a mission's run from outside its code: workers that fail at it, options that somebody changes, pauses, a
reset. Whoever did it is the server's principal where it stamped one, else what they say.
"""

from __future__ import annotations

from collections.abc import Mapping

from google.protobuf.message import Message
from temporalio.api.enums.v1 import EventType, TimeoutType, WorkflowTaskFailedCause
from temporalio.api.history.v1 import HistoryEvent

from audit.events import MISSION, Reading, cause_words, failure_words, sent, shown, told
from audit.observation import Observation, ObservationKind
from audit.parts import value_of
from audit.payloads import json_of

_EVENT, _TROUBLE = ObservationKind.EVENT, ObservationKind.TROUBLE
_RESET = WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_RESET_WORKFLOW


def _task_failed(event: HistoryEvent) -> Observation:
    """
    Also how a reset stands in the run that it made: the server fails the task from which the run begins anew, and names the
    run that it repeats. A worker that fails its task may give any cause, and no run.
    """
    attributes = event.workflow_task_failed_event_attributes
    why = failure_words(attributes.failure)
    if attributes.cause == _RESET and attributes.base_run_id:
        words = f"the run was reset: it repeats run {attributes.base_run_id} up to here, and goes on by itself"
        return sent(event, _TROUBLE, words + (f": {why}" if why else ""), attributes.identity)
    cause = cause_words(WorkflowTaskFailedCause.items(), attributes.cause)
    words = f"the mission's code could not go on ({cause})" + (f": {why}" if why else "")
    return told(event, _TROUBLE, words, attributes.identity)


def _task_timed_out(event: HistoryEvent) -> Observation:
    kind = event.workflow_task_timed_out_event_attributes.timeout_type
    named = next((name for name, number in TimeoutType.items() if number == kind), "")
    words = named.removeprefix("TIMEOUT_TYPE_").lower().replace("_", " ") or f"timeout {kind}"
    return told(event, _TROUBLE, f"a mission worker did not answer in time ({words}); the server asks another")


def _options_updated(event: HistoryEvent) -> Observation:
    attributes = event.workflow_execution_options_updated_event_attributes
    changed = _fields(attributes, "identity", "attached_request_id")
    return sent(event, _EVENT, f"the run's options were changed: {changed}", attributes.identity)


def _paused(event: HistoryEvent) -> Observation:
    attributes = event.workflow_execution_paused_event_attributes
    return sent(event, _EVENT, _with("the run was paused", attributes.reason), attributes.identity)


def _unpaused(event: HistoryEvent) -> Observation:
    attributes = event.workflow_execution_unpaused_event_attributes
    return sent(event, _EVENT, _with("the run was unpaused", attributes.reason), attributes.identity)


def _memo(event: HistoryEvent) -> Observation:
    memo = event.workflow_properties_modified_event_attributes.upserted_memo
    given = "; ".join(f"{name} = {shown(value_of(json_of(memo.fields[name])))}" for name in sorted(memo.fields))
    return told(event, _EVENT, f"notes in its memo: {given or 'nothing'}", MISSION)


def _properties(event: HistoryEvent) -> Observation:
    attributes = event.workflow_properties_modified_externally_event_attributes
    return sent(event, _EVENT, f"the run's properties were changed from outside: {_fields(attributes)}")


def _activity_properties(event: HistoryEvent) -> Observation:
    attributes = event.activity_properties_modified_externally_event_attributes
    words = f"an activity's properties were changed from outside: {_fields(attributes, 'scheduled_event_id')}"
    return sent(event, _EVENT, words, cause=attributes.scheduled_event_id)


def _time_skipped(event: HistoryEvent) -> Observation:
    return told(event, _TROUBLE, "the server's clock was moved by somebody: times from here on are not those of a wall clock")


def _fields(attributes: Message, *but: str) -> str:
    names = (field.name for field, _ in attributes.ListFields())
    return ", ".join(name.replace("_", " ") for name in names if name not in but) or "nothing"


def _with(words: str, reason: str) -> str:
    return f"{words}: {reason}" if reason else words


READINGS: Mapping[int, Reading] = {
    EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED: _task_failed,
    EventType.EVENT_TYPE_WORKFLOW_TASK_TIMED_OUT: _task_timed_out,
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_OPTIONS_UPDATED: _options_updated,
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_PAUSED: _paused,
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UNPAUSED: _unpaused,
    EventType.EVENT_TYPE_WORKFLOW_PROPERTIES_MODIFIED: _memo,
    EventType.EVENT_TYPE_WORKFLOW_PROPERTIES_MODIFIED_EXTERNALLY: _properties,
    EventType.EVENT_TYPE_ACTIVITY_PROPERTIES_MODIFIED_EXTERNALLY: _activity_properties,
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_TIME_SKIPPING_TRANSITIONED: _time_skipped,
}
