"""`sayso queue`: the proposals that wait for a decision."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from workers.cli.options import data_option, emit, json_option

if TYPE_CHECKING:
    from approvals.queue import QueueItem, Waiting
    from workers.cli.desk import Desk


@click.command()
@click.option("--limit", type=click.IntRange(1, 1000), default=100, show_default=True, help="Show at most so many.")
@data_option
@json_option
def queue(limit: int, data: Path | None, as_json: bool) -> None:
    """List the proposals that wait for a decision, earliest expiry first."""
    found, frozen = asyncio.run(_items(data, limit))
    items = [item.model_dump(mode="json") for item in found]
    text = as_text(found, limit, datetime.now(UTC))
    fields = {"items": items, "limited": len(items) == limit, "frozen": frozen is not None}
    emit(as_json, fields, f"{frozen}\n\n{text}" if frozen else text)


async def _items(data: Path | None, limit: int) -> tuple[list[QueueItem], str | None]:
    from approvals.queue import waiting
    from workers.cli.desk import answering, open_desk
    from workers.cli.standing import banner

    desk = await open_desk(data)
    with answering(desk):
        return [await _item(desk, row) for row in await waiting(desk.client, limit)], await banner(desk)


async def _item(desk: Desk, row: Waiting) -> QueueItem:
    from approvals.queue import unverified, verified
    from workers.cli.matter import Matter, matter_of

    matter = await matter_of(desk, row)
    if isinstance(matter, Matter):
        return verified(row, matter.digest, matter.proposal, matter.resolution)
    return unverified(row, matter)


def as_text(items: list[QueueItem], limit: int, now: datetime) -> str:
    """The queue as a table; what is not verified stands below it, with why."""
    from approvals.display import visible, visible_json
    from workers.cli.sheet import left, table

    rows = [
        (
            item.proposal_id or "",
            visible(item.mission_id),
            f"{item.operation} {visible_json(item.arguments)}",
            ", ".join(item.missing) or "the gate",
            ("" if item.expires_at > now else "expired ") + left(item.expires_at, now),
        )
        for item in items
        if item.verified and item.expires_at is not None
    ]
    doubtful = [f"  {visible(item.mission_id)}: {visible(item.trouble or '')}" for item in items if not item.verified]
    parts = []
    if rows:
        parts.append(table(("PROPOSAL", "MISSION", "ACTION", "WAITS FOR", "EXPIRES"), rows))
        parts.append("`sayso review PROPOSAL` shows one; `sayso approve` and `sayso deny` decide it")
    if doubtful:
        parts.append("\n".join(["UNVERIFIED: these say that they wait, and nothing can be approved there", *doubtful]))
    if len(items) == limit:
        parts.append(f"only the first {limit} were looked at: `--limit` shows more")
    return "\n\n".join(parts) or "nothing waits for a decision"
