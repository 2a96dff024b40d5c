"""Missions whose runs are short: they go on in another after a few events."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

from temporalio import workflow
from temporalio.worker import Worker

with workflow.unsafe.imports_passed_through():
    from activities.observe import observe
    from policies.model import Recorded
    from tests.world import World
    from workflows.autonomous import AutonomousCase, AutonomousMission, AutonomousVerdict
    from workflows.carried import Continued
    from workflows.mission import Mission
    from workflows.refund import Case

EVENTS = 30


@workflow.defn(name="autonomous")
class Short(AutonomousMission):
    """An autonomous mission of many runs."""

    MOST_EVENTS = EVENTS

    @workflow.run
    async def run(self, case: AutonomousCase) -> AutonomousVerdict:
        """As its parent."""
        return await super().run(case)


@workflow.defn(name="autonomous")
class Filled(AutonomousMission):
    """An autonomous mission that soon was told as much as a run may hold."""

    MOST_TOLD = 5000

    @workflow.run
    async def run(self, case: AutonomousCase) -> AutonomousVerdict:
        """As its parent."""
        return await super().run(case)


class Count(Continued):
    """The input of a mission that somebody wrote."""

    case_id: str
    left: int = 2
    commits: bool = False


class Counted(Recorded):
    """The number of its last step."""

    step: int


@workflow.defn(name="counting")
class Counting(Mission):
    """Commits something in every run, and says how far its steps have come."""

    @workflow.run
    async def run(self, case: Count) -> Counted:
        """Goes on until nothing is left."""
        await self.commit("payments.issue_refund", {"order_id": "ORD-2001"})
        if case.left:
            self.go_on(case.model_copy(update={"left": case.left - 1}))
        return Counted(step=self._step)


@workflow.defn(name="autonomous")
class Prepared(AutonomousMission):
    """An autonomous mission that somebody's steps come before."""

    @workflow.run
    async def run(self, case: AutonomousCase) -> AutonomousVerdict:
        """Reads the case, and tells the model of it in the goal."""
        found = await self.read("orders.get_case", {"case_id": case.case_id or ""}, Case)
        told = case.model_copy(update={"goal": f"{case.goal} {found.customer_id}"})
        return await super().run(told)


def short_worker(world: World, queue: str, autonomous: type[Mission] = Short, **how: Any) -> Worker:
    """A worker for them, or for another autonomous mission, with nothing cached; *how* goes to the worker."""
    content: dict[str, Any] = {"workflows": [autonomous, Counting], "activities": [observe], "max_cached_workflows": 0}
    return Worker(world.client, task_queue=queue, **content, **how)


@asynccontextmanager
async def short_runs(world: World, autonomous: type[Mission] = Short) -> AsyncIterator[str]:
    """A worker for them at work; yields its queue."""
    queue = f"short-{uuid4().hex[:8]}"
    async with short_worker(world, queue, autonomous):
        yield queue
