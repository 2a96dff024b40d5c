"""The whole life of a decision on the real server: a sandboxed mission, the real gate, the real ledger."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from pydantic import JsonValue
from temporalio.client import WorkflowHandle
from temporalio.worker import Worker

from activities.observe import observe
from approvals.decision import Verdict
from approvals.settlement import SettlementKind
from audit.observation import ObservationKind
from audit.proposals import signed_proposals
from audit.rail import rail
from tests.e2e.hostile import hijacked, hostile_worker
from tests.e2e.shop import Shop
from tests.e2e.teller import ISSUE, Teller, Told
from tests.e2e.test_trouble import FAULTS
from tests.world import World, until, without_idempotency
from workflows.outcome import Outcome, OutcomeKind


@asynccontextmanager
async def telling(world: World) -> AsyncIterator[str]:
    """A worker of tellers, sandboxed and without a cache; yields its queue."""
    queue = f"tellers-{uuid4().hex[:8]}"
    content: dict[str, Any] = {"workflows": [Teller], "activities": [observe], "max_cached_workflows": 0}
    async with Worker(world.client, task_queue=queue, **content):
        yield queue


@pytest.fixture(scope="module")
async def tellers(world: World) -> AsyncIterator[str]:
    """A worker of tellers at work; its queue."""
    async with telling(world) as queue:
        yield queue


def refund(**changes: JsonValue) -> dict[str, JsonValue]:
    """A refund of an order of its own."""
    return {"order_id": f"ORD-{uuid4().hex[:10]}", "amount_minor": 4200, "currency": "EUR", "reason": "broken", **changes}


async def told(world: World, queue: str, *items: dict[str, JsonValue], **script: Any) -> WorkflowHandle[Any, Any]:
    """A mission that commits *items* as one."""
    return await world.start("teller", queue=queue, given={"items": list(items), **script}, result=Told)


async def outcomes(handle: WorkflowHandle[Any, Any]) -> tuple[Outcome, ...]:
    """How the mission's commits ended."""
    result: Told = await handle.result()
    return result.outcomes


def paid(world: World, *items: dict[str, JsonValue]) -> list[int]:
    """What each order really got."""
    return [sum(row.amount_minor for row in world.ledger(str(item["order_id"]))) for item in items]


async def test_batch_is_paid_item_by_item_on_one_say_so(world: World, tellers: str) -> None:
    """One card, one signature, three receipts, three rows."""
    items = [refund(amount_minor=amount) for amount in (1000, 2000, 3000)]
    handle = await told(world, tellers, *items)
    await world.decide(handle, "sam")
    assert [outcome.kind for outcome in await outcomes(handle)] == [OutcomeKind.COMMITTED] * 3
    assert paid(world, *items) == [1000, 2000, 3000]


async def test_batch_that_is_denied_pays_nothing(world: World, tellers: str) -> None:
    """One no for all."""
    items = [refund(), refund()]
    handle = await told(world, tellers, *items)
    await world.decide(handle, "sam", Verdict.DENY)
    assert [outcome.kind for outcome in await outcomes(handle)] == [OutcomeKind.DENIED] * 2
    assert paid(world, *items) == [0, 0]


async def test_amended_action_is_what_is_paid_after_anothers_say_so(world: World, tellers: str) -> None:
    """The mission follows the amendment; its author sees what was changed."""
    item = refund()
    handle = await told(world, tellers, item)
    await world.decide(handle, "sam", Verdict.AMEND, changes={"amount_minor": 3000})
    await world.decide(handle, "sam", found=await world.proposed(handle, 2))
    await world.decide(handle, "lena", found=await world.proposed(handle, 2))
    (outcome,) = await outcomes(handle)
    assert (outcome.kind, outcome.amended, paid(world, item)) == (OutcomeKind.COMMITTED, {"amount_minor": 3000}, [3000])
    observed = [each.kind for each in rail(await world.record(handle), world.law.directory)]
    assert ObservationKind.AMENDED in observed and ObservationKind.COMMITTED in observed


async def test_mission_withdraws_what_nobody_decides_in_its_time(world: World, tellers: str) -> None:
    """`within`: an approval that comes later is too late."""
    item = refund()
    handle = await told(world, tellers, item, within_seconds=0.5)
    (outcome,) = await outcomes(handle)
    assert (outcome.kind, paid(world, item)) == (OutcomeKind.WITHDRAWN, [0])


async def test_mission_withdraws_when_it_wants_to(world: World, tellers: str) -> None:
    """From another part of its code."""
    item = refund()
    handle = await told(world, tellers, item, withdraw_after_seconds=0.5)
    (outcome,) = await outcomes(handle)
    assert (outcome.kind, paid(world, item)) == (OutcomeKind.WITHDRAWN, [0])


async def test_owner_withdraws_and_the_mission_goes_on(world: World, tellers: str) -> None:
    """Olga started it, and does not want it any more."""
    item = refund()
    handle = await told(world, tellers, item)
    await world.decide(handle, "olga", Verdict.WITHDRAW)
    (outcome,) = await outcomes(handle)
    assert (outcome.kind, paid(world, item)) == (OutcomeKind.WITHDRAWN, [0])


async def test_revoke_after_approval_and_before_use_stops_it(world: World) -> None:
    """Both are in the history before the gate is asked."""
    async with hostile_worker(world, f"revoke-{uuid4().hex[:8]}") as queue:
        mission = await hijacked(world, queue=queue)
        found = await mission.approved()
        await world.decide(mission.handle, "lena", Verdict.REVOKE, found)
        assert (await mission.settle(found.digest)).kind is SettlementKind.REVOKED
    assert mission.rows == 0


@pytest.mark.promise("D5")
@pytest.mark.parametrize(
    ("verdict", "kind", "rows"),
    [
        (Verdict.DONE, OutcomeKind.COMMITTED, 1),
        (Verdict.NOT_DONE, OutcomeKind.FAILED, 1),
        (Verdict.RETRY, OutcomeKind.COMMITTED, 2),
    ],
)
async def test_lost_reply_becomes_a_question_and_the_answer_is_the_outcome(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, verdict: Verdict, kind: OutcomeKind, rows: int
) -> None:
    """Payments that know no key pay and lose the reply; only people can say `retry`, and here they did not look."""
    world, item = shop.world, refund()
    async with (
        telling(world) as tellers,
        world.gate(bundle=without_idempotency(world.bundle), patience=timedelta(0)) as gate,
    ):
        monkeypatch.setattr("workflows.commitment.COMMITS", gate)
        handle = await told(world, tellers, item)
        found = await world.proposed(handle)
        with shop.broken(FAULTS[1]):
            await world.decide(handle, "sam", found=found)
            question = await world.proposed(handle, 2)
        await world.decide(handle, "lena", verdict, question)
        (outcome,) = await outcomes(handle)
    assert (outcome.kind, len(world.ledger(str(item["order_id"])))) == (kind, rows)


async def test_hostile_mission_cannot_make_a_question_into_a_second_payment(world: World) -> None:
    """It asks for reconciliation of what was paid, and for an amendment that nobody made."""
    async with hostile_worker(world, f"asks-{uuid4().hex[:8]}") as queue:
        mission = await hijacked(world, queue=queue)
        found = await mission.approved()
        await mission.settle(found.digest)
        for how in ({"reconciles": found.digest}, {"amends": found.digest}):
            answer = await mission.call("propose", {"step": "1", "operation": ISSUE, "arguments": mission.refund(), **how})
            assert answer.result["kind"] == "refusal"
        await mission.settle(found.digest)
    assert mission.rows == 1


async def test_hostile_mission_settles_items_that_nobody_approved(world: World) -> None:
    """Items of a batch that was not decided, items beyond it, and the items of another proposal."""
    async with hostile_worker(world, f"items-{uuid4().hex[:8]}") as queue:
        mission = await hijacked(world, queue=queue)
        request = {"step": "1", "operation": ISSUE, "arguments": mission.refund(amount_minor=100)}
        more = [{"operation": ISSUE, "arguments": mission.refund(amount_minor=200)}]
        answer = await mission.call("propose", {**request, "more": more})
        approved = await mission.approved(step="2", amount_minor=300)
        digest = answer.result["digest"]
        kinds = [(await mission.settle(digest, item=item)).kind for item in (0, 1, 2)]
        assert kinds == ["pending", "pending", "not_sent"]
        assert (await mission.settle(approved.digest, item=1)).kind == "not_sent"
        assert mission.rows == 0
        assert (await mission.settle(approved.digest)).kind == "receipt"
    assert mission.rows == 1


async def test_both_proposals_of_a_mission_are_found_in_the_queue_one_after_the_other(world: World, tellers: str) -> None:
    """The board shows the next when the first is taken down."""
    item = refund()
    handle = await told(world, tellers, item)
    await world.decide(handle, "lena", Verdict.AMEND, changes={"amount_minor": 100})
    second = await world.proposed(handle, 2)

    async def shown() -> bool | None:
        attributes = (await handle.describe()).search_attributes
        return True if attributes.get("SaysoProposal") == [second.digest] else None

    assert await until(shown)
    await world.decide(handle, "lena", Verdict.DENY, second)
    assert [outcome.kind for outcome in await outcomes(handle)] == [OutcomeKind.DENIED]
    assert len(signed_proposals(await world.record(handle), world.law)) == 2
