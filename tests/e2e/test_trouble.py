"""Trouble around the one call: before it nothing is used up, after it nothing is sent twice."""

from __future__ import annotations

import pytest

from approvals.settlement import SettlementKind
from examples.refund.signing import write_private
from tests.e2e.hostile import Mission, hijacked
from tests.e2e.insider import NaiveUses
from tests.e2e.shop import Shop
from tests.world import without_idempotency


async def _approved(shop: Shop, gate: str) -> tuple[Mission, str]:
    mission = await hijacked(shop.world, queue="shop")
    return mission, (await mission.approved(queue=gate)).digest


FAULTS = ("crash-after-commit-once", "drop-response-once")


@pytest.mark.promise("D5")
@pytest.mark.parametrize("fault", FAULTS)
async def test_lost_reply_is_asked_for_again_by_key(shop: Shop, fault: str) -> None:
    """docs/threats.md D5: paid, the reply lost; the same key gets the recorded refund, and no second one."""
    async with shop.world.gate() as gate:
        mission, proposal = await _approved(shop, gate)
        with shop.broken(fault):
            await mission.call("settle", {"proposal": proposal}, gate)
        settlement = await mission.settle(proposal, gate)
    assert settlement.kind is SettlementKind.RECEIPT and mission.rows == 1


@pytest.mark.promise("D5")
@pytest.mark.promise("H6")
@pytest.mark.parametrize("fault", FAULTS)
async def test_lost_reply_without_a_key_stays_unknown(shop: Shop, fault: str) -> None:
    """docs/threats.md D5: payments knows no key, so nobody sends again, however often the gate is asked."""
    async with shop.world.gate(bundle=without_idempotency(shop.world.bundle)) as gate:
        mission, proposal = await _approved(shop, gate)
        with shop.broken(fault):
            first = await mission.settle(proposal, gate)
        later = [await mission.settle(proposal, gate) for _ in range(2)]
    assert {answer.kind for answer in (first, *later)} == {SettlementKind.UNKNOWN} and mission.rows == 1


@pytest.mark.control("D5")
async def test_lost_reply_is_paid_twice_without_the_use(shop: Shop) -> None:
    """A gate that keeps no use takes the lost reply for a call that was never made."""
    async with shop.world.gate(bundle=without_idempotency(shop.world.bundle), uses=NaiveUses()) as gate:
        mission, proposal = await _approved(shop, gate)
        with shop.broken(FAULTS[1]):
            await mission.settle(proposal, gate)
        await mission.settle(proposal, gate)
    assert mission.rows == 2


@pytest.mark.promise("D13")
@pytest.mark.promise("H6")
@pytest.mark.parametrize("module", ["issuer", "payments"])
async def test_trouble_before_sending_leaves_the_approval(shop: Shop, module: str) -> None:
    """docs/threats.md D13: nothing was sent, the same approval pays once when the service is back."""
    async with shop.world.gate() as gate:
        mission, proposal = await _approved(shop, gate)
        with shop.down(module):
            trouble = await mission.settle(proposal, gate)
        assert trouble.kind is SettlementKind.NOT_SENT and trouble.findings[-1].check == "ready" and mission.rows == 0
        assert (await mission.settle(proposal, gate)).kind is SettlementKind.RECEIPT and mission.rows == 1


@pytest.mark.promise("D13")
@pytest.mark.promise("H6")
@pytest.mark.parametrize("content", [None, "people: ["])
async def test_unreadable_directory_leaves_the_approval(shop: Shop, content: str | None) -> None:
    """docs/threats.md D13: without a directory nobody is an approver; the gate asks again instead of judging."""
    path = shop.world.policies / "directory.yaml"
    before = path.read_text()
    async with shop.world.gate() as gate:
        mission, proposal = await _approved(shop, gate)
        path.unlink() if content is None else write_private(path, content)
        trouble = await mission.call("settle", {"proposal": proposal}, gate)
        write_private(path, before)
        assert trouble.error == "Unreachable" and "approver directory" in trouble.said and mission.rows == 0
        assert (await mission.settle(proposal, gate)).kind is SettlementKind.RECEIPT and mission.rows == 1
