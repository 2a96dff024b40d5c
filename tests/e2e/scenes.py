"""
Scenes for the fault harness: a kind of mission, the activities it calls, and what its people do.

A scene knows how its mission ends when all goes well, and by which verdicts it may end when a step fails for good. Each play
is about an order of its own, so that the ledger tells what was paid for it, with or without an idempotency key.
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
from tests.e2e.faulty import Fault, Faults, Point, Twice
from tests.world import World

Handle = WorkflowHandle[Any, Any]
LOOK_SECONDS = 0.25
"""So often people look whether something waits for them: many of them look at once."""


@dataclass(frozen=True)
class Ended:
    """How a play ended."""

    verdict: str | None
    """None where the mission failed."""
    trouble: str
    """The verdict's reasons, or what the mission failed with."""
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
    start: Callable[[World, str], Awaitable[Handle]]
    """Starts a mission about the case."""
    attend: Callable[[World, Handle, list[str]], Coroutine[Any, Any, None]]
    """What people do, until cancelled; each decision is put into the list."""
    whole: str
    """The verdict when all goes well."""
    clear: frozenset[str]
    """Verdicts that may come of a step that failed for good."""

    async def play(self, world: World, faults: Faults, fault: Fault, number: int) -> Ended:
        """From the customer's case to the mission's end."""
        case_id, order_id = open_case(world, number)
        handle, decided = await self.start(world, case_id), list[str]()
        faults.plan(handle.id, fault)
        people = asyncio.create_task(self.attend(world, handle, decided))
        try:
            async with asyncio.timeout(90):
                verdict, trouble = await _end(handle)
        finally:
            people.cancel()
            with suppress(asyncio.CancelledError):
                await people
        if isinstance(fault, Twice):
            await fault.over()
        return Ended(verdict, trouble, len(world.ledger(order_id)), await _uses(world, handle), len(decided))


async def _end(handle: Handle) -> tuple[str | None, str]:
    try:
        result = await handle.result()
    except WorkflowFailureError as error:
        cause: BaseException = error
        while isinstance(cause, WorkflowFailureError | FailureError) and cause.cause is not None:
            cause = cause.cause
        return None, str(cause)
    return str(result["verdict"]), "; ".join(result.get("reasons") or ())


async def _uses(world: World, handle: Handle) -> int:
    """How many of the mission's proposals were used."""
    proposals = signed_proposals(await world.record(handle), world.law)
    found = [await world.ports.uses.find(digest) for digest in proposals]
    return sum(use is not None for use in found)


def open_case(world: World, number: int) -> tuple[str, str]:
    """A customer's case about an order of its own, put into the order system; ids of case and order."""
    case_id, order_id, customer = f"CASE-{number}", f"ORD-{number}", f"CUST-{number}"
    text = "The kettle stopped working. I would like a refund of 42.00 EUR."
    order = (order_id, customer, "kettle", 4200, "EUR", "2026-11-08", 12, 0)
    with database.connection(world.enterprise.data / "orders.db") as opened, database.transaction(opened):
        opened.execute("INSERT INTO orders VALUES (?, ?, ?, ?, ?, ?, ?, ?)", order)
        opened.execute("INSERT INTO cases VALUES (?, ?, ?, ?, ?)", (case_id, order_id, customer, text, "2026-11-20"))
    return case_id, order_id


async def sam_approves(world: World, handle: Handle, decided: list[str]) -> None:
    """Sam approves whatever the gate proposes, once each."""
    law = world.law
    while True:
        for digest, found in signed_proposals(await world.record(handle), law).items():
            if digest not in decided:
                decided.append(digest)
                await world.decide(handle, "sam", found=found)
        await asyncio.sleep(LOOK_SECONDS)


async def _start_refund(world: World, case_id: str) -> Handle:
    return await world.start(case_id, result=dict)


REFUND = Scene(
    name="refund",
    points=(
        *(Point("read", nth) for nth in (1, 2, 3)),
        Point("reason"),
        *(Point("observe", nth) for nth in (1, 2, 3, 4)),
        Point("propose"),
        Point("settle"),
    ),
    start=_start_refund,
    attend=sam_approves,
    whole="refunded",
    clear=frozenset({"not_found", "not_due", "not_refunded", "unknown"}),
)
