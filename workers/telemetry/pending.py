"""
What waits for people, and for how long: read from the Decision Queue every few seconds by the one role that can verify it.

A mission says that it waits; how long its proposal has waited is the gate's word, from the mission's own history. Each
history is read once, a few at a time. Groups are those of the directory: what a mission calls one otherwise is `other`.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

import structlog
from temporalio.client import Client

from activities.errors import Gone
from activities.ports import Histories
from approvals.queue import WAITING, Waiting, waiting
from audit.errors import AuditError
from audit.law import Law
from audit.proposals import signed_proposals
from policies.canonical import Digest

_log = structlog.stdlib.get_logger("sayso.pending")
MOST_ROWS = 1000
LOOKUPS = 50
"""So many histories are read at one look; the others' ages are counted from when they were first seen until their turn."""
REMEMBERED = 10_000
OTHER = "other"
Labelled = Iterator[tuple[float, dict[str, str]]]


@dataclass(frozen=True)
class Look:
    """The queue at one look."""

    at: float
    missions: int = 0
    unverified: int = 0
    waiting: dict[str, int] = field(default_factory=dict)
    """Proposals by group; every group of the directory is there."""
    oldest: dict[str, datetime] = field(default_factory=dict)
    """When the oldest of each group was made."""


class Pending:
    """Reads the queue, and answers for gauges from the last look."""

    def __init__(self, client: Client, histories: Histories, law: Law, every_seconds: float) -> None:
        self._client = client
        self._histories = histories
        self._law = law
        self._every_seconds = every_seconds
        self._groups = {group for person in law.directory.people.values() for group in person.groups}
        self._made: OrderedDict[tuple[str, str], datetime | None] = OrderedDict()
        self._seen: dict[tuple[str, str], datetime] = {}
        self._look = Look(at=time.monotonic())

    async def run(self) -> None:
        """Looks until cancelled. A look that fails leaves the last one standing, and its age tells."""
        while True:
            try:
                self._look = await self._looked()
            except Exception as error:
                _log.warning("pending.unread", error=type(error).__name__)
            await asyncio.sleep(self._every_seconds)

    def decisions(self) -> Labelled:
        """Proposals by group."""
        return ((float(count), {"group": group}) for group, count in self._look.waiting.items())

    def ages(self) -> Labelled:
        """Seconds since the oldest of each group was made; 0 where none waits."""
        now, oldest = datetime.now(UTC), self._look.oldest
        groups = self._look.waiting
        return ((max(0.0, (now - oldest.get(group, now)).total_seconds()), {"group": group}) for group in groups)

    def missions(self) -> Labelled:
        """How many say that they wait."""
        yield float(self._look.missions), {}

    def unverified(self) -> Labelled:
        """How many of those that were looked at have no proposal of the gate."""
        yield float(self._look.unverified), {}

    def staleness(self) -> Labelled:
        """Seconds since the last look that worked."""
        yield time.monotonic() - self._look.at, {}

    async def _looked(self) -> Look:
        rows = await waiting(self._client, MOST_ROWS)
        missions = (await self._client.count_workflows(WAITING)).count if len(rows) == MOST_ROWS else len(rows)
        now = datetime.now(UTC)
        keys = {(row.run_id, row.proposal or "") for row in rows}
        self._seen = {key: self._seen.get(key, now) for key in keys}
        unread = [row for row in rows if (row.run_id, row.proposal or "") not in self._made]
        for row in unread[:LOOKUPS]:
            await self._read(row)
        return self._counted(rows, missions)

    async def _read(self, row: Waiting) -> None:
        made = None
        try:
            record = await self._histories.read(row.mission_id, row.run_id)
            # In a thread: a history that somebody filled takes a while, and the gate's heartbeats must go on.
            proposals = await asyncio.to_thread(signed_proposals, record, self._law)
            found = proposals.get(Digest(row.proposal or ""))
            made = found.proposal.created_at if found and found.proposal.action.mission == record.started.mission else None
        except (AuditError, Gone):
            made = None
        self._made[row.run_id, row.proposal or ""] = made
        if len(self._made) > REMEMBERED:
            self._made.popitem(last=False)

    def _counted(self, rows: list[Waiting], missions: int) -> Look:
        waits, oldest, unverified = dict.fromkeys(sorted(self._groups), 0), dict[str, datetime](), 0
        for row in rows:
            key = (row.run_id, row.proposal or "")
            made = self._made.get(key, self._seen[key])
            if made is None:
                unverified += 1
                continue
            for group in {group if group in self._groups else OTHER for group in row.groups}:
                waits[group] = waits.get(group, 0) + 1
                oldest[group] = min(made, oldest.get(group, made))
        return Look(time.monotonic(), missions, unverified, waits, oldest)
