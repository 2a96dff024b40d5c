"""What an auditor is told of events that are none of Sayso's making: who did what, and how sure that is."""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf.json_format import ParseDict
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import WorkflowTaskFailedCause
from temporalio.api.failure.v1 import Failure
from temporalio.api.history.v1 import HistoryEvent

from audit.folding import ENDED
from audit.observation import Observation, ObservationKind
from audit.rail import railed
from policies.requirement import Assurance
from tests.cli.histories import DIRECTORY, History, payload, payloads

CLAIMED = Assurance.CLAIMED


def last(history: History) -> Observation:
    """The rail's last entry."""
    return railed(history.record(), DIRECTORY).observations[-1]


RUN = WorkflowExecution(workflow_id="other", run_id="r-2")
META = {"updateId": "u-1", "identity": "ceo@corp"}
READ: dict[str, tuple[str, dict[str, Any], str, str | None]] = {
    "options": ("WORKFLOW_EXECUTION_OPTIONS_UPDATED", {"identity": "op@corp", "unset_versioning_override": True},
                "the run's options were changed: unset versioning override", "op@corp"),
    "paused": ("WORKFLOW_EXECUTION_PAUSED", {"identity": "op@corp", "reason": "lunch"}, "the run was paused: lunch", "op@corp"),
    "unpaused": ("WORKFLOW_EXECUTION_UNPAUSED", {"identity": "op@corp"}, "the run was unpaused", "op@corp"),
    "cancel": ("WORKFLOW_EXECUTION_CANCEL_REQUESTED", {"cause": "by hand", "identity": "ceo@corp"},
               "asked to cancel: by hand", "ceo@corp"),
    "cancel by a workflow": ("WORKFLOW_EXECUTION_CANCEL_REQUESTED", {"external_workflow_execution": RUN, "identity": "w"},
                             "asked to cancel", "workflow other"),
    "code": ("WORKFLOW_TASK_FAILED", {"cause": WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_NON_DETERMINISTIC_ERROR,
             "failure": Failure(message="order"), "identity": "w"}, "could not go on (non deterministic error): order", "w"),
    "cause of a newer server": ("WORKFLOW_TASK_FAILED", {"cause": 4711}, "could not go on (cause 4711)", None),
    "reset": ("WORKFLOW_TASK_FAILED", {"cause": WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_RESET_WORKFLOW,
              "base_run_id": "r-0", "failure": Failure(message="bad deploy"), "identity": "op@corp"},
              "the run was reset: it repeats run r-0 up to here, and goes on by itself: bad deploy", "op@corp"),
    "late worker": ("WORKFLOW_TASK_TIMED_OUT", {"timeout_type": 1}, "did not answer in time (start to close)", None),
    "patch": ("MARKER_RECORDED", {"marker_name": "core_patch"}, "marker core_patch", "the mission"),
    "properties": ("WORKFLOW_PROPERTIES_MODIFIED_EXTERNALLY", {"new_task_queue": "theirs"}, 
                   "changed from outside: new task queue", None),
    "activity": ("ACTIVITY_PROPERTIES_MODIFIED_EXTERNALLY", {"scheduled_event_id": 5},
                 "an activity's properties were changed", None),
    "clock": ("WORKFLOW_EXECUTION_TIME_SKIPPING_TRANSITIONED", {}, "clock was moved", None),
    "child": ("START_CHILD_WORKFLOW_EXECUTION_INITIATED", {"workflow_id": "other", "input": payloads({"a": 1})},
              'asks for workflow other of type  with {"a": 1}', "the mission"),
    "no child": ("START_CHILD_WORKFLOW_EXECUTION_FAILED", {"workflow_id": "other", "cause": 1, "initiated_event_id": 9},
                 "workflow other was not started: workflow already exists", None),
    "child runs": ("CHILD_WORKFLOW_EXECUTION_STARTED", {"workflow_execution": RUN, "initiated_event_id": 9},
                   "workflow other (run r-2) runs", "workflow other"),
    "child answers": ("CHILD_WORKFLOW_EXECUTION_COMPLETED", {"workflow_execution": RUN, "result": payloads(7)},
                      "workflow other (run r-2) answered 7", "workflow other"),
    "child fails": ("CHILD_WORKFLOW_EXECUTION_FAILED", {"workflow_execution": RUN, "failure": Failure(message="boom")},
                    "workflow other (run r-2) failed: boom", "workflow other"),
    "child cancelled": ("CHILD_WORKFLOW_EXECUTION_CANCELED", {"workflow_execution": RUN}, "was cancelled", "workflow other"),
    "child late": ("CHILD_WORKFLOW_EXECUTION_TIMED_OUT", {"workflow_execution": RUN}, "ran out of its time", "workflow other"),
    "child ended": ("CHILD_WORKFLOW_EXECUTION_TERMINATED", {"workflow_execution": RUN}, "was terminated", "workflow other"),
    "signals": ("SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED",
                {"workflow_execution": RUN, "signal_name": "decide", "input": payloads("yes")},
                'signals workflow other as `decide` with "yes"', "the mission"),
    "not signalled": ("SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_FAILED", {"workflow_execution": RUN, "cause": 1},
                      "workflow other was not signalled: external workflow execution not found", None),
    "signalled": ("EXTERNAL_WORKFLOW_EXECUTION_SIGNALED", {"workflow_execution": RUN}, "workflow other was signalled", None),
    "cancels": ("REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED", {"workflow_execution": RUN, "reason": "x"},
                "asks workflow other to cancel: x", "the mission"),
    "not cancelled": ("REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION_FAILED", {"workflow_execution": RUN, "cause": 1},
                      "workflow other was not asked to cancel: external workflow execution not found", None),
    "cancelled": ("EXTERNAL_WORKFLOW_EXECUTION_CANCEL_REQUESTED", {"workflow_execution": RUN}, "was asked to cancel", None),
    "update result": ("WORKFLOW_EXECUTION_UPDATE_COMPLETED", {"accepted_event_id": 9},
                      "was answered with nothing", "the mission"),
    "nexus": ("NEXUS_OPERATION_SCHEDULED", {"endpoint": "bank", "service": "s", "operation": "pay", "input": payload(1)},
              "asks Nexus endpoint bank for s.pay with 1, not through the gate", "the mission"),
    "nexus began": ("NEXUS_OPERATION_STARTED", {"scheduled_event_id": 9}, "the Nexus operation began", None),
    "nexus answered": ("NEXUS_OPERATION_COMPLETED", {"result": payload("ok")}, 'the Nexus operation answered "ok"', None),
    "nexus failed": ("NEXUS_OPERATION_FAILED", {"failure": Failure(message="no")}, "the Nexus operation failed: no", None),
    "nexus cancelled": ("NEXUS_OPERATION_CANCELED", {}, "the Nexus operation was cancelled", None),
    "nexus late": ("NEXUS_OPERATION_TIMED_OUT", {}, "the Nexus operation timed out", None),
    "goes on": ("WORKFLOW_EXECUTION_CONTINUED_AS_NEW", {"new_execution_run_id": "run-2", "input": payloads({"a": 1})},
                'goes on as run run-2, carrying {"a": 1}', "the mission"),
    "retried": ("WORKFLOW_EXECUTION_FAILED", {"failure": Failure(message="x"), "new_execution_run_id": "run-2"},
                "the mission failed: x; it goes on as run run-2", "the mission"),
}  # fmt: skip
"""Name of the story: type, attributes, words, actor."""


@pytest.mark.parametrize("story", READ)
def test_event_says_who_did_what(story: str) -> None:
    """All of these names are claims: identities are what a client says, and what a mission does its worker may invent."""
    kind, attributes, words, actor = READ[story]
    history = History().started()
    history.add(kind, **attributes)
    entry = last(history)
    assert words in entry.what
    assert (entry.actor, entry.assurance) == (actor, CLAIMED if actor else None)


def test_answers_of_others_name_what_they_answer() -> None:
    """An auditor follows a child to the request for it."""
    history = History().started()
    asked = history.add("START_CHILD_WORKFLOW_EXECUTION_INITIATED", workflow_id="other")
    history.add("CHILD_WORKFLOW_EXECUTION_STARTED", workflow_execution=RUN, initiated_event_id=asked)
    assert last(history).cause == asked


@pytest.mark.parametrize("kind", ["ADMITTED", "ACCEPTED", "REJECTED"])
def test_update_is_shown_with_its_sender_as_a_claim(kind: str) -> None:
    """The server stamps an update with the worker's principal, not with its sender's."""
    field = {"ADMITTED": "request", "ACCEPTED": "acceptedRequest", "REJECTED": "rejectedRequest"}[kind]
    history = History().started()
    request = {"meta": META, "input": {"name": "approve"}}
    content = {f"workflowExecutionUpdate{kind.title()}EventAttributes": {field: request}}
    made = {"eventId": "2", "eventType": f"EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_{kind}", **content}
    history.events.append(ParseDict(made, HistoryEvent()))
    history.events[-1].principal.type, history.events[-1].principal.name = "worker", "mission"
    assert (last(history).actor, last(history).assurance) == ("ceo@corp", CLAIMED)
    assert "update `approve` with nothing" in last(history).what


def test_principal_that_the_server_stamped_is_attested() -> None:
    """Beside it, the identity is not believed."""
    history = History().started()
    history.add("WORKFLOW_EXECUTION_TERMINATED", identity="ceo@corp")
    history.events[-1].principal.type, history.events[-1].principal.name = "user", "sam"
    assert (last(history).actor, last(history).assurance) == ("user:sam", Assurance.ATTESTED)


def test_retried_activity_says_so_with_what_failed_before() -> None:
    """The beginning is folded into the end, and so is what it knew."""
    history = History().started()
    asked = history.asked("read", {"operation": "orders.get_case"})
    history.add("ACTIVITY_TASK_STARTED", scheduled_event_id=asked, attempt=3, last_failure=Failure(message="refused"))
    history.add("ACTIVITY_TASK_COMPLETED", scheduled_event_id=asked, result=payloads({}))
    assert last(history).what == "orders.get_case {} (attempt 3, after: refused)"
    folded = railed(history.record(), DIRECTORY).folded
    assert [(fold.event_id, fold.into) for fold in folded] == [(2, 4), (3, None)]
    assert folded[0].why == ENDED


def test_activity_that_the_mission_wants_no_more() -> None:
    """Named, with the request that it was."""
    history = History().started()
    asked = history.asked("read", {})
    history.add("ACTIVITY_TASK_CANCEL_REQUESTED", scheduled_event_id=asked)
    assert (last(history).what, last(history).cause) == ("asks to cancel read", asked)


def test_marker_that_only_looks_like_a_check_is_no_check() -> None:
    """A side effect may hold anything."""
    history = History().started()
    marker = history.add("MARKER_RECORDED", marker_name="mutable_side_effect")
    details = history.events[marker - 1].marker_recorded_event_attributes.details
    details["data"].CopyFrom(payloads({"activity_type": "observe"}))
    details["result"].CopyFrom(payloads({"name": "paid", "passed": True}))
    assert (last(history).kind, last(history).what) == (ObservationKind.EVENT, "marker mutable_side_effect")
