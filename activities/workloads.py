"""
How much people and missions have been doing, counted by the Temporal server over search attributes.

Approvals are counted from `use` workflows, which only the gate has a reason to start, and not from what missions say. The
counts are no security boundary: whoever may write to the namespace can add to them, or delete from them.

Source: docs/decisions/0012-workload.md
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from datetime import UTC, datetime

from temporalio.client import Client
from temporalio.service import RPCError

from activities.histories import unreachable
from activities.uses import WORKFLOW
from approvals import attributes
from approvals.queue import WAITING


class ServerWorkloads:
    """Counts runs of the client's namespace. Visibility may be a moment behind, so a count may be short by the latest."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def approvals(self, people: Collection[str], since: datetime) -> dict[str, int]:
        """By each of *people*, how many uses rest on an approval of theirs, taken at *since* or later. Raises Unreachable."""
        names = sorted(people)
        counts = await asyncio.gather(*(self._count(uses_of(who, since)) for who in names))
        return dict(zip(names, counts, strict=True))

    async def open_of(self, owner: str) -> int:
        """How many missions of *owner* say that they wait for a decision. Raises Unreachable."""
        return await self._count(f"{attributes.OWNER} = '{attributes.spelled(owner)}' AND {WAITING}")

    async def _count(self, query: str) -> int:
        try:
            return (await self._client.count_workflows(query)).count
        except RPCError as error:
            raise unreachable(error) from error


def uses_of(who: str, since: datetime) -> str:
    """The visibility query of the uses that rest on an approval of *who*, taken at *since* (aware) or later."""
    mine = f"WorkflowType = '{WORKFLOW}' AND {attributes.APPROVERS} = '{attributes.spelled(who)}'"
    return f"{mine} AND StartTime >= '{since.astimezone(UTC).isoformat()}'"
