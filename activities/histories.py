"""Event histories from the Temporal server."""

from __future__ import annotations

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import WorkflowExecutionStatus
from temporalio.api.history.v1 import HistoryEvent
from temporalio.api.workflowservice.v1 import DescribeWorkflowExecutionRequest, GetWorkflowExecutionHistoryRequest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from activities.errors import Gone, Unreachable
from activities.ports import Snapshot
from audit.payloads import open_events
from audit.record import MissionRecord

_NO_SUCH_RUN = (RPCStatusCode.NOT_FOUND, RPCStatusCode.INVALID_ARGUMENT)
"""The server answers the second where a run's id is none."""


class ServerHistories:
    """Reads runs of the client's namespace; opens payloads with the client's codec."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def read(self, mission_id: str, run_id: str) -> MissionRecord:
        """The run's settled events. Raises Unreachable."""
        try:
            raw = await fetch(self._client, mission_id, run_id)
        except RPCError as error:
            raise unreachable(error) from error
        opened = await open_events(raw, self._client.data_converter.payload_codec)
        return MissionRecord.of(self._client.namespace, mission_id, run_id, raw, opened)

    async def snapshot(self, mission_id: str, run_id: str) -> Snapshot:
        """The run now. Raises Unreachable."""
        request = DescribeWorkflowExecutionRequest(
            namespace=self._client.namespace, execution=WorkflowExecution(workflow_id=mission_id, run_id=run_id)
        )
        try:
            answer = await self._client.workflow_service.describe_workflow_execution(request)
        except RPCError as error:
            raise unreachable(error) from error
        info = answer.workflow_execution_info
        return Snapshot(
            open=info.status == WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_RUNNING,
            task_in_flight=answer.HasField("pending_workflow_task"),
            length=info.history_length,
        )


async def fetch(client: Client, workflow_id: str, run_id: str = "") -> list[HistoryEvent]:
    """All events of a run (the latest where none is named), as stored. Raises RPCError."""
    events: list[HistoryEvent] = []
    execution = WorkflowExecution(workflow_id=workflow_id, run_id=run_id)
    request = GetWorkflowExecutionHistoryRequest(namespace=client.namespace, execution=execution)
    while True:
        page = await client.workflow_service.get_workflow_execution_history(request)
        events.extend(page.history.events)
        if not page.next_page_token:
            return events
        request.next_page_token = page.next_page_token


def unreachable(error: RPCError) -> Unreachable:
    """The Temporal server's refusal or silence as an error of ours."""
    kind = Gone if error.status in _NO_SUCH_RUN else Unreachable
    return kind("the Temporal server", "its frontend", error.message or error.status.name)
