"""
The freeze of a namespace, from the Temporal server: the latest run of workflow id `freeze`, with its history.

Source: docs/decisions/0010-freeze.md
"""

from __future__ import annotations

from collections.abc import Iterable

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import WorkflowExecutionStatus
from temporalio.api.workflowservice.v1 import DescribeWorkflowExecutionRequest
from temporalio.client import Client
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from activities.histories import fetch, unreachable
from activities.uses import QUEUE
from approvals.decision import Heard
from approvals.freeze import FREEZE, THAW, FreezeRecord
from audit.payloads import json_of, open_events
from audit.record import MissionRecord, when

_RUNNING = WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_RUNNING


class ServerFreezes:
    """Freezes of the client's namespace."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def find(self) -> FreezeRecord | None:
        """The latest freeze; None where the server has none. Raises Unreachable."""
        execution = WorkflowExecution(workflow_id=FREEZE)
        request = DescribeWorkflowExecutionRequest(namespace=self._client.namespace, execution=execution)
        try:
            info = (await self._client.workflow_service.describe_workflow_execution(request)).workflow_execution_info
            return await self._record(info.execution.run_id, info.status)
        except RPCError as error:
            # A namespace that is not there is a server that cannot be asked.
            if error.status is RPCStatusCode.NOT_FOUND and not error.message.startswith("Namespace"):
                return None
            raise unreachable(error) from error

    async def begin(self, said: object) -> str | None:
        """Starts a freeze with *said* as its input; its run id, or None where one runs already. Raises RPCError."""
        try:
            handle = await self._client.start_workflow(
                FREEZE,
                said,
                id=FREEZE,
                task_queue=QUEUE,
                id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
                id_conflict_policy=WorkflowIDConflictPolicy.FAIL,
            )
        except WorkflowAlreadyStartedError:
            return None
        return handle.result_run_id

    async def _record(self, run_id: str, status: int) -> FreezeRecord:
        raw = await fetch(self._client, FREEZE, run_id)
        opened = await open_events(raw, self._client.data_converter.payload_codec)
        record = MissionRecord(self._client.namespace, FREEZE, run_id, raw, opened)
        given = opened[0].workflow_execution_started_event_attributes.input.payloads
        ended = None if status == _RUNNING else WorkflowExecutionStatus.Name(status).rpartition("STATUS_")[2]  # type: ignore[arg-type]
        return FreezeRecord(
            namespace=self._client.namespace,
            run_id=run_id,
            began_at=when(raw[0].event_time),
            said=json_of(given[0]) if len(given) == 1 else None,
            ended=ended.lower().replace("_", " ") if ended is not None else None,
            thaws=_thaws(record.signals),
        )


def _thaws(signals: Iterable[Heard]) -> tuple[Heard, ...]:
    return tuple(heard for heard in signals if heard.name == THAW)
