"""
The base of every mission: its verbs, and the one handler that takes decisions.

INVARIANT: nothing here judges. No rule, no key, no cryptography: a mission asks, waits and records. Whatever it believes,
only the gate acts, and the gate believes only the history.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TypeVar

from temporalio import workflow
from temporalio.common import RawValue, RetryPolicy, SearchAttributeKey
from temporalio.exceptions import ActivityError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from pydantic import BaseModel, JsonValue, TypeAdapter, ValidationError

    from activities.commit import CommitActivities, SettleRequest
    from activities.observe import Observed, observe
    from activities.proposer import ProposeRequest
    from activities.read import ReadActivities, ReadRequest
    from activities.reason import ReasonActivities, ReasonRequest
    from approvals import attributes
    from approvals.card import as_markdown, render
    from approvals.proposal import Proposal, Refusal, proposal_id
    from approvals.settlement import Settlement, SettlementKind
    from approvals.signed import Kind, Signed
    from policies.canonical import Digest
    from workflows.errors import Misunderstood, ReadFailed
    from workflows.outcome import Outcome, OutcomeKind, of_settlement

_T = TypeVar("_T")

READS, REASONING, COMMITS = "reads", "reasoning", "commits"
ATTEMPT = timedelta(seconds=90)
HEARTBEAT = timedelta(seconds=5)
SOON = timedelta(seconds=1)
PATIENT = RetryPolicy(initial_interval=timedelta(milliseconds=500), maximum_interval=timedelta(seconds=15))
"""Trouble that may pass is waited out, for weeks if need be."""
FIVE_TIMES = RetryPolicy(initial_interval=timedelta(seconds=1), maximum_attempts=5)
"""A model that answers another shape five times will do so again."""

_STATE = SearchAttributeKey.for_keyword(attributes.STATE)
_PROPOSAL = SearchAttributeKey.for_keyword(attributes.PROPOSAL)
_GROUPS = SearchAttributeKey.for_keyword_list(attributes.GROUPS)
_EXPIRES_AT = SearchAttributeKey.for_datetime(attributes.EXPIRES_AT)


class Mission:
    """Extend it, give it a `run`, and use the verbs `read`, `reason`, `observe` and `commit`."""

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
        answer = await workflow.execute_activity_method(
            ReadActivities.read,
            ReadRequest(operation=operation, arguments=arguments),
            task_queue=READS,
            start_to_close_timeout=ATTEMPT,
            heartbeat_timeout=HEARTBEAT,
            retry_policy=PATIENT,
            summary=operation,
        )
        if answer.failed:
            raise ReadFailed(operation, str(answer.result))
        return _shaped(answer.result, result, operation)

    async def reason(self, purpose: str, result: type[_T], **inputs: BaseModel) -> _T:
        """
        Asks a model, with the prompt of *purpose* and *inputs* as data. The answer is untrusted.

        Raises:
            ActivityError: No model gave an answer of that shape.
        """
        answer = await workflow.execute_activity_method(
            ReasonActivities.reason,
            ReasonRequest(
                purpose=purpose,
                inputs={name: value.model_dump(mode="json") for name, value in inputs.items()},
                result_schema=TypeAdapter(result).json_schema(),
            ),
            task_queue=REASONING,
            start_to_close_timeout=timedelta(minutes=5),
            heartbeat_timeout=HEARTBEAT,
            retry_policy=FIVE_TIMES,
            summary=purpose,
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
        answer = await workflow.execute_activity_method(
            CommitActivities.propose,
            ProposeRequest(step=str(self._step), operation=operation, arguments=arguments, because=because),
            task_queue=COMMITS,
            start_to_close_timeout=ATTEMPT,
            heartbeat_timeout=HEARTBEAT,
            retry_policy=PATIENT,
            summary=f"propose {operation}",
        )
        try:
            if answer.kind is not Kind.PROPOSAL:
                reasons = Refusal.model_validate(answer.body).reasons()
                return Outcome(kind=OutcomeKind.REFUSED, reasons=reasons)
            proposal = Proposal.model_validate(answer.body)
        except ValidationError:
            return Outcome(kind=OutcomeKind.REFUSED, reasons=("what came back is no proposal of a gate",))
        self._show(proposal, answer)
        try:
            return await self._settled(proposal, answer.digest, heard)
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
                    wait = timedelta(seconds=seconds)
                case _:
                    return of_settlement(settlement)

    async def _wait(self, heard: int, wait: timedelta) -> None:
        try:
            await workflow.wait_condition(lambda: self._heard != heard, timeout=max(wait, SOON))
        except TimeoutError:
            return

    async def _settle(self, digest: Digest) -> Settlement | None:
        try:
            answer: Signed = await workflow.execute_activity_method(
                CommitActivities.settle,
                SettleRequest(proposal=digest),
                task_queue=COMMITS,
                start_to_close_timeout=ATTEMPT,
                heartbeat_timeout=HEARTBEAT,
                retry_policy=PATIENT,
                summary=f"settle {proposal_id(digest)}",
            )
            return Settlement.model_validate(answer.body)
        except (ActivityError, ValidationError) as error:
            if is_cancelled_exception(error):
                raise
            return None

    def _show(self, proposal: Proposal, answer: Signed) -> None:
        """Into the Decision Queue, and onto the mission's page in the Temporal UI."""
        workflow.upsert_search_attributes(
            [
                _STATE.value_set(attributes.AWAITING),
                _PROPOSAL.value_set(answer.digest),
                _GROUPS.value_set([rule.group for rule in proposal.requirement.rules]),
                _EXPIRES_AT.value_set(proposal.expires_at),
            ]
        )
        how = f"Decide with `sayso review {proposal_id(answer.digest)}`. This page shows what the mission worker says."
        workflow.set_current_details(f"{as_markdown(render(proposal))}\n\n{how}")

    def _show_nothing(self) -> None:
        # The proposal's digest stays: `sayso review` finds a settled proposal by it.
        workflow.upsert_search_attributes(
            [_STATE.value_set(attributes.WORKING), _GROUPS.value_unset(), _EXPIRES_AT.value_unset()]
        )
        workflow.set_current_details("")


def _shaped(value: JsonValue, result: type[_T], what: str) -> _T:
    try:
        return TypeAdapter(result).validate_python(value)
    except ValidationError as error:
        raise Misunderstood(f"`{what}` did not answer with a {result.__name__}: {error.error_count()} fields differ") from error
