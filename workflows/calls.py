"""
The calls of one answer of a model, taken in their order with the mission's own verbs.

INVARIANT: nothing here judges. Which verb a call is tried with is a hint of the reason worker; a read that policy does not let
through alone is proposed, and of whatever is proposed the gate says what it needs. Nothing that a model calls is an error.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from itertools import groupby
from typing import Protocol

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from pydantic import JsonValue

    from activities.dialogue import Message, ToolCall
    from activities.grounds import Wanted
    from activities.read import ReadResult
    from policies.catalogue import Effect
    from workflows.asking import FOR_MINUTES, PATIENT
    from workflows.errors import Misunderstood
    from workflows.outcome import Outcome
    from workflows.telling import told, told_outcome, told_read

MAX_TAKEN = 32
"""Calls of one answer that are taken."""
MAX_SHOWN = 100
"""Characters of a name that a model made up."""
_KINDS = {"NotPermitted": "not_permitted", "CanonicalError": "not_permitted", "Misanswered": "unreadable"}
"""By its error, what a model is told of a read that asking again does not mend."""


class Verbs(Protocol):
    """What of a mission the calls are taken with."""

    async def looked(self, operation: str, arguments: dict[str, JsonValue], retry: RetryPolicy = PATIENT) -> ReadResult:
        """What the tool answered to a read."""

    async def observe(self, name: str, *, passed: bool, detail: str = "") -> bool:
        """Puts a check on the rail."""

    async def commit_all(
        self, actions: Sequence[Wanted], *, because: str = "", within: timedelta | None = None
    ) -> tuple[Outcome, ...]:
        """Puts actions before people."""


class Purse(Protocol):
    """What commits are taken from."""

    def room(self) -> int:
        """How many actions may be put before people now, at least one. Raises Stopped."""

    def within(self) -> timedelta | None:
        """How long people may take; None is as long as policy says."""

    def did(self, operation: str, outcome: Outcome) -> None:
        """Writes down what became of one."""


class Stopped(Exception):
    """Nothing more may be put before people."""


class Calls:
    """Takes the calls of a dialogue's answers."""

    def __init__(self, verbs: Verbs, operations: Sequence[str], purse: Purse) -> None:
        """
        Args:
            operations: Full names of all that may be called.
        """
        self._verbs = verbs
        self._operations = frozenset(operations)
        self._purse = purse

    async def taken(self, calls: Sequence[ToolCall], because: str) -> list[Message]:
        """
        What came of each call.

        Args:
            because: What the model said before it called. Untrusted.

        Raises:
            Stopped: A commit was to come, and nothing more may be put before people.
        """
        found: list[Message] = []
        for take, group in groupby(calls[:MAX_TAKEN], self._way):
            found += await take(list(group), because)
        words = f"at most {MAX_TAKEN} calls of one answer are taken; ask again"
        return found + [told(call, "not_taken", words) for call in calls[MAX_TAKEN:]]

    def _way(self, call: ToolCall) -> Callable[[Sequence[ToolCall], str], Awaitable[list[Message]]]:
        if call.operation not in self._operations:
            return self._outside
        if call.trouble:
            return self._unreadable
        return self._reads if call.effect in (Effect.READ, Effect.EGRESS) else self._commits

    async def _outside(self, calls: Sequence[ToolCall], because: str) -> list[Message]:
        for call in calls:
            await self._verbs.observe(f"out of scope: {call.operation[:MAX_SHOWN]}", passed=False)
        return [told(call, "out_of_scope", "this mission was not given this operation") for call in calls]

    async def _unreadable(self, calls: Sequence[ToolCall], because: str) -> list[Message]:
        return [told(call, "unreadable_arguments", call.trouble) for call in calls]

    async def _reads(self, calls: Sequence[ToolCall], because: str) -> list[Message]:
        """All at once; then what is held, in its order, as commits."""
        came = await asyncio.gather(*(self._read(call) for call in calls))
        found: list[Message] = []
        for held, group in groupby(zip(calls, came, strict=True), lambda pair: pair[1] is None):
            pairs = list(group)
            if held:
                found += await self._commits([call for call, _ in pairs], because)
            found += [message for _, message in pairs if message is not None]
        return found

    async def _read(self, call: ToolCall) -> Message | None:
        """What it brought; None where people may let it through."""
        try:
            return told_read(call, await self._verbs.looked(call.operation, call.arguments, FOR_MINUTES))
        except Misunderstood as error:
            return told(call, "unreadable", error.message)
        except ActivityError as error:
            if is_cancelled_exception(error):
                raise
            kind = error.cause.type if isinstance(error.cause, ApplicationError) else None
            if kind == "NeedsSayso":
                return None
            return told(call, _KINDS.get(kind or "", "unreachable"), str(error.cause or error))

    async def _commits(self, calls: Sequence[ToolCall], because: str) -> list[Message]:
        """Those of one operation in a row on one card, as far as the purse goes."""
        found: list[Message] = []
        for _, group in groupby(calls, lambda call: call.operation):
            rest = list(group)
            while rest:
                together = rest[: self._purse.room()]
                rest = rest[len(together) :]
                found += await self._together(together, because)
        return found

    async def _together(self, calls: Sequence[ToolCall], because: str) -> list[Message]:
        actions = [Wanted(operation=call.operation, arguments=call.arguments) for call in calls]
        outcomes = await self._verbs.commit_all(actions, because=because, within=self._purse.within())
        if len(calls) > 1 and all(outcome.proposal is None for outcome in outcomes):
            # Perhaps they may not stand on one card. Each for itself, the gate says so of each.
            return [message for call in calls if self._purse.room() for message in await self._together([call], because)]
        found = []
        for number, call in enumerate(calls):
            # A proposal that nobody's gate made may have fewer actions than were asked for.
            outcome = outcomes[min(number, len(outcomes) - 1)]
            self._purse.did(call.operation, outcome)
            found.append(told_outcome(call, outcome))
        return found
