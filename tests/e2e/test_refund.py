"""The refund mission from case to receipt, on the real server and the real example systems."""

from __future__ import annotations

from tests.world import World
from workflows.refund import Verdict


async def test_an_approved_refund_is_paid_once(world: World) -> None:
    """The whole way: read, reason, propose, decide, settle, pay."""
    handle = await world.start("CASE-1001")
    found = await world.proposed(handle)
    await world.decide(handle, "sam", found=found)
    verdict = await handle.result()
    rows = world.paid(found.proposal)
    assert verdict.verdict is Verdict.REFUNDED, verdict
    assert [(row.amount_minor, row.currency) for row in rows] == [(4200, "EUR")]
