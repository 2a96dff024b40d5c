"""An autonomous mission on the real server, with a real HTTP model and the real example systems."""

from __future__ import annotations

from tests.e2e.autonomous import CASE, TERMS, pursued, refund
from tests.e2e.model_server import ScriptedModel, Turn, call
from tests.world import World
from workflows.pursuit import End


async def test_mission_reads_proposes_is_approved_and_answers(world: World, model: ScriptedModel) -> None:
    """The whole way of one goal."""
    script = (
        Turn(
            "I look at the case and the terms.", (call(CASE, case_id="CASE-1001"), call(TERMS, query="w", collection="refunds"))
        ),
        Turn("It arrived broken, within the window.", (refund(),)),
        Turn("I refunded 42.00."),
    )
    handle, goal = await pursued(world, model, script)
    found = await world.proposed(handle)
    await world.decide(handle, "sam", found=found)
    verdict = await handle.result()
    case, terms = model.of(goal)[1].told
    (settled,) = model.of(goal)[2].told
    assert (case["kind"], terms["kind"], settled["kind"]) == ("read", "read", "committed")
    assert (verdict.verdict, verdict.answer, verdict.executed) == (End.ANSWERED, "I refunded 42.00.", 1), verdict
    assert found.proposal.because == "It arrived broken, within the window."
    assert len(world.paid(found.proposal)) == 1
