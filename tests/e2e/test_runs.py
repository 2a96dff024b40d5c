"""
Missions of several runs on a real server: one that goes on as new commits in each run, and nothing else that looks so does.

Source: docs/decisions/0021-several-runs.md
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from pydantic import JsonValue
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import (
    DeleteWorkflowExecutionRequest,
    SignalWithStartWorkflowExecutionRequest,
    StartWorkflowExecutionRequest,
)
from temporalio.client import WorkflowHandle
from temporalio.common import WorkflowIDReusePolicy
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import Worker

from activities import lineage
from activities.histories import ServerHistories
from activities.observe import observe
from approvals import start
from approvals.decision import SIGNAL, sign
from approvals.proposal import Refusal
from approvals.settlement import SettlementKind
from approvals.signed import Kind, Signed
from audit.proposals import Found, signed_proposals
from tests.e2e.hostile import Mission, hijacked
from tests.e2e.insider import SlowTokens, reset_after
from tests.e2e.wanderer import Arrival, Wanderer
from tests.world import World, until
from workflows.asking import READS

OTHER: dict[str, JsonValue] = {"case_id": "CASE-1002"}


@pytest.fixture(scope="module")
async def roads(attacker: World) -> AsyncIterator[str]:
    """Queue of a worker whose refund missions go on as new."""
    queue = f"roads-{uuid4().hex[:8]}"
    async with Worker(attacker.client, task_queue=queue, workflows=[Wanderer], activities=[observe], max_cached_workflows=0):
        yield queue


async def journey(world: World, queue: str, runs: int) -> tuple[WorkflowHandle[Any, Any], list[str]]:
    """A mission that is to pay so many orders, each in a run of its own."""
    orders = [f"ORD-{uuid4().hex[:10]}" for _ in range(runs)]
    given: dict[str, Any] = {"case_id": "CASE-1001", "orders": orders, "paid": 0}
    return await world.start("CASE-1001", queue=queue, given=given, result=Arrival), orders


async def waiting(world: World, mission_id: str, past: set[str]) -> tuple[WorkflowHandle[Any, Any], Found]:
    """The mission's run after those of *past*, and its proposal."""

    async def look() -> tuple[WorkflowHandle[Any, Any], Found] | None:
        run_id = (await world.client.get_workflow_handle(mission_id).describe()).run_id
        if run_id in past:
            return None
        handle = world.client.get_workflow_handle(mission_id, run_id=run_id)
        found = list(signed_proposals(await world.record(handle), world.law).values())
        return (handle, found[-1]) if found else None

    return await until(look)


async def travelled(world: World, handle: WorkflowHandle[Any, Any], runs: int) -> list[Found]:
    """Has sam approve in each of the first *runs* runs; their proposals."""
    past, found = set[str](), list[Found]()
    for _ in range(runs):
        run, proposal = await waiting(world, handle.id, past)
        await world.decide(run, "sam", found=proposal)
        past.add(str(run.run_id))
        found.append(proposal)
    return found


@pytest.mark.promise("D4")
async def test_mission_that_goes_on_as_new_commits_in_each_run(attacker: World, roads: str) -> None:
    """docs/threats.md D4, continue-as-new: owner and scope from the first start; each card tells of the runs before."""
    handle, orders = await journey(attacker, roads, 3)
    found = await travelled(attacker, handle, 3)
    arrival = await handle.result()
    assert (arrival.outcome.kind, arrival.case_id, arrival.runs) == ("committed", "CASE-1001", 3)
    assert [len(attacker.ledger(order)) for order in orders] == [1, 1, 1]
    assert {each.proposal.principals.owner for each in found} == {"olga"}
    first, second, third = (each.proposal for each in found)
    assert [head.run_id for head in third.earlier] == [second.action.mission.run_id, first.action.mission.run_id]
    assert [(prior.mission, prior.run, str(prior.kind)) for prior in third.prior] == [
        ("", first.action.mission.run_id, "receipt"),
        ("", second.action.mission.run_id, "receipt"),
    ]


def why(answer: Signed) -> str:
    """The reasons of a refusal."""
    assert answer.kind is Kind.REFUSAL, answer.body
    return "; ".join(Refusal.model_validate(answer.body).reasons())


async def settled_in(mission: Mission, found: Found) -> SettlementKind:
    """What the gate says of *found* in the run that *mission* is at now."""
    return (await mission.settle(found.digest)).kind


@pytest.mark.promise("C7")
@pytest.mark.promise("E15")
async def test_hostile_worker_goes_on_with_another_case_and_start_in_vain(attacker: World) -> None:
    """Input and memo of a later run are the mission worker's to write; whose mission it is, and what for, is not."""
    mission = await hijacked(attacker)
    memo = start.Start(
        namespace=attacker.client.namespace,
        mission_type="refund",
        mission_id=mission.handle.id,
        input=start.input_digest(OTHER),
        iat=int(datetime.now(UTC).timestamp()),
        exp=int(datetime.now(UTC).timestamp()) + 300,
        jti=uuid4().hex,
    )
    await mission.went_on(given=OTHER, memo={start.MEMO: start.sign(memo, attacker.signers["sam"])})
    record = await attacker.record(mission.handle)
    assert record.started.input == OTHER and record.started.signed_start is not None
    other = await mission.call("read", {"operation": "orders.get_case", "arguments": OTHER}, READS)
    own = await mission.call("read", {"operation": "orders.get_case", "arguments": {"case_id": "CASE-1001"}}, READS)
    assert (other.error, own.error) == ("NotPermitted", "")
    principals = (await mission.proposed()).proposal.principals
    assert (principals.owner, principals.scope) == ("olga", {"case_id": "CASE-1001"})


@pytest.mark.promise("C7")
async def test_hostile_worker_goes_on_as_another_mission_type_in_vain(attacker: World) -> None:
    """The starter was asked whether she may start refunds."""
    mission = await hijacked(attacker)
    await mission.went_on(workflow="impostor")
    words = why(await mission.propose())
    assert "it was started as a `refund` mission, and goes on as a `impostor` mission" in words


@pytest.mark.promise("C7")
@pytest.mark.promise("D4")
async def test_run_that_a_stranger_starts_under_a_missions_name_is_its_own_first(attacker: World) -> None:
    """Which runs a run goes on from is the server's to write: nothing that a client can send says it."""
    mission = await hijacked(attacker)
    signed = (await attacker.record(mission.handle)).started.signed_start
    await mission.handle.terminate()
    handle = await attacker.client.start_workflow(
        "refund",
        {"case_id": "CASE-1001"},
        id=mission.handle.id,
        task_queue="hostile",
        memo={start.MEMO: signed},
        id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
        retry_policy=None,
    )
    begun = (await attacker.record(handle)).started
    assert (begun.mission.first_execution_run_id, begun.continues) == (handle.result_run_id, False)
    assert begun.continued_run_id == ""
    fields = {*StartWorkflowExecutionRequest.DESCRIPTOR.fields_by_name}
    fields |= {*SignalWithStartWorkflowExecutionRequest.DESCRIPTOR.fields_by_name}
    assert [name for name in fields if name == "initiator" or name.endswith("execution_run_id")] == []


async def laundered(world: World) -> Mission:
    """A mission whose first run was reset, and which then went on as new: its last run's own start looks like any other."""
    mission = await hijacked(world)
    found = await mission.proposed()
    first = mission.handle
    again = await reset_after(world, first, found.event_id - 4)
    mission.handle = world.client.get_workflow_handle(first.id, run_id=str(again.run_id))
    await mission.went_on()
    begun = (await world.record(mission.handle)).started
    assert begun.continues and begun.original_run_id == begun.mission.run_id
    assert begun.mission.first_execution_run_id == first.result_run_id
    return mission


@pytest.mark.promise("D4")
@pytest.mark.promise("B8")
async def test_reset_is_not_laundered_by_going_on(attacker: World) -> None:
    """docs/facts.md: only the run in between says that it repeats another; so each is asked."""
    mission = await laundered(attacker)
    assert "repeats run" in why(await mission.propose())


@pytest.mark.control("D4")
@pytest.mark.control("B8")
async def test_reset_is_laundered_where_the_runs_between_are_not_asked(
    attacker: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One defence: each link of the chain."""
    mission = await laundered(attacker)
    monkeypatch.setattr(lineage, "chained", lambda record, runs: [])
    found = await mission.approved()
    assert await settled_in(mission, found) is SettlementKind.RECEIPT
    assert mission.rows == 1


@pytest.mark.promise("A4")
@pytest.mark.promise("D7")
async def test_approval_of_a_run_that_is_over_pays_nothing(attacker: World) -> None:
    """Given before or after the mission went on; sent to the old run, or to the mission, which is the new one."""
    mission = await hijacked(attacker)
    found = await mission.approved()
    old = mission.handle
    late = sign(await attacker.statement(old, found), attacker.signers["lena"])
    run_id = await mission.went_on()
    with pytest.raises(RPCError) as refused:
        await attacker.client.get_workflow_handle(old.id, run_id=run_id).signal(SIGNAL, late)
    assert refused.value.status is RPCStatusCode.NOT_FOUND
    await attacker.client.get_workflow_handle(old.id).signal(SIGNAL, late)
    assert await settled_in(mission, found) is SettlementKind.NOT_SENT
    assert mission.rows == 0


@pytest.mark.promise("E3")
async def test_proposal_of_an_earlier_run_recorded_in_a_later_one_pays_nothing(attacker: World) -> None:
    """The hostile worker completes `propose` itself, with the gate's own answer to the run before."""
    mission = await hijacked(attacker)
    found = await mission.approved()
    before = await attacker.record(mission.handle)
    signed = next(each.signed for each in before.entries(Kind.PROPOSAL) if each.signed.digest == found.digest)
    said = [heard.values[0] for heard in before.signals]
    await mission.went_on()
    await mission.forge("propose", signed)
    for value in said:
        await mission.handle.signal(SIGNAL, str(value, "utf-8")[1:-1] if value else "")
    await attacker.proposal(mission.handle, found.digest)
    settlement = await mission.settle(found.digest)
    assert "the proposal was made for another mission run" in settlement.reasons()
    assert (settlement.kind, mission.rows) == (SettlementKind.NOT_SENT, 0)


@pytest.mark.promise("D4")
@pytest.mark.promise("D12")
async def test_mission_that_goes_on_while_the_gate_makes_ready_is_not_paid(attacker: World) -> None:
    """The activity outlives its run; the gate asks the server whether that is over before it sends."""
    mission, slow = await hijacked(attacker), SlowTokens(attacker.ports.tokens)
    found = await mission.approved()
    async with attacker.gate(tokens=slow) as queue:
        await mission.call("settle", {"proposal": found.digest}, queue, wait=False)
        await slow.reached.wait()
        await mission.went_on()
        slow.go.set()
    assert mission.rows == 0
    listed = (await mission.proposed(step="2")).proposal.prior
    assert [str(prior.kind) for prior in listed] == ["not used"]


@pytest.mark.promise("D4")
async def test_same_step_in_two_runs_has_one_key(attacker: World) -> None:
    """Payments knows it: paid once, and told twice."""
    mission = await hijacked(attacker)
    first = await mission.approved()
    await mission.settle(first.digest)
    await mission.went_on()
    again = await mission.approved()
    assert [prior.same for prior in again.proposal.prior] == [True]
    assert await settled_in(mission, again) is SettlementKind.RECEIPT
    assert first.proposal.action.idempotency_key == again.proposal.action.idempotency_key
    assert mission.rows == 1


@pytest.mark.promise("D4")
async def test_mission_whose_first_run_was_deleted_is_refused(attacker: World) -> None:
    """As retention deletes it: with words that say what to do about it."""
    mission = await hijacked(attacker)
    first = await mission.went_on()
    execution = WorkflowExecution(workflow_id=mission.handle.id, run_id=first)
    await attacker.client.workflow_service.delete_workflow_execution(
        DeleteWorkflowExecutionRequest(namespace=attacker.client.namespace, workflow_execution=execution)
    )

    async def gone() -> bool | None:
        try:
            await attacker.client.get_workflow_handle(mission.handle.id, run_id=first).describe()
        except RPCError as error:
            return True if error.status is RPCStatusCode.NOT_FOUND else None
        return None

    await until(gone)
    async with attacker.gate(histories=ServerHistories(attacker.client)) as queue:
        words = why(await mission.propose(queue=queue))
    assert f"its first run `{first}`, whose start alone was signed, cannot be read here" in words
    assert "(retention)" in words
