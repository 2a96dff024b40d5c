"""Signed reads and reasoning on a real server, beside results that an attacker completed."""

from __future__ import annotations

from typing import Any

import pytest

from approvals import testimony
from audit.proposals import Found
from audit.rail import rail
from tests.e2e.hostile import Mission, hijacked
from tests.world import World

ORDER = {"operation": "orders.get_order", "arguments": {"order_id": "ORD-2001"}}


def by(found: Found) -> list[str]:
    """Who signed each result on the card; empty for a claim."""
    return [seen.by for seen in found.proposal.seen]


async def test_card_of_a_refund_says_whose_word_each_result_is(world: World) -> None:
    """The whole way: workers sign with their keys, the gate verifies over the server's history, through the codec."""
    handle = await world.start("CASE-1001")
    found = await world.proposed(handle)
    assert by(found) == ["read-worker", "read-worker", "read-worker", "reason-worker"]
    observations = rail(await world.record(handle), world.law.directory)
    assert {str(told.assurance) for told in observations if told.kind in ("read", "reasoned")} == {"signed"}
    await handle.terminate()


async def lied_to(attacker: World) -> tuple[Mission, Any]:
    """A mission that really read, and the worker's answer."""
    mission = await hijacked(attacker)
    return mission, (await mission.call("read", ORDER, "reads")).result


@pytest.mark.promise("E13")
async def test_read_that_somebody_completed_is_a_claim(attacker: World) -> None:
    """docs/threats.md E13: made up, and a genuine answer copied with its signature: to another activity, and another run."""
    mission, genuine = await lied_to(attacker)
    other = await hijacked(attacker)
    await mission.forge("read", {**genuine, "result": {"paid_minor": 1}, "signature": None})
    await mission.forge("read", genuine)
    await other.forge("read", genuine)
    assert by(await mission.proposed()) == ["read-worker", "", ""]
    assert by(await other.proposed()) == [""]


@pytest.mark.control("E13")
async def test_copied_read_is_believed_where_nothing_is_compared(attacker: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three checks bind an answer to its place: run, activity, request."""
    _, genuine = await lied_to(attacker)
    other = await hijacked(attacker)
    await other.forge("read", genuine)
    for check in ("run", "activity", "request"):
        monkeypatch.delitem(testimony.CHECKS, check)
    assert by(await other.proposed()) == ["read-worker"]
