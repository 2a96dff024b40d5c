"""Worker processes killed at every step: nothing lost, nothing twice."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest
from temporalio.client import Client

from tests.e2e.worker_process import Orders, write_orders
from tests.examples.enterprise import ROOT, Enterprise
from tests.world import World, make_world
from workflows.missions import QUEUE
from workflows.refund import Verdict

pytestmark = pytest.mark.slow

KILLED = "missions-killed"
ROLES = ("mission", f"mission:{KILLED}", "read", "reason", "commit")
POINTS = (
    "before read", "after read", "before reason", "after reason", "before propose", "after propose", "before settle",
    "after claim", "after announce", "after send", "after record", "after settle",
    "during a mission task", "after each mission task",
)  # fmt: skip
CASES = (1001, 1002, 1006, 1007, 1009, 1014, 1016, 1017, 1019, 1020, 1022, 1024, 1025, 1030)
PLAN = {f"CASE-{case}": point for case, point in zip(CASES, POINTS, strict=True)}


@dataclass
class Supervisor:
    """Keeps one process a role, and counts how often each died."""

    orders: Path
    roles: tuple[str, ...] = ROLES
    deaths: dict[str, int] = field(default_factory=dict)

    @asynccontextmanager
    async def keeping(self) -> AsyncIterator[None]:
        """All roles at work, restarted when they die."""
        keepers = [asyncio.create_task(self._keep(role)) for role in self.roles]
        try:
            yield
        finally:
            for keeper in keepers:
                keeper.cancel()
            await asyncio.gather(*keepers, return_exceptions=True)

    async def _keep(self, role: str) -> None:
        command = (sys.executable, "-W", "ignore", "-m", "tests.e2e.worker_process", role, str(self.orders))
        while True:
            process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)})
            try:
                assert await process.wait() == -signal.SIGKILL, f"{role} ended by itself"
                self.deaths[role] = self.deaths.get(role, 0) + 1
            finally:
                if process.returncode is None:
                    process.kill()
                    await process.wait()


@dataclass(frozen=True)
class Ended:
    """How a mission ended whose worker was killed."""

    verdict: str
    rows: int
    deaths: int


@pytest.fixture(scope="module")
async def ended(
    server: Client, enterprise: Enterprise, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[dict[str, Ended]]:
    """All missions of the plan at once, in a namespace of their own: each heartbeat timeout is waited for once."""
    root = tmp_path_factory.mktemp("killed")
    config = server.service_client.config
    client = await Client.connect(config.target_host, namespace="killed", data_converter=server.data_converter)
    world = make_world(client, enterprise, root)
    orders = write_orders(root / "orders.json", world, PLAN)
    async with Supervisor(root / "orders.json").keeping():
        found = await asyncio.gather(*(_mission(world, orders, case_id, point) for case_id, point in PLAN.items()))
    await world.committer.close()
    await world.reader.close()
    yield dict(zip(POINTS, found, strict=True))


async def _mission(world: World, orders: Orders, case_id: str, point: str) -> Ended:
    queue = KILLED if "mission" in point else QUEUE
    handle = await world.start(case_id, queue=queue, task_timeout=timedelta(seconds=2))
    try:
        async with asyncio.timeout(150):
            found = await world.proposed(handle, seconds=140)
            await world.decide(handle, "sam", found=found)
            verdict = (await handle.result()).verdict
    except TimeoutError:
        return Ended("did not end", -1, -1)
    return Ended(verdict, len(world.paid(found.proposal)), len(list(orders.markers.glob(f"{case_id} *"))))


@pytest.mark.promise("H7")
@pytest.mark.parametrize("point", POINTS)
async def test_killed_worker_loses_nothing_and_pays_once(ended: dict[str, Ended], point: str) -> None:
    """docs/threats.md H7: SIGKILL before and after every step, and between the use, the call and its record."""
    assert ended[point].deaths >= 1, "its worker was not killed"
    assert (ended[point].verdict, ended[point].rows) == (Verdict.REFUNDED, 1)


@pytest.mark.promise("H7")
async def test_mission_worker_killed_after_each_task_goes_on(ended: dict[str, Ended]) -> None:
    """docs/design.md I9: one mission outlives as many workers as it has workflow tasks."""
    assert ended["after each mission task"].deaths >= 5
