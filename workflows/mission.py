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
from temporalio.common import RawValue

with workflow.unsafe.imports_passed_through():
    from pydantic import BaseModel, JsonValue, TypeAdapter, ValidationError

    from activities.grounds import ProposeRequest, Wanted
    from activities.observe import Observed, observe
    from activities.question import Reasoned, ReasonRequest
    from activities.read import ReadActivities, ReadRequest, ReadResult
    from activities.reason import ReasonActivities
    from approvals.citation import Passage
    from workflows.asking import FIVE_TIMES, LONG_ATTEMPT, READS, REASONING, asked
    from workflows.board import Board
    from workflows.commitment import Commitment, News
    from workflows.errors import Misunderstood, ReadFailed
    from workflows.findings import cited, numbered, remembered, shape
    from workflows.outcome import Outcome
    from workflows.raw import with_input

_T = TypeVar("_T")


class Mission:
    """
    Extend it, give it a `run` with one model as its input, and use the verbs `read`, `reason`, `observe`, `commit` and
    `commit_all`.
    """

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "run" in vars(cls):
            setattr(cls, "run", with_input(vars(cls)["run"]))  # noqa: B010 (mypy knows no `run` of this class)

    def __init__(self) -> None:
        self._news = News()
        self._board = Board()
        self._step = 0
        self._passages: dict[str, Passage] = {}
        """By id, what knowledge was read: all that a finding may cite."""

    @workflow.signal(dynamic=True)
    def hear(self, name: str, values: Sequence[RawValue]) -> None:
        """Takes every signal, malformed ones too, and hands none on: the gate reads them from the history itself."""
        self._news.heard += 1

    async def read(self, operation: str, arguments: dict[str, JsonValue], result: type[_T]) -> _T:
        """
        Reads within the mission type's scope. Each passage of a knowledge operation is given an `id` to cite it by.

        Raises:
            ReadFailed: The tool says that it cannot, for example because there is no such order.
            ActivityError: The read is not permitted.
        """
        request = ReadRequest(operation=operation, arguments=arguments)
        answer = await asked(ReadActivities.read, request, ReadResult, READS, summary=operation)
        if answer.failed:
            raise ReadFailed(operation, str(answer.result))
        self._passages = remembered(self._passages, answer.passages, operation)
        return _shaped(numbered(answer.result, answer.passages), result, operation)

    async def reason(self, purpose: str, result: type[_T], **inputs: BaseModel) -> _T:
        """
        Asks a model, with the prompt of *purpose* and *inputs* as data. The answer is untrusted.

        Raises:
            Uncited: It is a Finding, and cites what this mission has not read.
            ActivityError: No model gave an answer of that shape.
        """
        request = ReasonRequest(
            purpose=purpose,
            inputs={name: value.model_dump(mode="json") for name, value in inputs.items()},
            result_schema=shape(result, TypeAdapter(result).json_schema(), self._passages),
        )
        answer = await asked(
            ReasonActivities.reason, request, Reasoned, REASONING, summary=purpose, attempt=LONG_ATTEMPT, retry=FIVE_TIMES
        )
        return cited(_shaped(answer.result, result, purpose), self._passages, purpose)

    async def observe(self, name: str, *, passed: bool, detail: str = "") -> bool:
        """Puts a check on the rail, and returns whether it passed."""
        observed = await workflow.execute_local_activity(
            observe, Observed(name=name, passed=passed, detail=detail), start_to_close_timeout=timedelta(seconds=10)
        )
        return observed.passed

    async def commit(
        self,
        operation: str,
        arguments: dict[str, JsonValue],
        *,
        because: str = "",
        cites: Sequence[str] = (),
        within: timedelta | None = None,
    ) -> Outcome:
        """
        Proposes an action, waits for people, and returns what became of it. Denials and refusals are values.

        Where approvers amend it, what was approved in its place is what is done, and the outcome says what they changed. Where
        nobody knows whether it was done, people are asked, and their answer is the outcome.

        Args:
            because: Why, in the mission's words. Shown to approvers in the box marked untrusted.
            cites: Ids of the passages that it rests on; shown to approvers with where they stand.
            within: After so long without a use, the mission withdraws it.
        """
        wanted = Wanted(operation=operation, arguments=arguments)
        (outcome,) = await self.commit_all([wanted], because=because, cites=cites, within=within)
        return outcome

    async def commit_all(
        self, actions: Sequence[Wanted], *, because: str = "", cites: Sequence[str] = (), within: timedelta | None = None
    ) -> tuple[Outcome, ...]:
        """
        Puts *actions* (at least one) before people as one card, for one say-so; each is then used and receipted on its own.

        Policy says how many may stand on one card, and what they may add up to. The outcomes are in the order of *actions*.
        """
        self._step += 1
        first, *more = actions
        request = ProposeRequest(
            step=str(self._step),
            operation=first.operation,
            arguments=first.arguments,
            because=because,
            more=tuple(more),
            cites=tuple(dict.fromkeys(cites)),
        )
        return await Commitment(self._board, self._news, within).outcomes(request)

    def withdraw(self) -> None:
        """Withdraws whatever waits for people now, and whatever this mission would propose after."""
        self._news.withdrawn = True


def _shaped(value: JsonValue, result: type[_T], what: str) -> _T:
    try:
        return TypeAdapter(result).validate_python(value)
    except ValidationError as error:
        raise Misunderstood(f"`{what}` did not answer with a {result.__name__}: {error.error_count()} fields differ") from error
