"""A run's events as they come, against a server that answers as told. Source: workers/cli/tail.py."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.api.workflowservice.v1 import GetWorkflowExecutionHistoryRequest, GetWorkflowExecutionHistoryResponse
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from workers.cli.tail import Tail
from workers.errors import CannotReach

STARTED = EventType.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED
SIGNALED = EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED
WAITING = EventType.EVENT_TYPE_WORKFLOW_TASK_SCHEDULED
TERMINATED = EventType.EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED
Page = tuple[dict[int, int], bytes]
"""Types of events by id, and the token after them; an empty one is the end."""


class FakeServer:
    """Answers the history requests of one run with pages and errors, in order; what it was asked with is kept."""

    namespace = "default"

    def __init__(self, *answers: Page | RPCStatusCode) -> None:
        self.answers = list(answers)
        self.tokens: list[bytes] = []
        self.workflow_service = self
        self.service_client = SimpleNamespace(config=SimpleNamespace(target_host="server"))

    async def get_workflow_execution_history(
        self, request: GetWorkflowExecutionHistoryRequest, *, retry: bool, **more: timedelta
    ) -> GetWorkflowExecutionHistoryResponse:
        """The next answer."""
        assert request.wait_new_event and not retry and more["timeout"]
        self.tokens.append(request.next_page_token)
        answer = self.answers.pop(0)
        if isinstance(answer, RPCStatusCode):
            raise RPCError("as told", answer, b"")
        page = GetWorkflowExecutionHistoryResponse(next_page_token=answer[1])
        for number, kind in answer[0].items():
            page.history.events.append(HistoryEvent(event_id=number, event_type=cast(Any, kind)))
        return page


async def bursts(server: FakeServer, said: list[str] | None = None, seconds: float = 1) -> list[list[int]]:
    """The ids of what came, burst by burst."""
    say = (said if said is not None else []).append
    tail = Tail(cast(Client, server), "m", "r", say, timedelta(seconds=seconds))
    return [[event.event_id for event in burst] async for burst in tail.bursts()]


async def test_events_come_once_in_order_and_end_with_the_run() -> None:
    """A poll in which nothing came is an empty burst."""
    server = FakeServer(({1: STARTED}, b"1"), ({}, b"2"), ({2: SIGNALED, 3: SIGNALED}, b"3"), ({4: TERMINATED}, b""))
    assert await bursts(server) == [[1], [], [2, 3], [4]]
    assert server.tokens == [b"", b"1", b"2", b"3"]


async def test_tail_that_the_server_may_replace_is_held_back() -> None:
    """A task that was only scheduled may turn out to be a signal."""
    server = FakeServer(({1: STARTED, 2: WAITING}, b"1"), ({2: SIGNALED, 3: WAITING}, b"2"), ({4: TERMINATED}, b""))
    assert await bursts(server) == [[1], [2], [3, 4]]


async def test_server_that_lost_its_place_is_read_from_the_start_and_nothing_comes_twice() -> None:
    """A token of a server that was restarted with another store of tokens."""
    before: dict[int, int] = {1: STARTED, 2: SIGNALED}
    server = FakeServer((before, b"1"), RPCStatusCode.INVALID_ARGUMENT, ({**before, 3: TERMINATED}, b""))
    said: list[str] = []
    assert await bursts(server, said) == [[1, 2], [3]]
    assert server.tokens == [b"", b"1", b""]
    assert said == []


@pytest.mark.parametrize("status", [RPCStatusCode.NOT_FOUND, RPCStatusCode.PERMISSION_DENIED, RPCStatusCode.UNAUTHENTICATED])
async def test_no_is_not_waited_for(status: RPCStatusCode) -> None:
    """The run was deleted, or may not be read."""
    with pytest.raises(RPCError):
        await bursts(FakeServer(({1: STARTED}, b"1"), status))


async def test_patience_has_an_end() -> None:
    """It says once that the server is away."""
    said: list[str] = []
    with pytest.raises(CannotReach, match="did not answer for 0 seconds: is the stack running"):
        await bursts(FakeServer(RPCStatusCode.UNAVAILABLE, RPCStatusCode.UNAVAILABLE), said, seconds=0)
    assert len(said) == 1
