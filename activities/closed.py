"""Runs that closed, as the Temporal server lists them, and how long it keeps them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import Client
from temporalio.service import RPCError

from activities.histories import unreachable
from activities.uses import WORKFLOW, use_id
from approvals.freeze import FREEZE

PAGE = 1000
BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Closed:
    """A mission run that ended."""

    mission_id: str
    run_id: str
    mission_type: str
    at: datetime


class ClosedRuns:
    """Of the client's namespace. Visibility may be a moment behind: what closed just now may not be listed yet."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def since(self, moment: datetime) -> list[Closed]:
        """Every mission run that closed at *moment* (aware) or later and is still kept, oldest first. Raises Unreachable."""
        query = f"CloseTime >= '{moment.astimezone(UTC).isoformat()}'"
        found = []
        try:
            async for run in self._client.list_workflows(query, page_size=PAGE):
                if run.close_time is not None and is_mission(run.workflow_type, run.id):
                    found.append(Closed(run.id, run.run_id, run.workflow_type, run.close_time))
        except RPCError as error:
            raise unreachable(error) from error
        return sorted(found, key=lambda run: (run.at, run.run_id))

    async def retention(self) -> timedelta | None:
        """How long the server keeps a run after it closed; None where it does not say. Raises Unreachable."""
        request = DescribeNamespaceRequest(namespace=self._client.namespace)
        try:
            answer = await self._client.workflow_service.describe_namespace(request)
        except RPCError as error:
            raise unreachable(error) from error
        kept: timedelta = answer.config.workflow_execution_retention_ttl.ToTimedelta()
        return kept or None


def is_mission(workflow_type: str, workflow_id: str) -> bool:
    """
    Whether such a run is to be archived by itself: all but uses, which are in their mission's archive, and freezes.

    Both type and id must be those of a use or a freeze: whoever gives a mission's type or id such a name hides nothing by it.
    """
    use = workflow_type == WORKFLOW and workflow_id.startswith(use_id(""))
    return not use and (workflow_type, workflow_id) != (FREEZE, FREEZE)
