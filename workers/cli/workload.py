"""`sayso queue --stats`: who decided how much, and how long they had each card."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from approvals.display import visible
from approvals.queue import Waiting, proposing
from audit.errors import AuditError
from audit.workload import HASTY, Decided, Workload, decided, workloads
from workers.cli.desk import Desk, answering, each, open_desk
from workers.cli.matter import readable
from workers.cli.options import emit
from workers.cli.sheet import span, table


@dataclass(frozen=True)
class Stats:
    """The people's work over the runs that were read."""

    people: tuple[Workload, ...]
    runs: int
    unread: tuple[tuple[Waiting, str], ...]
    """Runs that could not be read, each with why."""
    limited: bool


def show(data: Path | None, limit: int, since: timedelta | None, as_json: bool) -> None:
    """Prints the stats of the latest *limit* runs that had a proposal, over the last *since*."""
    start = datetime.now(UTC) - since if since is not None else None
    found = asyncio.run(_stats(data, limit, start))
    value = {
        "people": [person.model_dump(mode="json") for person in found.people],
        "since": start.isoformat() if start else None,
        "runs": found.runs,
        "limited": found.limited,
        "unread": [{"mission_id": row.mission_id, "run_id": row.run_id, "trouble": why} for row, why in found.unread],
    }
    emit(as_json, value, as_text(found, limit))


async def _stats(data: Path | None, limit: int, since: datetime | None) -> Stats:
    desk = await open_desk(data)
    with answering(desk):
        rows = await proposing(desk.client, since, limit)
        found = await each(partial(_decided, desk), rows)
    decisions = [decision for read in found if not isinstance(read, str) for decision in read]
    unread = tuple((row, read) for row, read in zip(rows, found, strict=True) if isinstance(read, str))
    return Stats(workloads(decisions, since), len(rows), unread, limited=len(rows) == limit)


async def _decided(desk: Desk, row: Waiting) -> tuple[Decided, ...] | str:
    record = await readable(desk, row)
    try:
        return record if isinstance(record, str) else decided(record, desk.law.directory)
    except AuditError as error:
        return str(error)


def as_text(found: Stats, limit: int) -> str:
    """A table, and below it what is missing from it."""
    parts = [people(found.people) if found.people else "nobody decided anything"]
    if found.unread:
        lines = (f"  {visible(row.mission_id)} (run {row.run_id}): {visible(why)}" for row, why in found.unread)
        parts.append("\n".join(["NOT READ, and not in these figures:", *lines]))
    if found.limited:
        parts.append(f"only the latest {limit} runs were looked at: `--limit` shows more")
    return "\n\n".join(parts)


def people(found: Sequence[Workload]) -> str:
    """One line a person, in the given order."""
    hasty = f"UNDER {span(HASTY.total_seconds())}"
    heads = ("WHO", "DECIDED", "APPROVED", "DENIED", "OTHER", "REFUSED", "OPEN FOR", "SHORTEST", hasty, "FIRST (UTC)", "LAST")
    return table(heads, [_row(person) for person in found])


def _row(person: Workload) -> tuple[str, ...]:
    share = f" ({person.approved_share:.0%})" if person.approved_share is not None else ""
    return (
        visible(person.who),
        str(person.decisions),
        f"{person.approved}{share}",
        str(person.denied),
        str(person.other),
        str(person.refused),
        _span(person.median_open_seconds),
        _span(person.shortest_open_seconds),
        str(person.hasty),
        f"{person.first_at:%Y-%m-%d %H:%M}",
        f"{person.last_at:%Y-%m-%d %H:%M}",
    )


def sentence(person: Workload) -> str:
    """What one person did in one mission, on one line."""
    counts = [(person.approved, "approved"), (person.denied, "denied"), (person.other, "other"), (person.refused, "refused")]
    done = ", ".join(f"{count} {what}" for count, what in counts if count)
    if person.shortest_open_seconds is None:
        return f"{visible(person.who)}: {done}"
    hasty = f", {person.hasty} under {span(HASTY.total_seconds())}" if person.hasty else ""
    return f"{visible(person.who)}: {done}; card open {_span(person.median_open_seconds)} at the median{hasty}"


def _span(seconds: float | None) -> str:
    return "" if seconds is None else span(seconds)
