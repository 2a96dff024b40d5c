"""
Missions of several runs on a real server: one that goes on as new commits in each run, and nothing else that looks so does.

Source: docs/decisions/0021-several-runs.md
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest
from temporalio.client import WorkflowHandle
from temporalio.worker import Worker

from activities.observe import observe
from audit.proposals import Found, signed_proposals
from tests.e2e.wanderer import Arrival, Wanderer
from tests.world import World, until


@pytest.fixture(scope="module")
async def roads(attacker: World) -> AsyncIterator[str]:
    """Queue of a worker whose refund missions go on as new."""
    queue = f"roads-{uuid4().hex[:8]}"
    async with Worker(attacker.client, task_queue=queue, workflows=[Wanderer], activities=[observe], max_cached_workflows=0):
        yield queue


async def journey(world: World, queue: str, runs: int) -> tuple[WorkflowHandle[Any, Any], list[str]]:
    """A mission that is to pay so many orders, each in a run of its own."""
    orders = [f"ORD-{uuid4().hex[:10]}" for _ in range(runs)]
    given: dict[str, Any] = {"case_id": "CASE-1001", "orders": orders, "paid": 0}
    return await world.start("CASE-1001", queue=queue, given=given, result=Arrival), orders


async def waiting(world: World, mission_id: str, past: set[str]) -> tuple[WorkflowHandle[Any, Any], Found]:
    """The mission's run after those of *past*, and its proposal."""

    async def look() -> tuple[WorkflowHandle[Any, Any], Found] | None:
        run_id = (await world.client.get_workflow_handle(mission_id).describe()).run_id
        if run_id in past:
            return None
        handle = world.client.get_workflow_handle(mission_id, run_id=run_id)
        found = list(signed_proposals(await world.record(handle), world.law).values())
        return (handle, found[-1]) if found else None

    return await until(look)


async def travelled(world: World, handle: WorkflowHandle[Any, Any], runs: int) -> list[Found]:
    """Has sam approve in each of the first *runs* runs; their proposals."""
    past, found = set[str](), list[Found]()
    for _ in range(runs):
        run, proposal = await waiting(world, handle.id, past)
        await world.decide(run, "sam", found=proposal)
        past.add(str(run.run_id))
        found.append(proposal)
    return found


async def test_mission_that_goes_on_as_new_commits_in_each_run(attacker: World, roads: str) -> None:
    """docs/threats.md D4, continue-as-new: owner and scope from the first start; each card tells of the runs before."""
    handle, orders = await journey(attacker, roads, 3)
    found = await travelled(attacker, handle, 3)
    arrival = await handle.result()
    assert (arrival.outcome.kind, arrival.case_id, arrival.runs) == ("committed", "CASE-1001", 3)
    assert [len(attacker.ledger(order)) for order in orders] == [1, 1, 1]
    assert {each.proposal.principals.owner for each in found} == {"olga"}
    first, second, third = (each.proposal for each in found)
    assert [head.run_id for head in third.earlier] == [second.action.mission.run_id, first.action.mission.run_id]
    assert [(prior.mission, prior.run, str(prior.kind)) for prior in third.prior] == [
        ("", first.action.mission.run_id, "receipt"),
        ("", second.action.mission.run_id, "receipt"),
    ]
