"""Forged proposals that no gate makes, on the real server: the mission that is given one ends, and hangs for nobody."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import uuid4

import pytest
from pydantic import JsonValue
from temporalio import workflow
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from activities.observe import observe
from tests.e2e.test_malformed import Insider, _closed, _proposal, _settled, ended
from tests.fakes.bench import Bench
from tests.world import World, until
from workflows.mission import Mission
from workflows.refund import RefundCase, RefundMission


@workflow.defn(name="refund")
class Two(Mission):
    """Two commits at once."""

    @workflow.run
    async def run(self, case: RefundCase) -> str:
        """Whatever becomes of them."""
        first, second = await asyncio.gather(*(self.commit("payments.issue_refund", {}) for _ in range(2)))
        return f"{first.kind} {second.kind}"


async def ends(world: World, bench: Bench, patch: pytest.MonkeyPatch, mission: type, **changes: JsonValue) -> bool:
    """Whether the mission ends when `propose` is answered with a proposal so forged."""
    made = Insider(world, f"insider-{uuid4().hex[:8]}")
    for name in ("mission.READS", "reasoning.REASONING", "commitment.COMMITS"):
        patch.setattr(f"workflows.{name}", made.queue)
    made.answers = {"propose": await _proposal(bench, **changes), "settle": await _settled(bench)}
    content: dict[str, Any] = {"workflows": [mission], "activities": [made.answer, observe], "max_cached_workflows": 0}
    async with Worker(world.client, task_queue=made.queue, workflow_runner=UnsandboxedWorkflowRunner(), **content):
        handle = await made.start()
        async with ended(handle):
            return await until(lambda: _closed(handle), seconds=10)


async def test_escalation_beyond_any_number_does_not_hang_the_mission(
    world: World, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`next_moment` subtracts a float from an integer that none can hold."""
    late: JsonValue = [{"after_seconds": 10**400, "groups": ["finance"]}]
    rules: JsonValue = [{"group": "finance", "count": 1, "escalations": late}]
    assert await ends(world, bench, monkeypatch, RefundMission, requirement={"rules": rules, "expires_seconds": 1})


async def test_same_proposal_for_two_commits_at_once_does_not_hang_the_mission(
    world: World, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The board takes it down twice."""
    assert await ends(world, bench, monkeypatch, Two)
