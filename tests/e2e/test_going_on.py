"""An autonomous mission that goes on in another run: nothing of it is lost, and its steps count on. Source: record 0020."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from pydantic import JsonValue
from temporalio.client import WorkflowExecutionStatus, WorkflowHistory
from temporalio.worker import Replayer

from approvals.decision import Verdict
from audit.payloads import open_events
from audit.proposals import signed_proposals
from tests.e2e.autonomous import CASE, ORDER, Handle, pursued, refund
from tests.e2e.model_server import Asked, ScriptedModel, Turn, call
from tests.e2e.short_runs import Count, Counted, Counting, Filled, Prepared, Short, short_runs
from tests.fakes.rings import CODEC
from tests.world import World, until
from workflows.autonomous import AutonomousVerdict
from workflows.pursuit import Bound, End

pytestmark = pytest.mark.slow

LONG = 8


def _reading(asked: Asked) -> Turn | str:
    return "I read enough." if asked.turn == LONG else Turn(calls=(call(ORDER, order_id="ORD-2001"),))


async def _runs(world: World, handle: Handle) -> list[WorkflowHistory]:
    """The histories of all runs of a mission, the first one first."""
    found = [each async for each in world.client.list_workflows(f"WorkflowId = '{handle.id}'")]
    found.sort(key=lambda each: each.start_time)
    return [await world.client.get_workflow_handle(each.id, run_id=each.run_id).fetch_history() for each in found]


async def test_dialogue_goes_on_over_runs(world: World, model: ScriptedModel) -> None:
    """The model sees all that was said; what was spent counts on; each run stays short."""
    async with short_runs(world) as queue:
        handle, goal = await pursued(world, model, _reading, queue=queue)
        verdict = await handle.result()
        runs = await _runs(world, handle)
    last = model.of(goal)[-1].messages
    assert (verdict.verdict, verdict.answer, verdict.spent.steps) == (End.ANSWERED, "I read enough.", LONG + 1)
    assert [message["role"] for message in last] == ["system", "user", "user", *["assistant", "tool"] * LONG]
    assert len(runs) > 2
    assert max(len(run.events) for run in runs) < 60


async def test_run_that_was_told_much_goes_on_in_another(world: World, model: ScriptedModel) -> None:
    """Gates open so much of one run: what lies in a payload store makes no history long, and yet is a part of it."""
    async with short_runs(world, Filled) as queue:
        handle, _ = await pursued(world, model, _reading, queue=queue)
        verdict = await handle.result()
        runs = await _runs(world, handle)
    assert (verdict.verdict, len(runs) > 2) == (End.ANSWERED, True)


async def test_budget_counts_over_runs(world: World, model: ScriptedModel) -> None:
    """A new run is no new budget."""
    async with short_runs(world) as queue:
        handle, _ = await pursued(world, model, _reading, queue=queue, budget={"steps": LONG - 1})
        verdict = await handle.result()
    assert (verdict.spent_up, verdict.spent.steps) == (Bound.STEPS, LONG - 1)


async def test_deeds_of_earlier_runs_are_in_the_verdict(world: World, model: ScriptedModel) -> None:
    """And a proposal is settled in the run that made it, however long that grew."""
    reads = Turn(calls=(call(CASE, case_id="CASE-1001"),))
    script: list[Turn | str] = [Turn(calls=(refund(),)), *[reads] * LONG, "Nothing was refunded."]
    async with short_runs(world) as queue:
        handle, _ = await pursued(world, model, script, queue=queue)
        await world.decide(handle, "sam", Verdict.DENY)
        verdict = await handle.result()
        runs = await _runs(world, handle)
    assert [deed.kind for deed in verdict.deeds] == ["denied"]
    assert (verdict.spent.commits, len(runs) > 1) == (1, True)


async def test_commit_after_going_on_is_done_once(world: World, model: ScriptedModel) -> None:
    """Its step counts on, its proposal names every run before, and the verdict has the deeds of all of them."""
    reads = Turn(calls=(call(ORDER, order_id="ORD-2001"),))
    script: list[Turn | str] = [Turn(calls=(refund(100),)), *[reads] * LONG, Turn(calls=(refund(100),)), "Twice."]
    async with short_runs(world) as queue:
        handle, _ = await pursued(world, model, script, queue=queue)
        await world.decide(handle, "sam")
        latest = await _later(world, handle)
        found = await world.proposed(latest)
        await world.decide(latest, "sam", found=found)
        verdict = await handle.result()
    assert (found.proposal.action.step, len(found.proposal.earlier) > 0) == ("2", True)
    assert ([deed.kind for deed in verdict.deeds], verdict.executed) == (["committed", "committed"], 2)
    assert len(world.paid(found.proposal)) == 1


async def _later(world: World, handle: Handle) -> Handle:
    """The run of a mission in which it proposes for the second time."""

    async def look() -> Handle | None:
        run_id = (await world.client.get_workflow_handle(handle.id).describe()).run_id
        latest = world.client.get_workflow_handle(handle.id, run_id=run_id, result_type=AutonomousVerdict)
        if run_id == handle.result_run_id:
            return None
        return latest if signed_proposals(await world.record(latest), world.law) else None

    return await until(look)


async def test_every_run_replays(world: World, model: ScriptedModel) -> None:
    """A run that was continued and one that continues."""
    async with short_runs(world) as queue:
        handle, _ = await pursued(world, model, _reading, queue=queue)
        await handle.result()
        runs = await _runs(world, handle)
    replayer = Replayer(workflows=[Short], data_converter=world.client.data_converter)
    replayed = [await replayer.replay_workflow(run) for run in runs]
    assert [each.replay_failure for each in replayed] == [None] * len(runs)


async def test_steps_of_a_mission_that_somebody_wrote_count_on(world: World) -> None:
    """The same step with the same arguments would be the same action again, and be dropped as a repeat."""
    async with short_runs(world) as queue:
        given = Count(case_id="CASE-1001").model_dump(mode="json")
        handle = await world.start("CASE-1001", workflow="counting", given=given, queue=queue, result=Counted)
        counted = await handle.result()
    assert counted == Counted(step=3)
    assert (await handle.describe()).status is WorkflowExecutionStatus.COMPLETED
    assert Counting.MOST_EVENTS > 0


async def test_what_was_read_before_is_told_with_its_data_class(world: World, model: ScriptedModel) -> None:
    """A goal that an author wrote from a read: what is masked in a question is masked in a dialogue."""
    async with short_runs(world, Prepared) as queue:
        handle, _ = await pursued(world, model, ("Nothing.",), queue=queue)
        await handle.result()
        events = await open_events((await handle.fetch_history()).events, CODEC)
    asked = [each.activity_task_scheduled_event_attributes for each in events]
    (request,) = [json.loads(each.input.payloads[0].data) for each in asked if each.activity_type.name == "reason"]
    (message, *_) = request["dialogue"]["said"]
    (value,) = message["sensitive"]["pii"]
    assert value in message["text"]


INVENTED: dict[str, dict[str, Any]] = {
    "nothing said": {"began": "2026-11-25T00:00:00Z", "said": []},
    "a beginning to come": {"began": "9999-12-31T23:59:59Z"},
    "a long way back": {"began": "0001-01-01T00:00:00Z"},
    "another's transcript": {
        "began": "2026-11-25T00:00:00Z",
        "transcript": {"address": "0" * 64, "digest": "0" * 64, "length": 1},
    },
    "spent below nothing": {"began": "2026-11-25T00:00:00Z", "spent": {"steps": -(10**15)}},
}


@pytest.mark.parametrize("name", INVENTED)
async def test_state_that_somebody_made_up_ends_in_a_verdict(world: World, model: ScriptedModel, name: str) -> None:
    """Whoever may start a workflow may start it with anything: it never fails a task again and again."""
    given: dict[str, JsonValue] = {
        "goal": "g",
        "operations": [ORDER],
        "case_id": "CASE-1001",
        "budget": {"wall_seconds": 366 * 86400},
        "carried": {"step": 7, "pursuit": INVENTED[name]},
    }
    handle = await world.start("CASE-1001", workflow="autonomous", given=given, result=AutonomousVerdict)
    verdict = await asyncio.wait_for(handle.result(), 30)
    assert verdict.executed == 0
