"""One proposal, one effect: retries, second workers, resets, deletions and races, with payments knowing no idempotency key."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.field_mask_pb2 import FieldMask
from temporalio.api.activity.v1 import ActivityOptions
from temporalio.api.common.v1 import RetryPolicy, WorkflowExecution
from temporalio.api.workflowservice.v1 import ResetActivityRequest, UpdateActivityOptionsRequest

from approvals import resolution
from approvals.decision import SIGNAL, Verdict
from approvals.resolution import State, Stimulus
from approvals.settlement import SettlementKind
from audit import standing
from tests.e2e.hostile import Mission, hijacked, hostile_worker
from tests.e2e.insider import (
    QuietHistories,
    SlowTokens,
    SlowUses,
    announce_nothing,
    at_rest,
    delete_use,
    forget_uses,
    give_back,
    hold_task,
    reset_after,
)
from tests.world import World, without_idempotency
from workflows.refund import Verdict as MissionVerdict


@pytest.fixture(scope="module")
async def plain(attacker: World) -> AsyncIterator[str]:
    """Queue of a gate for which payments knows no idempotency key: what is sent twice is paid twice."""
    async with attacker.gate(bundle=without_idempotency(attacker.bundle)) as queue:
        yield queue


@pytest.mark.promise("D4")
async def test_second_settle_gets_the_first_receipt(attacker: World, plain: str) -> None:
    """docs/threats.md D4: settled again, also under an activity id that was used before."""
    mission = await hijacked(attacker)
    found = await mission.approved(queue=plain)
    answers = [await mission.settle(found.digest, plain, activity_id="again") for _ in range(3)]
    assert {answer.kind for answer in answers} == {SettlementKind.RECEIPT} and mission.rows == 1
    assert len({answer.receipt.jws for answer in answers if answer.receipt}) == 1


@pytest.mark.promise("D4")
async def test_settles_at_once_pay_once(attacker: World, plain: str) -> None:
    """docs/threats.md D4: five at once, on two commit workers."""
    mission = await hijacked(attacker)
    found = await mission.approved(queue=plain)
    async with attacker.gate(bundle=without_idempotency(attacker.bundle)) as second:
        queues = (plain, second, plain, second, plain)
        answers = await asyncio.gather(*(mission.settle(found.digest, queue, attempts=20) for queue in queues))
    assert mission.rows == 1
    assert {answer.kind for answer in answers} == {SettlementKind.RECEIPT}


@pytest.mark.control("D4")
@pytest.mark.control("D5")
@pytest.mark.control("H7")
async def test_without_the_use_claim_a_second_settle_pays_twice(
    attacker: World, plain: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The use is what makes it once: a gate that forgets pays at every call."""
    forget_uses(monkeypatch)
    mission = await hijacked(attacker)
    found = await mission.approved(queue=plain)
    await mission.settle(found.digest, plain)
    await mission.settle(found.digest, plain)
    assert mission.rows == 2


@pytest.mark.promise("D4")
@pytest.mark.parametrize("meddling", ["activity reset", "changed options"])
async def test_meddling_with_the_activity_pays_once(attacker: World, meddling: str) -> None:
    """docs/facts.md: neither leaves an event, and both make the activity run again."""
    mission, slow = await hijacked(attacker), SlowTokens(attacker.ports.tokens)
    found = await mission.approved()
    async with attacker.gate(bundle=without_idempotency(attacker.bundle), tokens=slow) as queue:
        await mission.call("settle", {"proposal": found.digest}, queue, activity_id="mine", attempts=3, wait=False)
        await slow.reached.wait()
        await (_reset_activity if meddling == "activity reset" else _change_options)(mission)
        slow.go.set()
        await at_rest(attacker, mission.handle)
        await mission.settle(found.digest, queue, attempts=3)
    assert mission.rows == 1


async def _reset_activity(mission: Mission) -> None:
    service, namespace = mission.world.client.workflow_service, mission.world.client.namespace
    execution = WorkflowExecution(workflow_id=mission.handle.id)
    await service.reset_activity(
        ResetActivityRequest(namespace=namespace, execution=execution, id="mine", reset_heartbeat=True)
    )


async def _change_options(mission: Mission) -> None:
    options = ActivityOptions(
        start_to_close_timeout=Duration(seconds=1), retry_policy=RetryPolicy(maximum_attempts=9, backoff_coefficient=1)
    )
    await mission.world.client.workflow_service.update_activity_options(
        UpdateActivityOptionsRequest(
            namespace=mission.world.client.namespace,
            execution=WorkflowExecution(workflow_id=mission.handle.id),
            id="mine",
            activity_options=options,
            update_mask=FieldMask(paths=["start_to_close_timeout", "retry_policy.maximum_attempts"]),
        )
    )


@pytest.mark.promise("D4")
async def test_reset_after_payment_pays_no_second_time(attacker: World) -> None:
    """docs/facts.md: a reset run replays with the same proposal and the reapplied approval; it is told what was done."""
    handle = await attacker.start("CASE-1002")
    found = await attacker.proposed(handle)
    await attacker.decide(handle, "sam", found=found)
    assert (await handle.result()).verdict is MissionVerdict.REFUNDED
    run = await reset_after(attacker, handle, found.event_id)
    await run.result()
    settlement = await attacker.settlement(run)
    assert any("refused: reset" in reason for reason in settlement.reasons())
    assert len(attacker.paid(found.proposal)) == 1


async def _approved_after_reset(world: World) -> tuple[Any, int]:
    handle = await world.start("CASE-1002")
    found = await world.proposed(handle)
    run = await reset_after(world, handle, found.event_id)
    await world.decide(run, "sam", found=found)
    return await run.result(), len(world.paid(found.proposal))


@pytest.mark.promise("D4")
@pytest.mark.promise("B8")
async def test_reset_before_payment_is_refused(attacker: World) -> None:
    """docs/threats.md D4: whoever reset the run, it commits nothing, and the mission learns why."""
    verdict, paid = await _approved_after_reset(attacker)
    assert any("refused: reset" in reason for reason in verdict["reasons"]) and paid == 0


@pytest.mark.control("D4")
async def test_reset_run_pays_where_resets_are_not_looked_at(attacker: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The reset check is what stops it, backed by the run's id, its trail, and the announcement to the run of the proposal."""
    forget_uses(monkeypatch)
    for check in ("reset", "run", "evidence"):
        monkeypatch.delitem(standing.CHECKS, check)
    verdict, paid = await _approved_after_reset(attacker)
    assert verdict["verdict"] == "refunded" and paid == 1


@pytest.mark.promise("D4")
async def test_deleted_use_does_not_free_the_proposal(attacker: World, plain: str) -> None:
    """docs/threats.md D4: the announcement in the mission's own history outlives the deleted workflow."""
    mission = await hijacked(attacker)
    found = await mission.approved(queue=plain)
    await mission.settle(found.digest, plain)
    await delete_use(attacker, found.digest)
    assert (await mission.settle(found.digest, plain)).kind is SettlementKind.RECEIPT
    assert mission.rows == 1


@pytest.mark.control("D4")
async def test_deleted_use_pays_twice_where_it_is_not_announced(
    attacker: World, plain: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A workflow id alone is not enough: whoever may write to the namespace may delete it."""
    announce_nothing(monkeypatch)
    mission = await hijacked(attacker)
    found = await mission.approved(queue=plain)
    await mission.settle(found.digest, plain)
    await delete_use(attacker, found.digest)
    assert (await mission.settle(found.digest, plain)).kind is SettlementKind.RECEIPT
    assert mission.rows == 2


@pytest.mark.promise("D4")
async def test_use_deleted_while_another_settle_waits_pays_once(attacker: World, plain: str) -> None:
    """A slow settle looked before the first one paid, and the use is deleted before it comes to its own claim."""
    mission, slow = await hijacked(attacker), SlowTokens(attacker.ports.tokens)
    found = await mission.approved()
    async with attacker.gate(bundle=without_idempotency(attacker.bundle), tokens=slow) as late:
        waiting = asyncio.create_task(mission.settle(found.digest, late))
        await slow.reached.wait()
        assert (await mission.settle(found.digest, plain)).kind is SettlementKind.RECEIPT
        await delete_use(attacker, found.digest)
        slow.go.set()
        settlement = await waiting
    assert settlement.kind is SettlementKind.RECEIPT and mission.rows == 1


@pytest.mark.promise("D4")
async def test_use_deleted_while_another_settle_stalls_after_admission_pays_once(attacker: World, plain: str) -> None:
    """Stopped between its admission and its claim, a gate finds the workflow id free again; the history tells better."""
    mission, slow = await hijacked(attacker), SlowUses(attacker.ports.uses)
    found = await mission.approved()
    async with attacker.gate(bundle=without_idempotency(attacker.bundle), uses=slow) as late:
        waiting = asyncio.create_task(mission.settle(found.digest, late))
        await slow.reached.wait()
        assert (await mission.settle(found.digest, plain)).kind is SettlementKind.RECEIPT
        await delete_use(attacker, found.digest)
        slow.go.set()
        await waiting
    assert mission.rows == 1


@pytest.mark.promise("E11")
async def test_card_after_a_deleted_use_still_says_what_was_paid(attacker: World) -> None:
    """docs/threats.md E11, D4: paid, the use deleted, proposed again: the approver learns that it was paid."""
    mission = await hijacked(attacker)
    found = await mission.approved()
    await mission.settle(found.digest)
    await delete_use(attacker, found.digest)
    again = await mission.proposed(step="2")
    assert [(prior.proposal, prior.kind) for prior in again.proposal.prior] == [(found.digest, "receipt")]


@pytest.mark.promise("A1")
@pytest.mark.promise("A4")
async def test_decision_copied_to_changed_arguments_counts_nothing(attacker: World) -> None:
    """docs/threats.md A1: approved for 42.00, proposed again for 99.00 with the old decision sent anew."""
    mission = await hijacked(attacker)
    small = await mission.proposed()
    token = await attacker.decide(mission.handle, "sam", found=small)
    large = await mission.proposed(amount_minor=9900)
    await mission.handle.signal(SIGNAL, token)
    settlement = await mission.settle(large.digest)
    assert settlement.kind is SettlementKind.PENDING and mission.rows == 0


@pytest.mark.promise("D2")
async def test_late_deny_revokes_an_approval_that_was_not_used(attacker: World) -> None:
    """docs/threats.md D2: approved by one lead, denied by the other before anything was sent."""
    mission = await hijacked(attacker)
    found = await mission.approved()
    await attacker.decide(mission.handle, "lena", Verdict.DENY, found)
    assert (await mission.settle(found.digest)).kind is SettlementKind.REVOKED
    assert (await mission.settle(found.digest)).kind is SettlementKind.REVOKED and mission.rows == 0


@pytest.mark.control("D2")
async def test_late_deny_is_too_late_where_the_table_says_so(attacker: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """One entry of the state machine is what makes a deny revoke."""
    monkeypatch.setitem(resolution.TABLE, (State.APPROVED, Stimulus.NO), State.APPROVED)
    mission = await hijacked(attacker)
    found = await mission.approved()
    await attacker.decide(mission.handle, "lena", Verdict.DENY, found)
    assert (await mission.settle(found.digest)).kind is SettlementKind.RECEIPT


@pytest.mark.promise("D3")
async def test_deny_while_the_gate_makes_ready_revokes(attacker: World) -> None:
    """docs/threats.md D3: the gate had judged it approved and was asking for a token when the deny came."""
    mission, slow = await hijacked(attacker), SlowTokens(attacker.ports.tokens)
    found = await mission.approved()
    async with attacker.gate(tokens=slow) as queue:
        waiting = asyncio.create_task(mission.settle(found.digest, queue))
        await slow.reached.wait()
        await attacker.decide(mission.handle, "lena", Verdict.DENY, found)
        slow.go.set()
        assert (await waiting).kind is SettlementKind.REVOKED
    assert mission.rows == 0


@pytest.mark.promise("D12")
async def test_mission_terminated_while_the_gate_makes_ready_is_not_paid(attacker: World) -> None:
    """docs/threats.md D12: nobody would record what was done."""
    mission, slow = await hijacked(attacker), SlowTokens(attacker.ports.tokens)
    found = await mission.approved()
    async with attacker.gate(tokens=slow) as queue:
        await mission.call("settle", {"proposal": found.digest}, queue, wait=False)
        await slow.reached.wait()
        await mission.handle.terminate()
        slow.go.set()
    assert mission.rows == 0


async def _settled_behind_a_held_task(world: World, **ports: Any) -> tuple[Mission, Any]:
    """A deny that the server keeps back, because the attacker holds a workflow task, while the gate settles."""
    queue, slow = f"hostile-{uuid4().hex[:8]}", SlowTokens(world.ports.tokens)
    mission = await hijacked(world, queue=queue, task_timeout=timedelta(seconds=60))
    async with world.gate(tokens=slow, **ports) as gate:
        async with hostile_worker(world, queue):
            found = await mission.approved()
            await mission.call("settle", {"proposal": found.digest}, gate, wait=False)
            await slow.reached.wait()
        await mission.handle.signal("poke")
        token = await hold_task(world, queue)
        await world.decide(mission.handle, "lena", Verdict.DENY, found)
        assert len((await world.record(mission.handle)).signals) == 2
        slow.go.set()
        await at_rest(world, mission.handle)
        rows = mission.rows
    await give_back(world, token)
    settlement = await world.settlement(mission.handle)
    assert mission.rows == rows
    return mission, settlement


@pytest.mark.promise("D14")
async def test_deny_hidden_by_a_held_workflow_task_is_not_overrun(attacker: World) -> None:
    """docs/facts.md: the server buffers signals while a workflow task runs; the gate sends only on a run at rest."""
    mission, settlement = await _settled_behind_a_held_task(attacker)
    assert settlement.kind is SettlementKind.NOT_SENT and settlement.findings[-1].check == "snapshot"
    assert mission.rows == 0


@pytest.mark.control("D14")
async def test_deny_hidden_by_a_held_workflow_task_is_overrun_without_the_snapshot(
    attacker: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The history alone shows nothing of the deny. The second defence, that the announcement must show, is out as well."""
    forget_uses(monkeypatch)
    mission, settlement = await _settled_behind_a_held_task(attacker, histories=QuietHistories(attacker))
    assert settlement.kind is SettlementKind.RECEIPT and mission.rows == 1


@pytest.mark.promise("D14")
async def test_deny_behind_a_speculative_workflow_task_is_not_overrun(attacker: World) -> None:
    """An update's workflow task is in no history while it runs, and holds signals back just the same."""
    queue, slow = f"hostile-{uuid4().hex[:8]}", SlowTokens(attacker.ports.tokens)
    mission = await hijacked(attacker, queue=queue, task_timeout=timedelta(seconds=60))
    async with attacker.gate(tokens=slow) as gate:
        async with hostile_worker(attacker, queue):
            found = await mission.approved()
            await mission.call("settle", {"proposal": found.digest}, gate, wait=False)
            await slow.reached.wait()
        update = asyncio.create_task(mission.handle.execute_update("end", None))
        token = await hold_task(attacker, queue)
        await attacker.decide(mission.handle, "lena", Verdict.DENY, found)
        slow.go.set()
        await at_rest(attacker, mission.handle)
    await give_back(attacker, token)
    update.cancel()
    assert (await attacker.settlement(mission.handle)).kind is SettlementKind.NOT_SENT and mission.rows == 0
