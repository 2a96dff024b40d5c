"""
Scenes for the fault harness: a kind of mission, the activities it calls, and what its people do.

A scene knows how its mission ends when all goes well, and how it may end when a step fails for good. Each play is about an
order of its own, so that the ledger tells what was paid for it, with or without an idempotency key.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from temporalio.client import WorkflowFailureError, WorkflowHandle
from temporalio.exceptions import FailureError

from audit.proposals import signed_proposals
from examples.refund import database
from tests.e2e.autonomous import CASE, ORDER, TERMS, pursued, refund
from tests.e2e.faulty import Fault, Faults, Point, Twice
from tests.e2e.model_server import ScriptedModel, Turn, call
from tests.world import World

Handle = WorkflowHandle[Any, Any]
LOOK_SECONDS = 0.25
"""So often people look whether something waits for them: many of them look at once."""


@dataclass(frozen=True)
class Matter:
    """What a play is about."""

    case_id: str
    order_id: str


@dataclass(frozen=True)
class Ended:
    """How a play ended."""

    verdict: str | None
    """None where the mission failed."""
    trouble: str
    """The verdict's reasons, or what the mission failed with."""
    claimed: int
    """Refunds that the verdict claims."""
    rows: int
    """Refunds in the ledger for its order."""
    uses: int
    """Proposals of it whose one use was taken."""
    decisions: int
    """How often people had to decide."""


@dataclass(frozen=True)
class Scene:
    """One kind of mission with its people."""

    name: str
    points: tuple[Point, ...]
    """Every activity that it calls when nothing fails."""
    start: Callable[[World, ScriptedModel, Matter], Awaitable[Handle]]
    """Starts a mission about the matter."""
    attend: Callable[[World, Handle, list[str]], Coroutine[Any, Any, None]]
    """What people do, until cancelled; each decision is put into the list."""
    whole: str
    """The verdict when all goes well."""
    clear: frozenset[str]
    """Verdicts that may come of a step that failed for good."""
    claims: Callable[[dict[str, Any]], int]
    """How many refunds a result says were made."""
    survives: frozenset[Point] = frozenset()
    """Activities without which the refund is made all the same, and the verdict says so."""

    async def play(self, world: World, model: ScriptedModel, faults: Faults, fault: Fault, number: int) -> Ended:
        """From the customer's case to the mission's end."""
        matter = open_case(world, number)
        handle, decided = await self.start(world, model, matter), list[str]()
        faults.plan(handle.id, fault)
        people = asyncio.create_task(self.attend(world, handle, decided))
        try:
            async with asyncio.timeout(90):
                result, trouble = await _end(world, handle)
        finally:
            people.cancel()
            with suppress(asyncio.CancelledError):
                await people
        if isinstance(fault, Twice):
            await fault.over()
        rows, uses = len(world.ledger(matter.order_id)), await _uses(world, handle)
        return Ended(result.get("verdict"), trouble, self.claims(result), rows, uses, len(decided))


async def _end(world: World, handle: Handle) -> tuple[dict[str, Any], str]:
    try:
        # Untyped: whatever kind of mission it is.
        result: dict[str, Any] = await world.client.get_workflow_handle(handle.id).result()
    except WorkflowFailureError as error:
        cause: BaseException = error
        while isinstance(cause, WorkflowFailureError | FailureError) and cause.cause is not None:
            cause = cause.cause
        return {}, str(cause)
    return result, "; ".join(result.get("reasons") or ())


async def _uses(world: World, handle: Handle) -> int:
    """How many of the mission's proposals were used."""
    proposals = signed_proposals(await world.record(handle), world.law)
    found = [await world.ports.uses.find(digest) for digest in proposals]
    return sum(use is not None for use in found)


PLAIN = "The kettle stopped working. I would like a refund of 42.00 EUR."


def open_case(world: World, number: int, text: str = PLAIN) -> Matter:
    """A customer's case about an order of its own, put into the order system."""
    case_id, order_id, customer = f"CASE-{number}", f"ORD-{number}", f"CUST-{number}"
    order = (order_id, customer, "kettle", 4200, "EUR", "2026-11-08", 12, 0)
    with database.connection(world.enterprise.data / "orders.db") as opened, database.transaction(opened):
        opened.execute("INSERT INTO orders VALUES (?, ?, ?, ?, ?, ?, ?, ?)", order)
        opened.execute("INSERT INTO cases VALUES (?, ?, ?, ?, ?)", (case_id, order_id, customer, text, "2026-11-20"))
    return Matter(case_id, order_id)


async def sam_approves(world: World, handle: Handle, decided: list[str]) -> None:
    """Sam approves whatever the gate proposes, once each."""
    law = world.law
    while True:
        for digest, found in signed_proposals(await world.record(handle), law).items():
            if digest not in decided:
                decided.append(digest)
                await world.decide(handle, "sam", found=found)
        await asyncio.sleep(LOOK_SECONDS)


async def _start_refund(world: World, model: ScriptedModel, matter: Matter) -> Handle:
    return await world.start(matter.case_id)


async def _start_autonomous(world: World, model: ScriptedModel, matter: Matter) -> Handle:
    script = (
        Turn("Case and terms.", (call(CASE, case_id=matter.case_id), call(TERMS, query="window", collection="refunds"))),
        Turn("The order.", (call(ORDER, order_id=matter.order_id),)),
        Turn("It broke, within the window.", (refund(order=matter.order_id),)),
        Turn("I am done."),
    )
    handle, _ = await pursued(world, model, script, case_id=matter.case_id)
    return handle


def _points(**counts: int) -> tuple[Point, ...]:
    return tuple(Point(activity, nth) for activity, count in counts.items() for nth in range(1, count + 1))


REFUND = Scene(
    name="refund",
    points=_points(read=3, reason=1, observe=4, propose=1, settle=1),
    start=_start_refund,
    attend=sam_approves,
    whole="refunded",
    clear=frozenset({"not_found", "not_assessed", "unknown"}),
    claims=lambda result: 1 if result.get("verdict") == "refunded" else 0,
)
AUTONOMOUS = Scene(
    name="autonomous",
    points=_points(reason=4, read=3, propose=1, settle=1),
    start=_start_autonomous,
    attend=sam_approves,
    whole="answered",
    clear=frozenset({"answered", "no_answer"}),
    claims=lambda result: int(result.get("executed", 0)),
    # A read that fails is the model's to get over, and the last answer comes after the refund.
    survives=frozenset((*_points(read=3), Point("reason", 4))),
)
