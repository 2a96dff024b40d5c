"""Every activity run twice, and every activity failed in turn: nothing twice, nothing lost, and a verdict that is clear."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import Client
from temporalio.worker import Worker

from activities.observe import observe
from tests.e2e.faulty import Failing, Fault, Faults, Moment, Order, Point, Twice
from tests.e2e.insider import forget_uses
from tests.e2e.scenes import REFUND, Ended, Scene
from tests.examples.enterprise import Enterprise
from tests.world import World, make_world, without_idempotency
from workflows.missions import QUEUE
from workflows.refund import RefundMission

pytestmark = pytest.mark.slow

SCENES = (REFUND,)
NAMESPACES = {"key": "faulty", "no key": "faulty-without-key"}
"""Payments that know an idempotency key, and payments that know none: there a second call would be a second refund."""

AT_A_TIME = 12
FAILURES = [(scene, point, moment) for scene in SCENES for point in scene.points for moment in Moment]
TWICE = [(scene, order) for scene in SCENES for order in Order]


def _name(value: object) -> str:
    return value.name if isinstance(value, Scene) else str(value)


@dataclass
class Stage:
    """Workers with faults in them, and how each play ended."""

    world: World
    faults: Faults
    first_number: int
    room: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_A_TIME))
    played: int = 0

    async def play(self, scene: Scene, fault: Fault) -> Ended:
        """One play, about a case of its own."""
        self.played += 1
        number = self.first_number + self.played
        async with self.room:
            return await scene.play(self.world, self.faults, fault, number)


@dataclass
class Plays:
    """What was played on one stage, by the fault's name and the scene's."""

    stage: Stage
    ended: dict[tuple[str, str], Ended]
    faults: dict[tuple[str, str], Fault]

    def of(self, scene: Scene, fault: Fault) -> Ended:
        """How the scene ended with such a fault."""
        return self.ended[scene.name, str(fault)]


def _all() -> list[tuple[Scene, Fault]]:
    twice: list[tuple[Scene, Fault]] = [(scene, Twice(order)) for scene, order in TWICE]
    return twice + [(scene, Failing(point, moment, final)) for scene, point, moment in FAILURES for final in (False, True)]


@asynccontextmanager
async def _staged(server: Client, enterprise: Enterprise, root: Path, namespace: str, number: int) -> AsyncIterator[Stage]:
    client = await Client.connect(
        server.service_client.config.target_host, namespace=namespace, data_converter=server.data_converter
    )
    world = make_world(client, enterprise, root)
    faults = Faults()
    async with AsyncExitStack() as stack:
        stack.push_async_callback(world.committer.close)
        stack.push_async_callback(world.reader.close)
        content: dict[str, Any] = {"workflows": [RefundMission], "activities": [observe]}
        # Cached: kills and evictions are other tests' matter, and so many missions replayed at every task would take minutes.
        await stack.enter_async_context(Worker(client, task_queue=QUEUE, interceptors=[faults], **content))
        for role in ("read", "reason"):
            await stack.enter_async_context(world.worker(role, interceptors=[faults]))
        bundle = without_idempotency(world.bundle) if namespace.endswith("without-key") else None
        await stack.enter_async_context(world.commit_worker("commits", bundle=bundle, interceptors=[faults]))
        yield Stage(world, faults, number)


@pytest.fixture(scope="module", params=NAMESPACES)
async def plays(
    request: pytest.FixtureRequest,
    server: Client,
    enterprise: Enterprise,
    world: World,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Plays]:
    """All plays of all scenes at once: each pause between two tries is waited for once."""
    namespace = NAMESPACES[request.param]
    number = 50_000 + 1_000 * list(NAMESPACES).index(request.param)
    async with _staged(server, enterprise, tmp_path_factory.mktemp(namespace), namespace, number) as stage:
        planned = _all()
        ended = await asyncio.gather(*(stage.play(scene, fault) for scene, fault in planned))
        names = [(scene.name, str(fault)) for scene, fault in planned]
        faults = {name: fault for name, (_, fault) in zip(names, planned, strict=True)}
        yield Plays(stage, dict(zip(names, ended, strict=True)), faults)


@pytest.mark.promise("H8")
@pytest.mark.parametrize(("scene", "order"), TWICE, ids=_name)
async def test_every_activity_run_twice_acts_once(plays: Plays, scene: Scene, order: Order) -> None:
    """docs/threats.md H8: both bodies ran, on real systems; one proposal was used, once."""
    twice = plays.faults[scene.name, str(Twice(order))]
    assert isinstance(twice, Twice) and set(twice.runs) == set(scene.points) and min(twice.runs.values()) >= 2
    ended = plays.of(scene, twice)
    assert (ended.verdict, ended.rows, ended.uses, ended.decisions) == (scene.whole, 1, 1, 1), ended


@pytest.mark.promise("H9")
@pytest.mark.parametrize(("scene", "point", "moment"), FAILURES, ids=_name)
async def test_activity_that_fails_once_costs_nothing(plays: Plays, scene: Scene, point: Point, moment: Moment) -> None:
    """docs/threats.md H9: the same verdict, one payment, and people decide no second time."""
    ended = plays.of(scene, Failing(point, moment))
    assert _struck(plays, scene, Failing(point, moment))
    assert (ended.verdict, ended.rows, ended.uses, ended.decisions) == (scene.whole, 1, 1, 1), ended


@pytest.mark.promise("H9")
@pytest.mark.parametrize(("scene", "point", "moment"), FAILURES, ids=_name)
async def test_activity_that_fails_for_good_ends_clearly(plays: Plays, scene: Scene, point: Point, moment: Moment) -> None:
    """docs/threats.md H9: a verdict that claims nothing, or a failure that says why; no approval is used up in vain."""
    fault = Failing(point, moment, final=True)
    ended = plays.of(scene, fault)
    sent = 1 if (point.activity, moment) == ("settle", Moment.AFTER) else 0
    assert _struck(plays, scene, fault)
    assert ended.trouble and (ended.verdict is None or ended.verdict in scene.clear), ended
    assert (ended.rows, ended.uses) == (sent, sent), ended


def _struck(plays: Plays, scene: Scene, like: Failing) -> bool:
    fault = plays.faults[scene.name, str(like)]
    return isinstance(fault, Failing) and fault.struck == 1
