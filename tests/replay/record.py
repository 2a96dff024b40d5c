"""
Records one history per story from a real server, without a codec: `python -m tests.replay.record [STORY ...]`.

Recorded histories stay as they are while missions of that release may be waiting: record a new one beside an old one, and
never over it, when the commands of a mission change.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from temporalio.client import WorkflowHandle
from temporalio.common import SearchAttributeKey
from temporalio.testing import WorkflowEnvironment

from approvals import attributes
from approvals.decision import SIGNAL, Verdict
from tests.e2e.autonomous import CASE, ORDER, pursued, refund
from tests.e2e.model_server import ScriptedModel, Turn, call, scripted
from tests.examples.enterprise import running_enterprise
from tests.world import World, make_world
from workers.connection import converter

HISTORIES = Path(__file__).parent / "histories"
Handle = WorkflowHandle[Any, Any]


async def _refunded(world: World, handle: Handle) -> None:
    await world.decide(handle, "sam")


async def _denied(world: World, handle: Handle) -> None:
    await world.decide(handle, "sam", Verdict.DENY)


async def _nothing(world: World, handle: Handle) -> None:
    return None


async def _refused_then_approved(world: World, handle: Handle) -> None:
    found = await world.proposed(handle)
    await handle.signal(SIGNAL, args=["approve", "sam"])
    await world.settlement(handle, after=found.event_id)
    await world.decide(handle, "sam", found=found)


AUTONOMOUS: tuple[Turn | str, ...] = (
    Turn("I look.", (call(CASE, case_id="CASE-1001"), call(ORDER, order_id="ORD-2001"), call(CASE, case_id="CASE-1002"))),
    Turn("Two parts.", (refund(100), refund(200), call("payments.wire"), call(CASE, case_id="CASE-1001"))),
    Turn("All of it, then.", (refund(20_000),)),
    "Two parts were refunded, the rest was not.",
)
"""Reads at once, one card for two, what is out of scope, and a no."""


async def _pursued(world: World, model: ScriptedModel) -> Handle:
    handle, _ = await pursued(world, model, AUTONOMOUS)
    await world.decide(handle, "sam", found=await world.proposed(handle))
    await world.decide(handle, "sam", Verdict.DENY, found=await world.proposed(handle, 2))
    return handle


STORIES: dict[str, tuple[str, Callable[[World, Handle], Awaitable[None]], str]] = {
    "refunded": ("CASE-1001", _refunded, "24h"),
    "denied": ("CASE-1001", _denied, "24h"),
    "expired": ("CASE-1001", _nothing, "3s"),
    "refused-malformed-then-approved": ("CASE-1001", _refused_then_approved, "24h"),
    "not-due": ("CASE-1003", _nothing, "24h"),
}
"""By name: the case, what people do, and how long a proposal waits."""


async def record(world: World, name: str) -> None:
    """Lives through story *name* and writes its history."""
    case_id, people, expires = STORIES[name]
    policies = world.policies / "refund.cedar"
    before = policies.read_text()
    policies.write_text(before.replace('@expires("24h")', f'@expires("{expires}")', 1))
    async with world.working():
        handle = await world.start(case_id)
        await people(world, handle)
        await handle.result()
        history = await handle.fetch_history()
    policies.write_text(before)
    (HISTORIES / f"{name}.json").write_text(history.to_json())


async def record_autonomous(world: World, model: ScriptedModel) -> None:
    """Lives through the story of a model that pursues a goal."""
    async with world.working():
        handle = await _pursued(world, model)
        await handle.result()
        history = await handle.fetch_history()
    (HISTORIES / "autonomous.json").write_text(history.to_json())


async def main(*names: str) -> None:
    """Records the stories called *names*, or every one."""
    server = await WorkflowEnvironment.start_local(
        data_converter=converter(),
        dev_server_existing_path=str(Path(sys.executable).parent / "temporal"),
        search_attributes=[
            SearchAttributeKey.for_keyword(attributes.STATE),
            SearchAttributeKey.for_keyword(attributes.PROPOSAL),
            SearchAttributeKey.for_keyword_list(attributes.GROUPS),
            SearchAttributeKey.for_datetime(attributes.EXPIRES_AT),
            SearchAttributeKey.for_keyword(attributes.OWNER),
            SearchAttributeKey.for_keyword_list(attributes.APPROVERS),
        ],
    )
    HISTORIES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as root, running_enterprise(Path(root) / "data") as enterprise:
        async with server:
            for name in names or (*STORIES, "autonomous"):
                if name in STORIES:
                    await record(make_world(server.client, enterprise, Path(root) / name), name)
                    continue
                with scripted() as model:
                    await record_autonomous(make_world(server.client, enterprise, Path(root) / name, model.url), model)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
