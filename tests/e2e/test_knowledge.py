"""What a mission read is what its finding cites, on the real server and the real knowledge system."""

from __future__ import annotations

from activities.read import ReadResult
from audit.rail import rail
from policies.requirement import Assurance
from tests.world import World
from workflows.refund import Verdict


async def test_refund_rests_on_the_terms_that_were_read(world: World) -> None:
    """What it proposes cites them by id, and the rail tells them with source, version and digest."""
    handle = await world.start("CASE-1001")
    found = await world.proposed(handle)
    record = await world.record(handle)
    (searched,) = (
        ReadResult.model_validate(done.result)
        for done in record.completed
        if done.activity == "read" and isinstance(done.input, dict) and done.input["operation"] == "knowledge.search"
    )
    (proposed,) = (done.input for done in record.completed if done.activity == "propose")
    assert isinstance(proposed, dict)
    assert proposed["cites"] == [searched.passages[0].id]
    told = next(each for each in rail(record, world.law.directory) if each.what.startswith("knowledge.search"))
    assert told.assurance is Assurance.SIGNED
    assert f"refund-terms#window version 2026-09 ({searched.passages[0].digest[:8]})" in told.what
    assert told.digests["passage"] == searched.passages[0].digest
    await world.decide(handle, "sam", found=found)
    assert (await handle.result()).verdict is Verdict.REFUNDED
