"""
What passes between a mission and others: workflows it starts, signals or cancels, Nexus operations it asks for, and
updates it is sent. None of it is of Sayso's making, and none of it goes through the gate: an auditor must see it.
"""

from __future__ import annotations

from collections.abc import Mapping

from temporalio.api.enums.v1 import (
    CancelExternalWorkflowExecutionFailedCause,
    EventType,
    SignalExternalWorkflowExecutionFailedCause,
    StartChildWorkflowExecutionFailedCause,
)
from temporalio.api.history.v1 import HistoryEvent
from temporalio.api.update.v1 import Request

from audit.events import MISSION, Reading, cause_words, failure_words, listed, sent, shown, told, values
from audit.observation import Observation, ObservationKind
from audit.parts import value_of
from audit.payloads import json_of

_EVENT, _TROUBLE = ObservationKind.EVENT, ObservationKind.TROUBLE


def _child_asked(event: HistoryEvent) -> Observation:
    asked = event.start_child_workflow_execution_initiated_event_attributes
    given = listed(values(asked.input)) or "nothing"
    words = f"asks for workflow {asked.workflow_id} of type {asked.workflow_type.name} with {given}"
    return told(event, _EVENT, words, MISSION)


def _child_refused(event: HistoryEvent) -> Observation:
    found = event.start_child_workflow_execution_failed_event_attributes
    why = cause_words(StartChildWorkflowExecutionFailedCause.items(), found.cause)
    return told(event, _TROUBLE, f"workflow {found.workflow_id} was not started: {why}", cause=found.initiated_event_id)


def _child(field: str, words: str, kind: ObservationKind = _EVENT) -> Reading:
    """A reading of what became of a workflow that the mission started."""

    def reading(event: HistoryEvent) -> Observation:
        found = getattr(event, f"child_workflow_execution_{field}_event_attributes")
        child, known = found.workflow_execution, {name.name for name, _ in found.ListFields()}
        failure = f": {failure_words(found.failure)}" if "failure" in known else ""
        answer = f" {listed(values(found.result))}" if "result" in known else ""
        said = f"workflow {child.workflow_id} (run {child.run_id}) {words}{answer}{failure}"
        return told(event, kind, said, f"workflow {child.workflow_id}", found.initiated_event_id)

    return reading


def _signals(event: HistoryEvent) -> Observation:
    asked = event.signal_external_workflow_execution_initiated_event_attributes
    given = listed(values(asked.input)) or "nothing"
    words = f"signals workflow {asked.workflow_execution.workflow_id} as `{asked.signal_name}` with {given}"
    return told(event, _EVENT, words, MISSION)


def _not_signalled(event: HistoryEvent) -> Observation:
    found = event.signal_external_workflow_execution_failed_event_attributes
    why = cause_words(SignalExternalWorkflowExecutionFailedCause.items(), found.cause)
    words = f"workflow {found.workflow_execution.workflow_id} was not signalled: {why}"
    return told(event, _TROUBLE, words, cause=found.initiated_event_id)


def _signalled(event: HistoryEvent) -> Observation:
    found = event.external_workflow_execution_signaled_event_attributes
    words = f"workflow {found.workflow_execution.workflow_id} was signalled"
    return told(event, _EVENT, words, cause=found.initiated_event_id)


def _cancels(event: HistoryEvent) -> Observation:
    asked = event.request_cancel_external_workflow_execution_initiated_event_attributes
    reason = f": {asked.reason}" if asked.reason else ""
    return told(event, _EVENT, f"asks workflow {asked.workflow_execution.workflow_id} to cancel{reason}", MISSION)


def _not_cancelled(event: HistoryEvent) -> Observation:
    found = event.request_cancel_external_workflow_execution_failed_event_attributes
    why = cause_words(CancelExternalWorkflowExecutionFailedCause.items(), found.cause)
    words = f"workflow {found.workflow_execution.workflow_id} was not asked to cancel: {why}"
    return told(event, _TROUBLE, words, cause=found.initiated_event_id)


def _cancelled(event: HistoryEvent) -> Observation:
    found = event.external_workflow_execution_cancel_requested_event_attributes
    words = f"workflow {found.workflow_execution.workflow_id} was asked to cancel"
    return told(event, _EVENT, words, cause=found.initiated_event_id)


def _update_admitted(event: HistoryEvent) -> Observation:
    return _update(event, "came in", event.workflow_execution_update_admitted_event_attributes.request)


def _update_accepted(event: HistoryEvent) -> Observation:
    return _update(event, "was accepted", event.workflow_execution_update_accepted_event_attributes.accepted_request)


def _update_rejected(event: HistoryEvent) -> Observation:
    found = event.workflow_execution_update_rejected_event_attributes
    return _update(event, f"was rejected: {failure_words(found.failure)}", found.rejected_request)


def _update(event: HistoryEvent, became: str, asked: Request) -> Observation:
    # The principal on such an event is the mission worker's, which wrote it: the sender is only who they say they are.
    words = f"update `{asked.input.name}` with {listed(values(asked.input.args)) or 'nothing'} {became}; it decides nothing"
    return told(event, _EVENT, words, asked.meta.identity)


def _update_done(event: HistoryEvent) -> Observation:
    found = event.workflow_execution_update_completed_event_attributes
    failed = found.outcome.HasField("failure")
    answer = failure_words(found.outcome.failure) if failed else listed(values(found.outcome.success)) or "nothing"
    words = f"update {found.meta.update_id} {'failed with' if failed else 'was answered with'} {answer}"
    return told(event, _EVENT, words, MISSION, found.accepted_event_id)


def _nexus_asked(event: HistoryEvent) -> Observation:
    asked = event.nexus_operation_scheduled_event_attributes
    given = shown(value_of(json_of(asked.input)))
    words = f"asks Nexus endpoint {asked.endpoint} for {asked.service}.{asked.operation} with {given}, not through the gate"
    return told(event, _EVENT, words, MISSION)


def _nexus(field: str, words: str, kind: ObservationKind = _EVENT) -> Reading:
    """A reading of what became of a Nexus operation."""

    def reading(event: HistoryEvent) -> Observation:
        found = getattr(event, f"nexus_operation_{field}_event_attributes")
        known = {name.name for name, _ in found.ListFields()}
        failure = f": {failure_words(found.failure)}" if "failure" in known else ""
        answer = f" {shown(value_of(json_of(found.result)))}" if "result" in known else ""
        return told(event, kind, f"the Nexus operation {words}{answer}{failure}", cause=found.scheduled_event_id)

    return reading


def _cancel_requested(event: HistoryEvent) -> Observation:
    attributes = event.workflow_execution_cancel_requested_event_attributes
    reason = f": {attributes.cause}" if attributes.cause else ""
    workflow = attributes.external_workflow_execution.workflow_id
    return sent(event, _EVENT, f"the mission was asked to cancel{reason}", attributes.identity, workflow=workflow)


READINGS: Mapping[int, Reading] = {
    EventType.EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_INITIATED: _child_asked,
    EventType.EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_FAILED: _child_refused,
    EventType.EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_STARTED: _child("started", "runs"),
    EventType.EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_COMPLETED: _child("completed", "answered"),
    EventType.EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_FAILED: _child("failed", "failed", _TROUBLE),
    EventType.EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_CANCELED: _child("canceled", "was cancelled", _TROUBLE),
    EventType.EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_TIMED_OUT: _child("timed_out", "ran out of its time", _TROUBLE),
    EventType.EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_TERMINATED: _child("terminated", "was terminated", _TROUBLE),
    EventType.EVENT_TYPE_SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED: _signals,
    EventType.EVENT_TYPE_SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_FAILED: _not_signalled,
    EventType.EVENT_TYPE_EXTERNAL_WORKFLOW_EXECUTION_SIGNALED: _signalled,
    EventType.EVENT_TYPE_REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED: _cancels,
    EventType.EVENT_TYPE_REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION_FAILED: _not_cancelled,
    EventType.EVENT_TYPE_EXTERNAL_WORKFLOW_EXECUTION_CANCEL_REQUESTED: _cancelled,
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CANCEL_REQUESTED: _cancel_requested,
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ADMITTED: _update_admitted,
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED: _update_accepted,
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_REJECTED: _update_rejected,
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_COMPLETED: _update_done,
    EventType.EVENT_TYPE_NEXUS_OPERATION_SCHEDULED: _nexus_asked,
    EventType.EVENT_TYPE_NEXUS_OPERATION_STARTED: _nexus("started", "began"),
    EventType.EVENT_TYPE_NEXUS_OPERATION_COMPLETED: _nexus("completed", "answered"),
    EventType.EVENT_TYPE_NEXUS_OPERATION_FAILED: _nexus("failed", "failed", _TROUBLE),
    EventType.EVENT_TYPE_NEXUS_OPERATION_CANCELED: _nexus("canceled", "was cancelled", _TROUBLE),
    EventType.EVENT_TYPE_NEXUS_OPERATION_TIMED_OUT: _nexus("timed_out", "timed out", _TROUBLE),
    EventType.EVENT_TYPE_NEXUS_OPERATION_CANCEL_REQUESTED: _nexus("cancel_requested", "was asked to cancel"),
    EventType.EVENT_TYPE_NEXUS_OPERATION_CANCEL_REQUEST_COMPLETED: _nexus("cancel_request_completed", "took the cancel"),
    EventType.EVENT_TYPE_NEXUS_OPERATION_CANCEL_REQUEST_FAILED: _nexus("cancel_request_failed", "refused the cancel", _TROUBLE),
}
