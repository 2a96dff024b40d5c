"""A run's events as they come, by long poll: each is fetched once, and a server that is away for a while is waited for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import timedelta

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.history.v1 import HistoryEvent
from temporalio.api.workflowservice.v1 import GetWorkflowExecutionHistoryRequest, GetWorkflowExecutionHistoryResponse
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from audit.chain import TRANSIENT, settled_events
from workers.errors import CannotReach

PATIENCE = timedelta(seconds=60)
"""So long a server that does not answer is asked again."""
POLL = timedelta(seconds=40)
"""Longer than a server holds a long poll open, which is 20 seconds by default."""
_FIRST, _LONGEST = 0.25, 5.0
_PASSING = frozenset(
    {
        RPCStatusCode.UNAVAILABLE,
        RPCStatusCode.DEADLINE_EXCEEDED,
        RPCStatusCode.RESOURCE_EXHAUSTED,
        RPCStatusCode.ABORTED,
        RPCStatusCode.CANCELLED,
        RPCStatusCode.INTERNAL,
        RPCStatusCode.UNKNOWN,
    }
)
"""What may be over when the server is asked again."""


class Tail:
    """The settled events of one run, from the first to the last, while it runs and until it is over."""

    def __init__(
        self, client: Client, mission_id: str, run_id: str, say: Callable[[str], None], patience: timedelta = PATIENCE
    ) -> None:
        """
        Args:
            say: Told when the server goes away and when it is back.
        """
        self._client = client
        self._request = GetWorkflowExecutionHistoryRequest(
            namespace=client.namespace,
            execution=WorkflowExecution(workflow_id=mission_id, run_id=run_id),
            wait_new_event=True,
        )
        self._say = say
        self._patience = patience
        self._given = 0
        """So many events were handed on."""
        self._held: list[HistoryEvent] = []
        """The tail that a live history may still replace."""

    async def bursts(self) -> AsyncIterator[list[HistoryEvent]]:
        """
        What came, as stored; an empty one where nothing did for as long as a server holds a poll.

        Raises:
            CannotReach: The server was away for longer than *patience*.
            RPCError: It answers with a no: the run is gone, or may not be read.
        """
        while True:
            page = await self._page()
            self._take(page)
            over = not page.next_page_token
            settled = list(self._held if over else settled_events(self._held))
            self._held = self._held[len(settled) :]
            self._given += len(settled)
            self._request.next_page_token = page.next_page_token
            if settled or not page.history.events:
                yield settled
            if over:
                return

    def _take(self, page: GetWorkflowExecutionHistoryResponse) -> None:
        # A server that lost its place, or ours, is asked from the start: what was handed on is not handed on again.
        again = not self._request.next_page_token
        for event in page.history.events:
            if again and event.event_id <= self._given:
                continue
            while self._held and self._held[-1].event_type in TRANSIENT and self._held[-1].event_id >= event.event_id:
                self._held.pop()
            self._held.append(event)

    async def _page(self) -> GetWorkflowExecutionHistoryResponse:
        away_since: float | None = None
        pause = _FIRST
        while True:
            try:
                service = self._client.workflow_service
                page = await service.get_workflow_execution_history(self._request, retry=False, timeout=POLL)
            except RPCError as error:
                now = asyncio.get_running_loop().time()
                away_since = self._away(error, now, away_since)
                await asyncio.sleep(pause)
                pause = min(2 * pause, _LONGEST)
                continue
            if away_since is not None:
                self._say("the Temporal server answers again")
            return page

    def _away(self, error: RPCError, now: float, since: float | None) -> float | None:
        """Since when the server has been away; raises where waiting is of no use, or was for long enough."""
        if error.status is RPCStatusCode.INVALID_ARGUMENT and self._request.next_page_token:
            # It does not know where we were, and is asked from the start.
            self._request.next_page_token, self._held = b"", []
            return since
        if error.status not in _PASSING:
            raise error
        who = f"the Temporal server at {self._client.service_client.config.target_host}"
        seconds = self._patience.total_seconds()
        if since is None:
            self._say(f"{who} does not answer: it is asked again, for {seconds:g} seconds")
            return now
        if now - since >= seconds:
            hint = "is the stack running? `sayso up` starts it"
            raise CannotReach(f"{who} did not answer for {seconds:g} seconds: {hint}") from error
        return since
