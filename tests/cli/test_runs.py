"""The commands about a mission of several runs, on a real server. Source: docs/cli.md."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest
from temporalio.client import WorkflowHandle
from temporalio.worker import Worker

from activities.observe import observe
from tests.cli.conftest import Terminal
from tests.cli.following import following
from tests.e2e.test_runs import waiting
from tests.e2e.wanderer import Arrival, Wanderer
from tests.world import until
from workers.cli.verdict import watched


@pytest.fixture
async def mission(sayso: Terminal) -> AsyncIterator[WorkflowHandle[Any, Any]]:
    """A mission of olga's that pays two orders, each in a run of its own."""
    world, queue = sayso.world, f"roads-{uuid4().hex[:8]}"
    given: dict[str, Any] = {"case_id": "CASE-1001", "orders": [f"ORD-{uuid4().hex[:8]}", f"ORD-{uuid4().hex[:8]}"], "paid": 0}
    async with Worker(world.client, task_queue=queue, workflows=[Wanderer], activities=[observe], max_cached_workflows=0):
        yield await world.start("CASE-1001", queue=queue, given=given, result=Arrival)


async def listed(sayso: Terminal, mission_id: str, past: set[str]) -> tuple[str, str]:
    """The run of the mission after those of *past*, and the id of its proposal, once that is in the queue."""
    run, found = await waiting(sayso.world, mission_id, past)

    async def look() -> bool | None:
        items = (await sayso("queue", "--json")).data["items"]
        return any(item["proposal_digest"] == found.digest for item in items) or None

    await until(look)
    return str(run.run_id), found.digest[:12]


async def approved(sayso: Terminal, mission_id: str, past: set[str]) -> str:
    """Has sam approve what waits in the run after those of *past*, which that becomes one of; the proposal's id."""
    run_id, name = await listed(sayso, mission_id, past)
    answer = await sayso("approve", name, "--yes", "--json")
    assert (answer.code, answer.data.get("settled")) == (0, "receipt"), answer
    past.add(run_id)
    return name


async def test_rail_tells_all_runs_in_order(sayso: Terminal, mission: WorkflowHandle[Any, Any]) -> None:
    """Unbroken, with a line where one run ends and the next begins; the runs that it is of by id."""
    past = set[str]()
    for _ in range(2):
        await approved(sayso, mission.id, past)
    await mission.result()
    answer = await sayso("rail", mission.id, "--json")
    assert answer.code == 0, answer
    data = answer.data
    first, second = data["runs"]
    assert (first, data["run_id"]) == (mission.result_run_id, second)
    told = [(entry["run_id"], entry["kind"]) for entry in data["observations"]]
    border = told.index((second, "started"))
    assert told[border - 1] == (first, "ended") and {run for run, _ in told[border:]} == {second}
    assert [entry["who"] for entry in data["approvers"]] == ["sam"] and data["approvers"][0]["decisions"] == 2
    begins = next(entry for entry in data["observations"] if entry["run_id"] == second)
    assert (begins["actor"], begins["assurance"]) == ("olga", "signed")
    assert begins["what"].startswith(f"refund mission goes on from run {first}, begun with")
    words = (f"== run {first}, 1 of 2", f"goes on as run {second}", f"== run {second}, 2 of 2")
    text = (await sayso("rail", mission.id)).out
    assert sorted(words, key=text.index) == list(words)


async def test_rail_of_one_run_is_that_run_alone(sayso: Terminal, mission: WorkflowHandle[Any, Any]) -> None:
    """With `--run`; and what is new after an event is of the latest run."""
    past = set[str]()
    await approved(sayso, mission.id, past)
    latest, _ = await listed(sayso, mission.id, past)
    one = (await sayso("rail", mission.id, "--run", *past, "--json")).data
    new = (await sayso("rail", mission.id, "--since", "1", "--json")).data
    assert (one["runs"], new["runs"]) == (list(past), [latest])
    assert (await sayso("rail", mission.id, "--run", *past)).out.startswith("EVENT")
    await sayso.world.client.get_workflow_handle(mission.id).terminate()


async def test_follower_goes_on_into_the_next_run(sayso: Terminal, mission: WorkflowHandle[Any, Any]) -> None:
    """From the first run to the verdict."""
    past = set[str]()
    async with following(sayso.data, mission.id, "--json") as follower:
        await approved(sayso, mission.id, past)
        await follower.until(lambda it: len({entry["run_id"] for entry in it.told}) == 2)
        await approved(sayso, mission.id, past)
        assert await follower.ended() == 0
    assert follower.told[-1] | {"mission_id": ""} == {
        "mission_id": "", "run_id": follower.told[-2]["run_id"], "change": "end", "status": "completed",
        "latest_run_id": follower.told[-2]["run_id"],
    }  # fmt: skip
    async with following(sayso.data, mission.id) as again:
        assert await again.ended() == 0
    assert [line for line in again.lines if line.startswith("== run")] == [f"== run {follower.told[-1]['run_id']}"]
    assert again.said == ["sayso: the run is over (completed)"]


async def test_proposal_of_an_earlier_run_is_found_by_its_id(sayso: Terminal, mission: WorkflowHandle[Any, Any]) -> None:
    """Though the next run begins with its name; and nothing can be decided about it any more."""
    past = set[str]()
    first = await approved(sayso, mission.id, past)
    later, second = await listed(sayso, mission.id, past)
    review = (await sayso("review", first, "--json")).data
    assert (review["run_id"], review["settled"]) == (mission.result_run_id, "receipt")
    now = (await sayso("review", mission.id, "--json")).data
    assert (now["run_id"], [head["run_id"] for head in now["earlier"]]) == (later, [mission.result_run_id])
    assert "an earlier run" not in (await sayso("review", second)).out
    answer = await sayso("deny", first, "--yes")
    assert (answer.code, "nothing is left to decide" in answer.err) == (1, True)
    withdrawn = await sayso("withdraw", second, "--yes", "--json")
    assert (withdrawn.code, withdrawn.data["settled"]) == (0, "withdrawn"), withdrawn
    assert (await mission.result()).outcome.kind == "withdrawn"


async def test_starter_who_waits_is_told_the_last_runs_verdict(sayso: Terminal, mission: WorkflowHandle[Any, Any]) -> None:
    """As `start --wait` waits: over all runs, with what each waits for."""
    said, past = list[str](), set[str]()
    await approved(sayso, mission.id, past)
    handle = sayso.world.client.get_workflow_handle(mission.id)

    async def told() -> Any:
        return await watched(handle, sayso.world.client.data_converter.payload_codec, said.append)

    ending = asyncio.ensure_future(told())
    await approved(sayso, mission.id, past)
    verdict = await ending
    assert verdict["outcome"]["kind"] == "committed"
