"""Worker processes killed at every step of an autonomous mission's loop: the same verdict, and one refund. Promise L4."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from temporalio.client import Client

from tests.e2e.autonomous import CASE, ORDER, TERMS, pursued, refund
from tests.e2e.hijacked import Attacks, People
from tests.e2e.model_server import ScriptedModel, Turn, call
from tests.e2e.scenes import Matter, open_case
from tests.e2e.test_kills import Supervisor
from tests.e2e.worker_process import Orders, write_orders
from tests.examples.enterprise import Enterprise
from tests.world import World, make_world
from workflows.autonomous import AutonomousVerdict
from workflows.pursuit import End

pytestmark = pytest.mark.slow

CALM, KILLED = "loops", "loops-killed"
ROLES = (f"short:{CALM}", f"short:{KILLED}", "read", "reason", "commit")
UNDISTURBED = "never"
POINTS = (
    UNDISTURBED, "before reason 1", "after reason 5", "before reason 6", "after reason 6", "before read 1", "after read 2",
    "before propose", "after propose", "before settle", "after claim", "after announce", "after send", "after record",
    "after settle", "during a mission task", "after each mission task", "before going on", "after going on",
)  # fmt: skip
"""The fifth answer asks for the refund, in a later run than the first; the sixth is the last."""


@dataclass(frozen=True)
class Ended:
    """How a mission ended whose worker was killed."""

    verdict: AutonomousVerdict | None
    """None where it did not end in time."""
    rows: int
    deaths: int
    went_on: bool
    """In another run."""


@pytest.fixture(scope="module")
async def ended(
    server: Client, enterprise: Enterprise, model: ScriptedModel, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[dict[str, Ended]]:
    """All missions at once, in a namespace of their own: each heartbeat timeout is waited for once."""
    root = tmp_path_factory.mktemp("killed-loops")
    host, how = server.service_client.config.target_host, server.data_converter
    world = make_world(await Client.connect(host, namespace="killed-loops", data_converter=how), enterprise, root, model.url)
    matters = {point: open_case(world, 7600 + number) for number, point in enumerate(POINTS)}
    orders = write_orders(root / "orders.json", world, {matter.case_id: point for point, matter in matters.items()})
    async with Supervisor(root / "orders.json", ROLES).keeping():
        found = await asyncio.gather(*(_mission(world, model, orders, matter, point) for point, matter in matters.items()))
    await world.committer.close()
    await world.reader.close()
    yield dict(zip(POINTS, found, strict=True))


def _script(matter: Matter) -> tuple[Turn | str, ...]:
    terms = Turn("The terms.", (call(TERMS, query="window", collection="refunds"),))
    both = Turn("Case and order.", (call(CASE, case_id=matter.case_id), call(ORDER, order_id=matter.order_id)))
    return (both, terms, both, terms, Turn("It broke, within the window.", (refund(order=matter.order_id),)), "Refunded.")


async def _mission(world: World, model: ScriptedModel, orders: Orders, matter: Matter, point: str) -> Ended:
    queue = KILLED if "going on" in point or "mission" in point else CALM
    people = People(world, Attacks(matter).wanted, look_seconds=1.5, patience_seconds=150)
    how: dict[str, Any] = {"case_id": matter.case_id, "queue": queue, "task_timeout": timedelta(seconds=2)}
    handle, _ = await pursued(world, model, _script(matter), **how)
    try:
        verdict: AutonomousVerdict | None = await people.result(handle)
    except TimeoutError:
        verdict = None
    latest = await world.client.get_workflow_handle(handle.id).describe()
    deaths = len(list(orders.markers.glob(f"{matter.case_id} *")))
    return Ended(verdict, len(world.ledger(matter.order_id)), deaths, latest.run_id != handle.first_execution_run_id)


def told(ended: Ended) -> Any:
    """The verdict, save how long it took and which proposal it was."""
    assert ended.verdict is not None, "it did not end"
    deeds = [(deed.operation, deed.kind) for deed in ended.verdict.deeds]
    return ended.verdict.model_copy(update={"deeds": (), "spent": ended.verdict.spent.model_copy(update={"seconds": 0})}), deeds


@pytest.mark.promise("L4")
@pytest.mark.parametrize("point", POINTS[1:])
async def test_killed_worker_changes_no_verdict(ended: dict[str, Ended], point: str) -> None:
    """SIGKILL before and after every step of the loop: to the word what nobody disturbed, and one refund."""
    assert ended[point].deaths >= 1, "its worker was not killed"
    assert told(ended[point]) == told(ended[UNDISTURBED])
    assert (ended[point].rows, ended[point].went_on) == (1, True)


@pytest.mark.promise("L4")
async def test_undisturbed_mission_refunds_once(ended: dict[str, Ended]) -> None:
    """What the others are measured by."""
    verdict = ended[UNDISTURBED].verdict
    assert verdict is not None
    assert (verdict.verdict, verdict.executed, verdict.spent.steps, verdict.answer) == (End.ANSWERED, 1, 6, "Refunded.")
    assert (ended[UNDISTURBED].rows, ended[UNDISTURBED].deaths, ended[UNDISTURBED].went_on) == (1, 0, True)
    assert ended["after each mission task"].deaths >= 8
