"""Successors on a real server, after a predecessor that an attacker had in his hands."""

from __future__ import annotations

from datetime import timedelta

import pytest

from approvals.proposal import Prior
from approvals.settlement import SettlementKind
from approvals.signed import Kind
from approvals.start import Predecessor
from tests.e2e.hostile import Mission, hijacked
from tests.e2e.shop import Shop
from tests.world import World, without_idempotency


async def ended(mission: Mission) -> Predecessor:
    """Terminates *mission*: the run that a successor names."""
    run_id = (await mission.handle.describe()).run_id
    await mission.handle.terminate()
    return Predecessor(mission_id=mission.handle.id, run_id=run_id)


async def prior(world: World, before: Mission, queue: str, worker: str = "hostile") -> tuple[Prior, ...]:
    """What the card of a successor lists that asks for the same again."""
    after = await hijacked(world, queue=worker, predecessor=await ended(before))
    after.order_id = before.order_id
    listed = (await after.proposed(queue=queue)).proposal.prior
    await after.handle.terminate()
    return listed


@pytest.mark.promise("D4")
async def test_successor_of_a_terminated_mission_is_told_what_was_paid(attacker: World) -> None:
    """docs/threats.md D4, successor: terminated after its commit; the card shows the receipt, and that it is the same."""
    mission = await hijacked(attacker)
    found = await mission.approved()
    await mission.settle(found.digest)
    listed = await prior(attacker, mission, "commits")
    assert [(line.proposal, line.kind, line.mission) for line in listed] == [(found.digest, "receipt", mission.handle.id)]
    assert listed[0].same


@pytest.mark.promise("D4")
async def test_successor_is_told_what_may_have_been_paid(shop: Shop) -> None:
    """docs/threats.md D4, successor: paid, the reply lost, no key: a person must know that nobody knows."""
    async with shop.world.gate(bundle=without_idempotency(shop.world.bundle), patience=timedelta(0)) as gate:
        mission = await hijacked(shop.world, queue="shop")
        found = await mission.approved(queue=gate)
        with shop.broken("drop-response-once"):
            assert (await mission.settle(found.digest, gate)).kind is SettlementKind.UNKNOWN
        listed = await prior(shop.world, mission, gate, "shop")
    assert [(line.proposal, line.kind, line.same) for line in listed] == [(found.digest, "unknown", True)]


@pytest.mark.promise("D4")
async def test_settlement_forged_in_a_predecessor_is_no_payment(attacker: World) -> None:
    """docs/threats.md D4, E11: completed from outside with a receipt of another proposal; never announced, never done."""
    paid, mission = await hijacked(attacker), await hijacked(attacker)
    found = await paid.approved()
    await paid.settle(found.digest)
    settlement = (await attacker.record(paid.handle)).entries(Kind.SETTLEMENT)[-1].signed
    await mission.proposed()
    await mission.forge("settle", settlement)
    assert await prior(attacker, mission, "commits") == ()
