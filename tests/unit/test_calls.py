"""What a model is told of reads that fail, by the error that a read worker gives."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import timedelta

import pytest
from pydantic import JsonValue
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError, RetryState

from activities.dialogue import ToolCall
from activities.grounds import Wanted
from activities.read import ReadResult
from policies.catalogue import Effect
from workflows.asking import PATIENT
from workflows.calls import Calls
from workflows.outcome import Outcome, OutcomeKind

SEARCH = "knowledge.search"
CALL = ToolCall(id="1", operation=SEARCH, arguments={"query": "x", "collection": "refunds"}, effect=Effect.READ)


class Failing:
    """Verbs whose reads fail with an error of one type; and a purse without a bound."""

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self.proposed: list[Wanted] = []

    async def looked(self, operation: str, arguments: dict[str, JsonValue], retry: RetryPolicy = PATIENT) -> ReadResult:
        """Fails."""
        error = ActivityError(
            "failed",
            scheduled_event_id=1,
            started_event_id=2,
            identity="",
            activity_type="read",
            activity_id="1",
            retry_state=RetryState.NON_RETRYABLE_FAILURE,
        )
        raise error from ApplicationError("because", type=self._kind)

    async def observe(self, name: str, *, passed: bool, detail: str = "") -> bool:
        """As it was."""
        return passed

    async def commit_all(
        self, actions: Sequence[Wanted], *, because: str = "", within: timedelta | None = None
    ) -> tuple[Outcome, ...]:
        """Keeps what was put before people, who say no."""
        self.proposed += actions
        return tuple(Outcome(kind=OutcomeKind.DENIED) for _ in actions)

    def room(self) -> int:
        """There is some."""
        return 10

    def within(self) -> timedelta | None:
        """As long as policy says."""
        return None

    def did(self, operation: str, outcome: Outcome) -> None:
        """Nobody counts."""


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("NotPermitted", "not_permitted"),
        ("CanonicalError", "not_permitted"),
        ("Misanswered", "unreadable"),
        ("Unreachable", "unreachable"),
        ("SomethingNew", "unreachable"),
    ],
)
async def test_model_is_told_what_kind_of_no_it_was(kind: str, told: str) -> None:
    """What cannot be mended by asking again does not read as a server that is away."""
    verbs = Failing(kind)
    (message,) = await Calls(verbs, (SEARCH,), verbs).taken((CALL,), "")
    assert (json.loads(message.text)["kind"], verbs.proposed) == (told, [])


async def test_read_that_people_may_let_through_is_put_before_them() -> None:
    """And nothing else of it is told."""
    verbs = Failing("NeedsSayso")
    (message,) = await Calls(verbs, (SEARCH,), verbs).taken((CALL,), "")
    assert json.loads(message.text)["kind"] == "denied"
    assert verbs.proposed == [Wanted(operation=SEARCH, arguments=CALL.arguments)]
