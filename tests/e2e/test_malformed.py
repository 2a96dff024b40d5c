"""
Anyone with write access may start a mission with anything and complete its activities with anything: it ends, or goes on, and
never hangs in a workflow task that fails for ever.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from pydantic import JsonValue
from temporalio import activity
from temporalio.api.common.v1 import Payload
from temporalio.client import WorkflowFailureError, WorkflowHandle
from temporalio.common import RawValue
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from activities.observe import observe
from approvals import attributes
from approvals.settlement import SettlementKind
from approvals.signed import Signed
from tests.e2e.conftest import ATTRIBUTES
from tests.fakes.bench import Bench
from tests.world import World, until
from workflows.board import LONGEST
from workflows.outcome import OutcomeKind
from workflows.raw import MAX_SIGNED
from workflows.refund import RefundMission, RefundVerdict, Verdict

SEALED = RawValue(Payload(metadata={"encoding": b"test/unknown"}, data=b"\x00\x01"))
NO_JSON = RawValue(Payload(metadata={"encoding": b"json/plain"}, data=b'{"case_id": '))
NOTHING = RawValue(Payload(metadata={"encoding": b"binary/null"}))
LARGE = "x" * MAX_SIGNED
MALFORMED = {"42": 42, "sealed": SEALED, "no JSON": NO_JSON, "nothing": NOTHING, "lists": [[[[]]]], "large": LARGE}

ORDER: JsonValue = {"order_id": "O", "customer_id": "C", "paid_minor": 9, "currency": "EUR", "days_since_delivery": 1}
CASE: JsonValue = {"case_id": "1", "order_id": "O", "customer_id": "C", "text": ""}
READS: dict[str, JsonValue] = {"orders.get_case": CASE, "orders.get_order": ORDER, "knowledge.search": {"passages": []}}


@dataclass
class Insider:
    """Completes a mission's activities with whatever the test says, where it does not with what they should answer."""

    world: World
    queue: str
    answers: dict[str, Any] = field(default_factory=dict)

    async def start(self) -> WorkflowHandle[Any, RefundVerdict]:
        """A mission whose activities it completes."""
        return await self.world.start("CASE-1001", queue=self.queue)

    async def verdict(self) -> RefundVerdict:
        """How such a mission ends."""
        return await (await self.start()).result()

    @activity.defn(dynamic=True)
    async def answer(self, given: Sequence[RawValue]) -> Any:
        """The activity, whichever it is."""
        name = activity.info().activity_type
        if name in self.answers:
            if isinstance(self.answers[name], BaseException):
                raise self.answers[name]
            return self.answers[name]
        if name == "read":
            operation = json.loads(given[0].payload.data)["operation"]
            return {"operation": operation, "result": READS[operation]}
        finding = {"refundable": True, "amount_minor": 1, "reason": "late"}
        return {"purpose": "refund/assess", "model": "none", "rule_based": True, "result": finding}


@pytest.fixture
async def insider(world: World, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Insider]:
    """An insider on queues of its own, and a worker of refund missions that asks there."""
    made = Insider(world, f"insider-{uuid4().hex[:8]}")
    for name in ("mission.READS", "reasoning.REASONING", "commitment.COMMITS"):
        monkeypatch.setattr(f"workflows.{name}", made.queue)
    content: dict[str, Any] = {"workflows": [RefundMission], "activities": [made.answer, observe], "max_cached_workflows": 0}
    # Without the sandbox, which would not see the queues above.
    async with Worker(world.client, task_queue=made.queue, workflow_runner=UnsandboxedWorkflowRunner(), **content):
        yield made


@asynccontextmanager
async def ended(handle: WorkflowHandle[Any, Any]) -> AsyncIterator[None]:
    """Whatever happens within, no mission is left behind that fails for ever."""
    try:
        yield
    finally:
        try:
            await handle.terminate()
        except RPCError as error:
            # It ended by itself, perhaps just now.
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise


async def failure(handle: WorkflowHandle[Any, Any]) -> ApplicationError:
    """Why the workflow failed, which it does soon."""
    async with ended(handle):
        await until(lambda: _closed(handle), seconds=10)
        with pytest.raises(WorkflowFailureError) as failed:
            await handle.result()
    assert isinstance(failed.value.cause, ApplicationError)
    return failed.value.cause


async def _closed(handle: WorkflowHandle[Any, Any]) -> bool | None:
    return True if (await handle.describe()).close_time else None


INPUTS: dict[str, list[Any]] = {
    **{name: [value] for name, value in MALFORMED.items()},
    "none": [],
    "two": [{"case_id": "CASE-1001"}, {"case_id": "CASE-1001"}],
}
HALF_READABLE: list[Any] = [{"case_id": "CASE-1001"}, NO_JSON]


@pytest.mark.parametrize("given", [*INPUTS.values(), HALF_READABLE], ids=[*INPUTS, "half readable"])
async def test_mission_started_with_anything_else_fails_with_a_sentence(world: World, given: list[Any]) -> None:
    """docs/style.md §2: a plain exception blocks the mission until new code ships. The real, sandboxed mission worker."""
    handle = await world.client.start_workflow("refund", args=given, id=f"malformed-{uuid4()}", task_queue="missions")
    error = await failure(handle)
    assert error.type == "Misunderstood" and ("start" in error.message or "cannot be read" in error.message)


@pytest.mark.parametrize("name", ["propose", "settle"])
async def test_failure_with_unreadable_details_does_not_hang_the_mission(insider: Insider, bench: Bench, name: str) -> None:
    """Whoever completes an activity may fail it with anything."""
    insider.answers["propose"] = await _proposal(bench)
    insider.answers[name] = ApplicationError("no", NO_JSON, type="Odd", non_retryable=True)
    handle = await insider.start()
    async with ended(handle):
        if name == "settle":
            await handle.signal("decide", "x")
        await until(lambda: _closed(handle), seconds=10)


@pytest.mark.parametrize("answer", MALFORMED.values(), ids=MALFORMED)
async def test_malformed_read_ends_the_mission(insider: Insider, answer: object) -> None:
    """A mission that cannot go on says so."""
    insider.answers = {"read": answer}
    error = await failure(await insider.start())
    assert error.type == "Misunderstood" and "`read`" in error.message


@pytest.mark.parametrize("answer", MALFORMED.values(), ids=MALFORMED)
async def test_malformed_answer_of_a_model_is_none(insider: Insider, answer: object) -> None:
    """A verdict that says so, as of every model that gives no answer of use."""
    insider.answers = {"reason": answer}
    verdict = await insider.verdict()
    assert verdict.verdict is Verdict.NOT_ASSESSED and "`reason`" in verdict.reasons[0]


@pytest.mark.parametrize("answer", MALFORMED.values(), ids=MALFORMED)
async def test_malformed_proposal_is_a_refusal(insider: Insider, answer: object) -> None:
    """A value, as every refusal."""
    insider.answers = {"propose": answer}
    verdict = await insider.verdict()
    assert verdict.outcome is not None and verdict.outcome.kind is OutcomeKind.REFUSED


async def _proposal(bench: Bench, **changes: JsonValue) -> Signed:
    """A proposal of some gate, lapsed long ago so that the mission asks at once; with a changed body."""
    signed = await bench.asked()
    return signed.model_copy(update={"body": {**signed.body, "expires_at": "2020-01-01T00:00:00Z", **changes}})


@pytest.mark.slow
@pytest.mark.parametrize("answer", MALFORMED.values(), ids=MALFORMED)
async def test_malformed_settlement_is_unknown(insider: Insider, bench: Bench, answer: object) -> None:
    """It may have been sent: a person must look."""
    insider.answers = {"propose": await _proposal(bench), "settle": answer}
    verdict = await insider.verdict()
    assert verdict.verdict is Verdict.UNKNOWN


async def test_forged_digest_is_a_refusal(insider: Insider, bench: Bench) -> None:
    """It would become a search attribute, which the server refuses when it is long, and fails the task."""
    insider.answers = {"propose": (await _proposal(bench)).model_copy(update={"digest": "f" * 5000})}
    verdict = await insider.verdict()
    assert verdict.outcome is not None and verdict.outcome.kind is OutcomeKind.REFUSED


async def _settled(bench: Bench, **changes: JsonValue) -> Signed:
    await bench.propose()
    (head,) = [bench.found().proposal.evidence.model_dump(mode="json")]
    body = {
        "kind": SettlementKind.DENIED,
        "proposal": bench.found().digest,
        "mission": bench.found().proposal.action.mission.model_dump(mode="json"),
        "head": head,
        "at": "2026-01-01T00:00:00Z",
        "findings": [],
        "bundle": "0" * 64,
        **changes,
    }
    return Signed.model_validate({"kind": "settlement", "digest": "0" * 64, "body": body, "jws": ""})


FOREVER = {"years": "9999-12-31T23:59:59-12:00", "no time": "0001-01-01T00:00:00+12:00"}


@pytest.mark.parametrize("expires_at", FOREVER.values(), ids=FOREVER)
async def test_forged_time_neither_stops_the_mission_nor_lets_it_sleep_for_ever(
    insider: Insider, bench: Bench, expires_at: str
) -> None:
    """The server takes no time of another era, and a mission that asks nobody hears of no ending."""
    many: list[JsonValue] = [{"group": f"{number}-" + "x" * 50, "count": 1} for number in range(100)]
    requirement: JsonValue = {"rules": many, "expires_seconds": 1}
    proposal = await _proposal(bench, expires_at=expires_at, requirement=requirement)
    insider.answers = {"propose": proposal, "settle": await _settled(bench)}
    handle = await insider.start()
    async with ended(handle):
        await until(lambda: _waits(handle, proposal.digest), seconds=10)
        timers = [event.timer_started_event_attributes async for event in handle.fetch_history_events()]
        assert max(timer.start_to_fire_timeout.ToTimedelta() for timer in timers) <= LONGEST
        await handle.signal("anything", "wakes it")
        assert (await handle.result()).verdict is Verdict.NOT_REFUNDED


async def _waits(handle: WorkflowHandle[Any, Any], digest: str) -> bool | None:
    found = (await handle.describe()).typed_search_attributes.get(ATTRIBUTES[1])
    return True if found == digest and ATTRIBUTES[1].name == attributes.PROPOSAL else None


@pytest.mark.parametrize("seconds", [1e308, -1.0, "Infinity", "NaN"])
async def test_forged_retry_is_waited_for_a_round_at_most(insider: Insider, bench: Bench, seconds: JsonValue) -> None:
    """No length of time that a timer cannot take stops the mission."""
    trouble = await _settled(bench, kind="not_sent", retry_seconds=seconds)
    insider.answers = {"propose": await _proposal(bench), "settle": trouble}
    handle = await insider.start()
    async with ended(handle):
        await until(lambda: _settles(handle), seconds=10)
        insider.answers["settle"] = await _settled(bench)
        await handle.signal("anything", "wakes it")
        assert (await handle.result()).verdict is Verdict.NOT_REFUNDED


async def _settles(handle: WorkflowHandle[Any, Any]) -> bool | None:
    """Whether the mission waits again after a settlement."""
    timers = [event async for event in handle.fetch_history_events() if event.HasField("timer_started_event_attributes")]
    return True if len(timers) >= 2 else None


async def test_forged_receipt_is_unknown(insider: Insider, bench: Bench) -> None:
    """A receipt with no receipt in it proves nothing."""
    receipt: JsonValue = {"kind": "receipt", "digest": "", "body": {"failed": "perhaps"}, "jws": ""}
    insider.answers = {"propose": await _proposal(bench), "settle": await _settled(bench, kind="receipt", receipt=receipt)}
    verdict = await insider.verdict()
    assert verdict.verdict is Verdict.UNKNOWN


@pytest.mark.parametrize("given", INPUTS.values(), ids=INPUTS)
async def test_use_started_with_anything_takes_its_record(world: World, given: list[Any]) -> None:
    """A use does nothing, whatever it was started with."""
    handle = await world.client.start_workflow("use", args=given, id=f"malformed-{uuid4()}", task_queue="commits")
    async with ended(handle):
        await handle.signal("record", "anything")
        assert await until(lambda: _closed(handle), seconds=10)
        assert await handle.result() is True


async def test_page_that_cannot_be_made_does_not_stop_the_mission(
    insider: Insider, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever a forged proposal does to the rendering."""

    def render(proposal: object) -> None:
        raise RecursionError("a forged proposal")

    monkeypatch.setattr("workflows.board.render", render)
    insider.answers = {"propose": await _proposal(bench), "settle": await _settled(bench)}
    verdict = await insider.verdict()
    assert verdict.verdict is Verdict.NOT_REFUNDED


assert timedelta(days=14) < LONGEST, "an honest proposal expires within a round"


INSIDERS = {"refundable": True, "amount_minor": 9, "reason": "The terms say so.", "cites": ["insider-terms@1:00000000"]}


@pytest.mark.promise("K1")
async def test_finding_that_cites_what_was_not_read_is_a_verdict(insider: Insider) -> None:
    """Whoever answers in the reason worker's place: the mission looks itself, and proposes nothing."""
    insider.answers["reason"] = {"purpose": "refund/assess", "model": "m", "rule_based": False, "result": INSIDERS}
    handle = await insider.start()
    verdict = await handle.result()
    assert verdict.verdict is Verdict.UNFOUNDED
    assert "cites `insider-terms@1:00000000`, which this mission has not read" in verdict.reasons[0]
    assert "propose" not in {done.activity for done in (await insider.world.record(handle)).completed}


@pytest.mark.control("K1")
async def test_it_is_proposed_where_the_mission_does_not_look(insider: Insider, monkeypatch: pytest.MonkeyPatch) -> None:
    """One defence out of the mission; what the gate says of it is the gate's."""
    monkeypatch.setattr("workflows.findings.uncited", lambda finding, passages: ())
    insider.answers["reason"] = {"purpose": "refund/assess", "model": "m", "rule_based": False, "result": INSIDERS}
    handle = await insider.start()
    async with ended(handle):
        await until(lambda: _proposes(insider.world, handle), seconds=10)


async def _proposes(world: World, handle: WorkflowHandle[Any, Any]) -> bool | None:
    asked = [done.input for done in (await world.record(handle)).completed if done.activity == "propose"]
    return True if asked and isinstance(asked[0], dict) and asked[0]["cites"] == INSIDERS["cites"] else None
