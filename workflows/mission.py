"""
The base of every mission: its verbs, and the one handler that takes decisions.

INVARIANT: nothing here judges. No rule, no key, no cryptography: a mission asks, waits and records. Whatever it believes,
only the gate acts, and the gate believes only the history.
"""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Any, TypeVar

from temporalio import workflow
from temporalio.common import RawValue, RetryPolicy, SearchAttributeKey
from temporalio.exceptions import ActivityError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from pydantic import BaseModel, JsonValue, TypeAdapter, ValidationError

    from activities.commit import CommitActivities, SettleRequest
    from activities.grounds import ProposeRequest
    from activities.observe import Observed, observe
    from activities.read import ReadActivities, ReadRequest, ReadResult
    from activities.reason import ReasonActivities, Reasoned, ReasonRequest
    from approvals import attributes
    from approvals.card import as_markdown, render
    from approvals.proposal import Proposal, Refusal, proposal_id
    from approvals.settlement import Settlement, SettlementKind
    from approvals.signed import Kind, Signed
    from policies.canonical import Digest
    from policies.model import Recorded
    from workflows.errors import Misunderstood, ReadFailed
    from workflows.outcome import Outcome, OutcomeKind, of_settlement
    from workflows.raw import MAX_SIGNED, parsed, with_input

_T = TypeVar("_T")
_Given = TypeVar("_Given", bound=Recorded)
_Answer = TypeVar("_Answer", bound=Recorded)

READS, REASONING, COMMITS = "reads", "reasoning", "commits"
ATTEMPT, LONG_ATTEMPT = timedelta(seconds=90), timedelta(minutes=5)
HEARTBEAT = timedelta(seconds=5)
SOON = timedelta(seconds=1)
PATIENT = RetryPolicy(initial_interval=timedelta(milliseconds=500), maximum_interval=timedelta(seconds=15))
"""Trouble that may pass is waited out, for weeks if need be."""
FIVE_TIMES = RetryPolicy(initial_interval=timedelta(seconds=1), maximum_attempts=5)
"""A model that answers another shape five times will do so again."""
ROUND = timedelta(days=30)
"""The longest wait before the gate is asked again, whatever a proposal that may be forged says."""
MAX_GROUPS = 2000
"""Bytes of group names as JSON; the server takes 2048 and fails the task of a mission that sends more."""

_HEX = re.compile(r"[0-9a-f]{64}")

_STATE = SearchAttributeKey.for_keyword(attributes.STATE)
_PROPOSAL = SearchAttributeKey.for_keyword(attributes.PROPOSAL)
_GROUPS = SearchAttributeKey.for_keyword_list(attributes.GROUPS)
_EXPIRES_AT = SearchAttributeKey.for_datetime(attributes.EXPIRES_AT)


class Mission:
    """Extend it, give it a `run` with one model as its input, and use the verbs `read`, `reason`, `observe` and `commit`."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "run" in vars(cls):
            setattr(cls, "run", with_input(vars(cls)["run"]))  # noqa: B010 (mypy knows no `run` of this class)

    def __init__(self) -> None:
        self._heard = 0
        self._step = 0

    @workflow.signal(dynamic=True)
    def hear(self, name: str, values: Sequence[RawValue]) -> None:
        """Takes every signal, malformed ones too, and hands none on: the gate reads them from the history itself."""
        self._heard += 1

    async def read(self, operation: str, arguments: dict[str, JsonValue], result: type[_T]) -> _T:
        """
        Reads within the mission type's scope.

        Raises:
            ReadFailed: The tool says that it cannot, for example because there is no such order.
            ActivityError: The read is not permitted.
        """
        request = ReadRequest(operation=operation, arguments=arguments)
        answer = await _asked(ReadActivities.read, request, ReadResult, READS, summary=operation)
        if answer.failed:
            raise ReadFailed(operation, str(answer.result))
        return _shaped(answer.result, result, operation)

    async def reason(self, purpose: str, result: type[_T], **inputs: BaseModel) -> _T:
        """
        Asks a model, with the prompt of *purpose* and *inputs* as data. The answer is untrusted.

        Raises:
            ActivityError: No model gave an answer of that shape.
        """
        request = ReasonRequest(
            purpose=purpose,
            inputs={name: value.model_dump(mode="json") for name, value in inputs.items()},
            result_schema=TypeAdapter(result).json_schema(),
        )
        answer = await _asked(
            ReasonActivities.reason, request, Reasoned, REASONING, summary=purpose, attempt=LONG_ATTEMPT, retry=FIVE_TIMES
        )
        return _shaped(answer.result, result, purpose)

    async def observe(self, name: str, *, passed: bool, detail: str = "") -> bool:
        """Puts a check on the rail, and returns whether it passed."""
        observed = await workflow.execute_local_activity(
            observe, Observed(name=name, passed=passed, detail=detail), start_to_close_timeout=timedelta(seconds=10)
        )
        return observed.passed

    async def commit(self, operation: str, arguments: dict[str, JsonValue], *, because: str = "") -> Outcome:
        """
        Proposes an action, waits for people, and returns what became of it. Denials and refusals are values.

        Args:
            because: Why, in the mission's words. Shown to approvers in the box marked untrusted.
        """
        self._step += 1
        heard = self._heard
        request = ProposeRequest(step=str(self._step), operation=operation, arguments=arguments, because=because)
        summary = f"propose {operation}"
        try:
            answer = await _asked(CommitActivities.propose, request, Signed, COMMITS, limit=MAX_SIGNED, summary=summary)
            if answer.kind is not Kind.PROPOSAL:
                reasons = Refusal.model_validate(answer.body).reasons()
                return Outcome(kind=OutcomeKind.REFUSED, reasons=reasons)
            proposal, digest = Proposal.model_validate(answer.body), _digest(answer.digest)
        except (Misunderstood, ValidationError):
            return Outcome(kind=OutcomeKind.REFUSED, reasons=("what came back is no proposal of a gate",))
        self._show(proposal, digest)
        try:
            return await self._settled(proposal, digest, heard)
        finally:
            self._show_nothing()

    async def _settled(self, proposal: Proposal, digest: Digest, heard: int) -> Outcome:
        """Asks the gate on every decision and timer until it gives a final answer."""
        wait = proposal.expires_at - workflow.now()
        while True:
            await self._wait(heard, wait)
            # Several signals that came at once make one call.
            heard = self._heard
            settlement = await self._settle(digest)
            match settlement:
                case None:
                    return Outcome(kind=OutcomeKind.UNKNOWN, proposal=digest, reasons=("the gate gave no answer",))
                case Settlement(kind=SettlementKind.PENDING):
                    wait = proposal.expires_at - workflow.now()
                case Settlement(kind=SettlementKind.NOT_SENT, retry_seconds=float(seconds)):
                    wait = timedelta(seconds=seconds) if 0 <= seconds <= ROUND.total_seconds() else ROUND
                case _:
                    return of_settlement(settlement)

    async def _wait(self, heard: int, wait: timedelta) -> None:
        try:
            await workflow.wait_condition(lambda: self._heard != heard, timeout=min(max(wait, SOON), ROUND))
        except TimeoutError:
            return

    async def _settle(self, digest: Digest) -> Settlement | None:
        summary = f"settle {proposal_id(digest)}"
        try:
            request = SettleRequest(proposal=digest)
            answer = await _asked(CommitActivities.settle, request, Signed, COMMITS, limit=MAX_SIGNED, summary=summary)
            return Settlement.model_validate(answer.body)
        except (ActivityError, Misunderstood, ValidationError) as error:
            if is_cancelled_exception(error):
                raise
            return None

    def _show(self, proposal: Proposal, digest: Digest) -> None:
        """Into the Decision Queue, and onto the mission's page in the Temporal UI."""
        groups = [rule.group for rule in proposal.requirement.rules]
        while len(json.dumps(groups)) > MAX_GROUPS:
            groups = groups[: len(groups) // 2]
        workflow.upsert_search_attributes(
            [
                _STATE.value_set(attributes.AWAITING),
                _PROPOSAL.value_set(digest),
                _GROUPS.value_set(groups),
                _EXPIRES_AT.value_set(min(max(proposal.expires_at, workflow.now()), workflow.now() + ROUND)),
            ]
        )
        how = f"Decide with `sayso review {proposal_id(digest)}`. This page shows what the mission worker says."
        workflow.set_current_details(f"{_page(proposal)}\n\n{how}")

    def _show_nothing(self) -> None:
        # The proposal's digest stays: `sayso review` finds a settled proposal by it.
        workflow.upsert_search_attributes(
            [_STATE.value_set(attributes.WORKING), _GROUPS.value_unset(), _EXPIRES_AT.value_unset()]
        )
        workflow.set_current_details("")


async def _asked(
    activity: Callable[[Any, _Given], Awaitable[_Answer]],
    request: _Given,
    kind: type[_Answer],
    queue: str,
    *,
    summary: str,
    limit: int | None = None,
    attempt: timedelta = ATTEMPT,
    retry: RetryPolicy = PATIENT,
) -> _Answer:
    """What *activity* answers on *queue*; taken raw, because whoever completes it may answer anything. Raises Misunderstood."""
    answer = await workflow.execute_activity(
        activity.__name__,
        request,
        task_queue=queue,
        result_type=RawValue,
        start_to_close_timeout=attempt,
        heartbeat_timeout=HEARTBEAT,
        retry_policy=retry,
        summary=summary,
    )
    return parsed(answer, kind, activity.__name__, limit)


def _digest(text: str) -> Digest:
    if not _HEX.fullmatch(text):
        raise Misunderstood("`propose` answered with a digest that is none")
    return Digest(text)


def _page(proposal: Proposal) -> str:
    try:
        return as_markdown(render(proposal))
    except Exception:
        # Only a courtesy: whatever a forged proposal does to it, the mission goes on and asks the gate.
        return "This proposal cannot be shown."


def _shaped(value: JsonValue, result: type[_T], what: str) -> _T:
    try:
        return TypeAdapter(result).validate_python(value)
    except ValidationError as error:
        raise Misunderstood(f"`{what}` did not answer with a {result.__name__}: {error.error_count()} fields differ") from error
