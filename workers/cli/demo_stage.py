"""What the demo looks at between its commands: the queue, the settlements, the ledger."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from approvals.proposal import proposal_id
from approvals.queue import waiting
from approvals.settlement import Settlement
from approvals.signed import Kind
from audit.proposals import Found, signed_proposals, verified_settlement
from examples.refund.ledger import LedgerRow, ledger
from workers.cli.desk import Desk, open_desk
from workers.cli.matter import record_of
from workers.errors import CannotReach
from workers.stack.layout import Layout

PATIENCE_SECONDS = 30.0
_T = TypeVar("_T")


def proposal_of(data: Path, mission_id: str) -> str:
    """The proposal id of *mission_id*, once it is in the queue. Raises CannotReach."""

    async def listed() -> str:
        desk = await open_desk(data)

        async def look() -> str | None:
            rows = [row for row in await waiting(desk.client, 100) if row.mission_id == mission_id]
            return rows[0].proposal if rows else None

        return await until(look, f"mission `{mission_id}` did not come to a proposal")

    return proposal_id(asyncio.run(listed()))  # type: ignore[arg-type]


async def proposed(desk: Desk, mission_id: str, run_id: str, count: int = 1) -> list[Found]:
    """The gate's proposals of a run, once there are *count*."""

    async def look() -> list[Found] | None:
        found = list(signed_proposals(await record_of(desk, mission_id, run_id), desk.law).values())
        return found if len(found) >= count else None

    return await until(look, f"mission `{mission_id}` did not propose")


async def settled(desk: Desk, mission_id: str, run_id: str, votes: int) -> Settlement:
    """The first verified settlement of a run that judged *votes* decisions."""

    async def look() -> Settlement | None:
        record = await record_of(desk, mission_id, run_id)
        for entry in record.entries(Kind.SETTLEMENT):
            settlement = verified_settlement(entry, desk.law.directory)
            if settlement is not None and len(settlement.votes) >= votes:
                return settlement
        return None

    return await until(look, f"the gate did not settle mission `{mission_id}`")


def refunds(data: Path, order_id: str | None = None) -> list[LedgerRow]:
    """What was really paid."""
    try:
        rows = ledger(Layout(data).systems)
    except FileNotFoundError:
        return []
    return [row for row in rows if order_id in (None, row.order_id)]


def ledger_lines(data: Path) -> list[str]:
    """The ledger as a person reads it."""
    rows = refunds(data)
    lines = [f"  {row.refund_id}  {row.order_id}  {row.amount_minor / 100:.2f} {row.currency}" for row in rows]
    return [
        *lines,
        f"  {len(rows)} refund{'s' if len(rows) != 1 else ''}, {sum(row.amount_minor for row in rows) / 100:.2f} in all",
    ]


async def until(look: Callable[[], Awaitable[_T | None]], trouble: str, seconds: float = PATIENCE_SECONDS) -> _T:
    """What *look* finds. Raises CannotReach with *trouble* when it finds nothing in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = await look()
        if found is not None:
            return found
        await asyncio.sleep(0.05)
    raise CannotReach(f"{trouble} within {seconds:.0f} s; the logs are in the data directory (`sayso demo --data DIR`)")
