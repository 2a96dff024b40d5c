"""Event histories from the Temporal server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

from temporalio.api.common.v1 import Payload, WorkflowExecution
from temporalio.api.enums.v1 import WorkflowExecutionStatus
from temporalio.api.history.v1 import HistoryEvent
from temporalio.api.workflowservice.v1 import DescribeWorkflowExecutionRequest, GetWorkflowExecutionHistoryRequest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from activities.errors import Gone, Unreachable
from activities.past import ROOM, Past
from activities.ports import Snapshot
from approvals.start import MEMO
from audit.errors import NotAMissionError
from audit.payloads import SEALED, open_events
from audit.record import MissionRecord, Started

MAX_KEPT = 200
"""So many starts a worker remembers."""

_NO_SUCH_RUN = (RPCStatusCode.NOT_FOUND, RPCStatusCode.INVALID_ARGUMENT)
"""The server answers the second where a run's id is none."""


class ServerHistories:
    """Reads runs of the client's namespace; opens payloads with the client's codec."""

    def __init__(self, client: Client, room: int = ROOM) -> None:
        """
        Args:
            room: So many bytes of events of runs that are over are kept. What is over never changes.
        """
        self._client = client
        self._starts = ServerStarts(client)
        self._over = Past(room)

    async def read(self, mission_id: str, run_id: str) -> MissionRecord:
        """The run's settled events, with the start of its mission's first run. Raises Unreachable."""
        known = self._over.find(mission_id, run_id)
        if known is not None:
            return known
        try:
            raw = await fetch(self._client, mission_id, run_id)
        except RPCError as error:
            raise unreachable(error) from error
        opened = await open_events(raw, self._client.data_converter.payload_codec)
        record = MissionRecord.of(self._client.namespace, mission_id, run_id, raw, opened)
        if record.started.continues:
            record = replace(record, origin=await self._starts.origin(record.started))
        self._over.keep(record)
        return record

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


class ServerStarts:
    """The first event of each run of the client's namespace, fetched once: it never changes."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._kept: dict[tuple[str, str], MissionRecord] = {}

    async def read(self, mission_id: str, run_id: str) -> MissionRecord:
        """
        The run as it began, with the start of its mission's first run.

        Raises:
            Unreachable: The server does not answer.
            NotAMissionError: There is no start that this process can read.
        """
        record = await self._first_event(mission_id, run_id)
        return replace(record, origin=await self.origin(record.started)) if record.started.continues else record

    async def origin(self, started: Started) -> Started | None:
        """The start of the first run of the mission that goes on so; None where it cannot be read. Raises Unreachable."""
        try:
            return (await self._first_event(started.mission.mission_id, started.mission.first_execution_run_id)).started
        except NotAMissionError:
            return None

    async def _first_event(self, mission_id: str, run_id: str) -> MissionRecord:
        found = self._kept.get((mission_id, run_id))
        if found is None:
            found = await self._fetched(mission_id, run_id)
            while len(self._kept) >= MAX_KEPT:
                # The oldest; whoever still asks for it has it fetched again.
                del self._kept[next(iter(self._kept))]
            self._kept[mission_id, run_id] = found
        return found

    async def _fetched(self, mission_id: str, run_id: str) -> MissionRecord:
        raw = await first_event(self._client, mission_id, run_id)
        opened = await open_events(raw, self._client.data_converter.payload_codec)
        if any(payload.metadata.get("encoding") == SEALED for event in opened for payload in _start_payloads(event)):
            raise NotAMissionError(f"the start of `{mission_id}` cannot be opened here: does this worker have its codec?")
        return MissionRecord.of(self._client.namespace, mission_id, run_id, raw, opened)


def _start_payloads(event: HistoryEvent) -> list[Payload]:
    attributes = event.workflow_execution_started_event_attributes
    return [*attributes.input.payloads, *(attributes.memo.fields[name] for name in attributes.memo.fields if name == MEMO)]


async def first_event(client: Client, mission_id: str, run_id: str) -> list[HistoryEvent]:
    """The first event of a run, as stored. Raises Unreachable, NotAMissionError: the server does not have it."""
    execution = WorkflowExecution(workflow_id=mission_id, run_id=run_id)
    request = GetWorkflowExecutionHistoryRequest(namespace=client.namespace, execution=execution, maximum_page_size=1)
    try:
        page = await client.workflow_service.get_workflow_execution_history(request)
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            raise NotAMissionError(f"the server has no run `{run_id}` of `{mission_id}`") from error
        raise unreachable(error) from error
    return list(page.history.events)[:1]


async def fetch(client: Client, workflow_id: str, run_id: str = "") -> list[HistoryEvent]:
    """All events of a run (the latest where none is named), as stored. Raises RPCError."""
    return [event async for event in _pages(client, workflow_id, run_id)]


async def fetch_some(client: Client, workflow_id: str, run_id: str, most: int) -> list[HistoryEvent] | None:
    """The same, or None where they are more than *most* bytes. Raises RPCError."""
    events, size = list[HistoryEvent](), 0
    async for event in _pages(client, workflow_id, run_id):
        events.append(event)
        size += event.ByteSize()
        if size > most:
            return None
    return events


async def _pages(client: Client, workflow_id: str, run_id: str) -> AsyncIterator[HistoryEvent]:
    execution = WorkflowExecution(workflow_id=workflow_id, run_id=run_id)
    request = GetWorkflowExecutionHistoryRequest(namespace=client.namespace, execution=execution)
    while True:
        page = await client.workflow_service.get_workflow_execution_history(request)
        for event in page.history.events:
            yield event
        if not page.next_page_token:
            return
        request.next_page_token = page.next_page_token


def unreachable(error: RPCError) -> Unreachable:
    """The Temporal server's refusal or silence as an error of ours."""
    kind = Gone if error.status in _NO_SUCH_RUN else Unreachable
    return kind("the Temporal server", "its frontend", error.message or error.status.name)
