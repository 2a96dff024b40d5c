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
from temporalio.common import RawValue, RetryPolicy

with workflow.unsafe.imports_passed_through():
    from pydantic import BaseModel, JsonValue, TypeAdapter

    from activities.grounds import ProposeRequest, Wanted
    from activities.observe import Observed, observe
    from activities.question import ReasonRequest
    from activities.read import ReadActivities, ReadRequest, ReadResult
    from workflows.asking import PATIENT, READS, asked
    from workflows.board import Board
    from workflows.carried import Continued
    from workflows.commitment import Commitment, News
    from workflows.continuing import Continuing, taking_up
    from workflows.errors import Misunderstood, NoAnswer, ReadFailed
    from workflows.findings import cited, numbered, shape
    from workflows.outcome import Outcome
    from workflows.pursuing import Aim, Pursuing
    from workflows.pursuit import PLAIN, Budget, Pursuit
    from workflows.raw import shaped, with_input
    from workflows.reasoning import answered

_T = TypeVar("_T")


class Mission(Continuing):
    """
    Extend it, give it a `run` with one model as its input, and use the verbs `read`, `reason`, `observe`, `commit`,
    `commit_all` and `pursue`.

    A mission that may grow long takes a `Continued` as its input, and calls `go_on` where it is `grown`.
    """

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "run" in vars(cls):
            setattr(cls, "run", with_input(taking_up(vars(cls)["run"])))  # noqa: B010 (mypy knows no `run` of this class)

    def __init__(self) -> None:
        super().__init__()
        self._news = News()
        self._board = Board()

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
        answer = await self.looked(operation, arguments)
        if answer.failed:
            raise ReadFailed(operation, str(answer.result))
        found = shaped(numbered(answer.result, answer.passages), result, operation)
        self._learned.from_models(found)
        return found

    async def looked(self, operation: str, arguments: dict[str, JsonValue], retry: RetryPolicy = PATIENT) -> ReadResult:
        """
        What the tool answered to a read, as it came.

        Args:
            retry: How long it is tried.

        Raises:
            ActivityError: The read is not permitted, or was tried as often as *retry* says.
        """
        request = ReadRequest(operation=operation, arguments=arguments)
        answer = await asked(ReadActivities.read, request, ReadResult, READS, summary=operation, retry=retry)
        self.weigh(answer)
        self._learned.from_read(answer, operation)
        return answer

    async def reason(self, purpose: str, result: type[_T], **inputs: BaseModel) -> _T:
        """
        Asks a model, with the prompt of *purpose* and *inputs* as data. The answer is untrusted.

        What is of a data class in *inputs* goes along by name, and is masked for a model that may not be told.

        Raises:
            Uncited: It is a Finding, and cites what this mission has not read.
            NoAnswer: No model of the route gave an answer of that shape.
        """
        self._learned.from_models(*inputs.values())
        given: dict[str, JsonValue] = {name: value.model_dump(mode="json") for name, value in inputs.items()}
        wanted = shape(result, TypeAdapter(result).json_schema(), self._learned.passages)
        # The shape leaves too: it holds the ids of all passages that may be cited.
        sensitive = self.sensitive_in([given, wanted], purpose)
        request = ReasonRequest(purpose=purpose, inputs=given, result_schema=wanted, sensitive=sensitive)
        answer = await answered(request, purpose)
        try:
            found = shaped(answer.result, result, purpose)
        except Misunderstood as error:
            raise NoAnswer(purpose, error.message) from error
        return cited(found, self._learned.passages, purpose)

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
        self._waiting += 1
        request = ProposeRequest(
            step=str(self._step),
            operation=first.operation,
            arguments=first.arguments,
            because=because,
            more=tuple(more),
            cites=tuple(dict.fromkeys(cites)),
        )
        try:
            outcomes = await Commitment(self._board, self._news, within).outcomes(request)
        finally:
            self._waiting -= 1
        for outcome in outcomes:
            self._learned.from_outcome(outcome)
        return outcomes

    async def pursue(
        self,
        goal: str,
        *,
        operations: Sequence[str],
        budget: Budget = PLAIN,
        purpose: str = "autonomous/pursue",
        told: Sequence[str] = (),
        case: Continued | None = None,
    ) -> Pursuit:
        """
        Lets a model pursue *goal* with *operations* until it has its last word or *budget* is spent up.

        What it reads is read with `read`, what it would change is put before people like any `commit`, and whatever came of
        it, the model is told. Its answer is untrusted.

        Args:
            operations: Full names of all that it may call.
            told: What else it is told at the beginning.
            case: The mission's input. With it, the mission goes on in another run where this one grows long, and this pursuit
                must be its first again there; without it, never.
        """
        self._learned.from_models(case)
        aim = Aim(goal, tuple(told), tuple(operations), budget, purpose)
        return await Pursuing(self, aim, case).ended()

    def sensitive_in(self, value: JsonValue, purpose: str) -> dict[str, tuple[str, ...]]:
        """What occurs in *value* of all that was read and is of a data class. Raises NoAnswer: it is too much to go along."""
        return self._learned.sensitive_in(value, purpose)

    @property
    def withdrawn(self) -> bool:
        """Whether `withdraw` was called."""
        return self._news.withdrawn

    def withdraw(self) -> None:
        """Withdraws whatever waits for people now, and whatever this mission would propose after."""
        self._news.withdrawn = True
