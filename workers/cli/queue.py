"""`sayso queue`: the proposals that wait for a decision; with `--stats`, who decided how much."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from workers.cli.options import AGE, data_option, emit, json_option

if TYPE_CHECKING:
    from approvals.queue import QueueItem, Waiting
    from workers.cli.desk import Desk


@click.command()
@click.option("--limit", type=click.IntRange(1, 1000), default=100, show_default=True, help="Show at most so many.")
@click.option("--stats", is_flag=True, help="Show instead who decided how much, and how long they had each card.")
@click.option("--since", type=AGE, default=None, help="With --stats: only decisions of the last so much time, 7d or 12h.")
@data_option
@json_option
def queue(limit: int, stats: bool, since: timedelta | None, data: Path | None, as_json: bool) -> None:
    """List the proposals that wait for a decision, earliest expiry first."""
    if stats:
        from workers.cli.workload import show

        return show(data, limit, since, as_json)
    if since is not None:
        raise click.UsageError("`--since` goes with `--stats`")
    found, frozen = asyncio.run(_items(data, limit))
    items = [item.model_dump(mode="json") for item in found]
    text = as_text(found, limit, datetime.now(UTC))
    fields = {"items": items, "limited": len(items) == limit, "frozen": frozen is not None}
    emit(as_json, fields, f"{frozen}\n\n{text}" if frozen else text)


async def _items(data: Path | None, limit: int) -> tuple[list[QueueItem], str | None]:
    from approvals.queue import waiting
    from workers.cli.desk import answering, each, open_desk
    from workers.cli.standing import banner

    desk = await open_desk(data)
    with answering(desk):
        return await each(partial(_item, desk), await waiting(desk.client, limit)), await banner(desk)


async def _item(desk: Desk, row: Waiting) -> QueueItem:
    from approvals.queue import unverified, verified
    from workers.cli.matter import Matter, matter_of

    matter = await matter_of(desk, row)
    if isinstance(matter, Matter):
        return verified(row, matter.digest, matter.proposal, matter.resolution)
    return unverified(row, matter)


def as_text(items: list[QueueItem], limit: int, now: datetime) -> str:
    """The queue as a table; what is not verified stands below it, with why."""
    from approvals.display import visible
    from workers.cli.sheet import left, table

    rows = [
        (
            item.proposal_id or "",
            visible(item.mission_id),
            _action(item),
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


def _action(item: QueueItem) -> str:
    """What is asked for. A batch is named as one, so that nobody takes its first action for all of it."""
    from approvals.display import visible_json

    shown = "; ".join(f"{action['operation']} {visible_json(action['arguments'])}" for action in item.actions)
    if item.asks_outcome_of is not None:
        return f"WHAT BECAME OF {shown}?"
    return f"{len(item.actions)} ACTIONS: {shown}" if len(item.actions) > 1 else shown
