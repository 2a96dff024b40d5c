"""
What leaves the processes of a stack while a refund goes from its start to its receipt: one trace, numbers worth an alert, lines
with ids, and no word of what it was about. Everything is real: processes, collector, page, logs.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from temporalio.api.common.v1 import Header, Payload, Payloads, WorkflowExecution
from temporalio.api.workflowservice.v1 import SignalWorkflowExecutionRequest
from temporalio.client import ActivityFailureError, Client
from temporalio.common import RetryPolicy

from approvals.decision import SIGNAL
from tests.e2e.observed import API_KEY, MODEL_WORDS, Observed, observed, sum_of
from tests.e2e.spans import Told
from tests.leaks import Leaks, Needle, secrets_of
from workers.telemetry.scrub import SCOPES
from workers.telemetry.sieve import HEADER

MISSION = "refund-CASE-1001"
PURPOSE = "Marguerite Duras wants her kettle back"
REASON = "because Marguerite is a friend of the house"
NAME = "signal for Marguerite Duras"
SENSITIVE = {
    "what the customer wrote": "the kettle stopped working",
    "the customer": "CUST-3001",
    "the order": "ORD-2001",
    "an argument": "refund for CASE-1001",
    "what the model wrote": MODEL_WORDS,
    "an approver's reason": REASON,
    "text in an error": PURPOSE,
    "the name of a signal": NAME,
    "the model's credential": API_KEY,
}
HOSTILE = Payload(metadata={"encoding": b"json/plain"}, data=b'{"traceparent": ["not one"], "baggage": "who=Marguerite"')


@dataclass
class Story:
    """One mission's life, and what was seen meanwhile."""

    stack: Observed
    trace_id: str = ""
    proposal_id: str = ""
    waiting: str = ""
    later: str = ""
    approval: dict[str, Any] = field(default_factory=dict)

    @property
    def spans(self) -> list[Told]:
        """Those of its trace."""
        return self.stack.collector.of(self.trace_id)

    def span(self, name: str) -> Told:
        """The only span of its trace with that name."""
        (found,) = [span for span in self.spans if span.name == name]
        return found

    def above(self, span: Told) -> list[str]:
        """The names of the spans above *span*, up to the root."""
        by_id = {each.span_id: each for each in self.spans}
        names = []
        while span.parent_id:
            span = by_id[span.parent_id]
            names.append(span.name)
        return names


@pytest.fixture(scope="module")
async def story(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Story]:
    """A refund: proposed, a forged decision and trouble of other kinds, approved, paid."""
    with observed(tmp_path_factory.mktemp("observed")) as stack:
        told = Story(stack)
        stack.sayso("start", "refund", "--input", json.dumps({"case_id": "CASE-1001"}))
        _proposed(told)
        await _trouble(told)
        stack.collector.wait(lambda: stack.metric("commit", "sayso_refusals_total", reason="signature"))
        told.approval = stack.sayso("approve", told.proposal_id, "--as", "sam", "--yes", "--reason", REASON)
        stack.collector.wait(lambda: stack.collector.named("RunWorkflow:refund"))
        stack.collector.wait(lambda: stack.collector.named("RunWorkflow:use"))
        stack.collector.wait(lambda: not stack.metric("commit", "sayso_pending_decisions"))
        told.trace_id = stack.collector.named("StartWorkflow:refund")[0].trace_id
        yield told


def _proposed(told: Story) -> None:
    stack = told.stack
    stack.collector.wait(lambda: stack.metric("commit", "sayso_pending_age_seconds", group="support-lead"))
    told.waiting = stack.page("commit")
    told.proposal_id = stack.sayso("queue")["items"][0]["proposal_id"]
    stack.collector.wait(lambda: stack.metric("commit", "sayso_pending_age_seconds", group="support-lead") > 2)
    told.later = stack.page("commit")


async def _trouble(told: Story) -> None:
    """A forged decision, signals whose name and headers are hostile, an error that quotes what it was given."""
    client = await Client.connect(told.stack.address)
    token = told.stack.sayso("sign", told.proposal_id, "--verdict", "approve", "--as", "sam")["payload"]
    forged = token[:-8] + ("AAAAAAAA" if not token.endswith("AAAAAAAA") else "BBBBBBBB")
    for name, value in ((SIGNAL, forged), (NAME, "x")):
        request = SignalWorkflowExecutionRequest(
            namespace="default",
            workflow_execution=WorkflowExecution(workflow_id=MISSION),
            signal_name=name,
            input=Payloads(payloads=await client.data_converter.encode([value])),
            header=Header(fields={HEADER: HOSTILE}),
        )
        await client.workflow_service.signal_workflow_execution(request)
    with contextlib.suppress(ActivityFailureError):
        given = {"purpose": PURPOSE, "inputs": {}, "result_schema": {}}
        once, second = RetryPolicy(maximum_attempts=1), timedelta(seconds=10)
        await client.execute_activity(
            "reason", given, id="gossip", task_queue="reasoning", start_to_close_timeout=second, retry_policy=once
        )


def test_one_trace_runs_from_the_start_to_the_receipt(story: Story) -> None:
    """Across processes, the wait for people, and the use; up from the payment to the command that started it."""
    above = story.above(story.span("tools/call issue_refund"))
    assert above == [
        "sayso.settle",
        "RunActivity:settle",
        "StartActivity:settle",
        "RunWorkflow:refund",
        "StartWorkflow:refund",
    ]
    assert story.span("StartWorkflow:refund").parent_id == ""
    assert story.above(story.span("RunWorkflow:use"))[:2] == ["StartWorkflow:use", "sayso.settle"]
    assert {span.service for span in story.spans} == {"sayso-cli", *(f"sayso-{role}" for role in story.stack.ports)}
    assert {span.scope for span in story.stack.collector.spans} <= SCOPES


def test_decision_has_a_trace_of_its_own_that_the_settlement_points_to(story: Story) -> None:
    """An approver may act for many missions; whose command it was is a link, not a parent."""
    (sent,) = story.stack.collector.named("SignalWorkflow:decide")
    settled = [span for span in story.spans if span.name == "sayso.settle" and span.links]
    assert sent.trace_id != story.trace_id
    assert [span.links for span in settled] == [(sent.trace_id,)]


def test_model_call_has_what_the_conventions_ask_for(story: Story) -> None:
    """OpenTelemetry semantic conventions, GenAI: a `chat` span of kind client, without content."""
    chat = story.span("chat judge")
    assert chat.attributes == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "judge",
        "gen_ai.response.model": "judge-2026-11",
        "gen_ai.usage.input_tokens": 321,
        "gen_ai.usage.output_tokens": 45,
        "gen_ai.output.type": "json",
        "gen_ai.prompt.name": "refund/assess",
    }
    assert story.above(chat)[:2] == ["RunActivity:reason", "StartActivity:reason"]


def test_tool_call_has_what_the_conventions_ask_for(story: Story) -> None:
    """OpenTelemetry semantic conventions, MCP: `{method} {tool}`, and what it was sent over."""
    call = story.span("tools/call issue_refund").attributes
    assert {"server.address", "server.port"} < call.keys()
    assert {name: value for name, value in call.items() if not name.startswith("server.")} == {
        "mcp.method.name": "tools/call",
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "issue_refund",
        "network.transport": "tcp",
        "network.protocol.name": "http",
    }


def test_gate_tells_what_it_settled_and_how_fast(story: Story) -> None:
    """Ids, kinds and seconds."""
    settled = [span.attributes for span in story.spans if span.name == "sayso.settle"]
    paid = next(each for each in settled if each["sayso.settlement.kind"] == "receipt")
    assert {paid["sayso.mission.id"], paid["sayso.proposal"]} == {MISSION, story.proposal_id}
    assert 0 < float(str(paid["sayso.admission.seconds"])) < 10
    assert any("signature" in str(each.get("sayso.refused.by")) for each in settled)
    assert story.span("sayso.propose").attributes["sayso.proposal"] == story.proposal_id


def test_no_span_is_told_twice(story: Story) -> None:
    """A replayed workflow makes its spans again; they leave once."""
    ids = [span.span_id for span in story.stack.collector.spans]
    assert len(ids) == len(set(ids))


def test_page_shows_what_waits_and_for_how_long_and_then_that_nothing_does(story: Story) -> None:
    """By the group that is asked; the age grows between two looks."""
    name, age = "sayso_pending_decisions", "sayso_pending_age_seconds"
    assert (sum_of(story.waiting, name, group="support-lead"), sum_of(story.waiting, name, group="finance")) == (1, 0)
    assert 0 < sum_of(story.waiting, age, group="support-lead") < sum_of(story.later, age, group="support-lead") < 60
    assert story.stack.metric("commit", name) == 0
    assert story.stack.metric("commit", "sayso_pending_poll_age_seconds") < 5
    assert story.stack.metric("commit", "sayso_pending_unverified") == 0


def test_refusals_decisions_and_settlements_are_counted(story: Story) -> None:
    """The forged decision once, however often it was settled after; the approval once."""
    metric = story.stack.metric
    assert metric("commit", "sayso_refusals_total", stage="decision", reason="signature") == 1
    assert metric("commit", "sayso_refusals_total", stage="decision", reason="unreadable") == 1
    assert metric("commit", "sayso_decisions_total", verdict="approve", counts="true") == 1
    assert metric("commit", "sayso_decisions_total", verdict="approve", counts="false") == 1
    assert metric("commit", "sayso_settlements_total", kind="receipt") == 1
    assert metric("commit", "sayso_proposals_total", outcome="proposed") == 1
    assert metric("commit", "sayso_admission_duration_seconds_count") == 1
    assert metric("commit", "sayso_send_duration_seconds_count", gen_ai_tool_name="issue_refund") == 1


def test_calls_of_models_and_tools_and_failures_are_counted(story: Story) -> None:
    """With their outcomes."""
    metric = story.stack.metric
    assert metric("reason", "gen_ai_client_token_usage_sum", gen_ai_token_type="input") == 321
    assert metric("reason", "gen_ai_client_operation_duration_seconds_count", gen_ai_request_model="judge") == 1
    assert metric("read", "mcp_client_operation_duration_seconds_count", gen_ai_tool_name="get_case") == 1
    failed = {"activity": "reason", "error_type": "UnknownPurpose"}
    assert metric("reason", "sayso_activity_duration_seconds_count", **failed) == 1


def test_collector_gets_the_same_metrics_and_those_of_the_sdk(story: Story) -> None:
    """One set of instruments, whichever way they leave; Temporal's core sends its own beside them."""
    wanted = {"sayso.pending.age", "sayso.refusals", "sayso.admission.duration", "gen_ai.client.token.usage"}
    story.stack.collector.wait(lambda: wanted <= story.stack.collector.metrics)
    assert any(name.startswith("temporal_") for name in story.stack.collector.metrics)


def test_log_lines_lead_to_mission_run_proposal_and_trace(story: Story) -> None:
    """Ours, and what the SDK writes about a failed attempt."""
    lines = [line for line in story.stack.log("commit") if line["event"] == "activity.done"]
    run_id = story.approval["run_id"]
    assert lines and all((line["mission_id"], line["run_id"]) == (MISSION, run_id) for line in lines)
    assert {(line["proposal_id"], line["trace_id"]) for line in lines} == {(story.proposal_id, story.trace_id)}
    assert {"propose": "proposal", "settle": "receipt"}.items() <= {line["activity"]: line["outcome"] for line in lines}.items()
    failed = [line for line in story.stack.log("reason") if line["level"] == "warning"]
    assert {line["event"] for line in failed} == {"activity.done", "Completing activity as failed"}
    assert all(line["error"] == ["ApplicationError/UnknownPurpose"] and len(line["trace_id"]) == 32 for line in failed)


def _leaks(story: Story, needles: dict[str, str]) -> Leaks:
    leaks = Leaks([Needle(name, value.encode()) for name, value in needles.items()])
    for place, data in story.stack.places().items():
        leaks.look(place, data)
    return leaks


@pytest.mark.promise("G8")
def test_nothing_of_the_case_and_no_secret_leaves(story: Story) -> None:
    """docs/threats.md G8: exports as they were sent, pages and logs, after errors and signals that quote what they must not."""
    wanted = {**SENSITIVE, **secrets_of(story.stack.data)}
    assert len(wanted) > 15
    assert _leaks(story, wanted).found == {}


def test_scan_finds_what_is_there(story: Story) -> None:
    """The mission's id may leave; a scan that missed it would prove nothing."""
    found = {place.partition(" ")[0] for place in _leaks(story, {"mission": MISSION}).found["mission"]}
    assert found == {"export", "log"}


def test_labels_hold_no_ids(story: Story) -> None:
    """Every id would be a series of its own, for ever."""
    pages = "".join(story.stack.page(role) for role in story.stack.ports)
    assert not [name for name in (MISSION, story.proposal_id, story.trace_id) if name in pages]
