"""
The base of every mission: its verbs, and the one handler that takes decisions.

INVARIANT: nothing here judges. No rule, no key, no cryptography: a mission asks, waits and records. Whatever it believes,
only the gate acts, and the gate believes only the history.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, NoReturn, TypeVar

from temporalio import workflow
from temporalio.common import RawValue, RetryPolicy

with workflow.unsafe.imports_passed_through():
    from pydantic import BaseModel, JsonValue, TypeAdapter, ValidationError

    from activities.grounds import ProposeRequest, Wanted
    from activities.observe import Observed, observe
    from activities.question import ReasonRequest
    from activities.read import ReadActivities, ReadRequest, ReadResult
    from approvals.citation import Passage
    from policies.classes import annotated
    from workflows.asking import PATIENT, READS, asked
    from workflows.board import Board
    from workflows.carried import Carried, Continued
    from workflows.commitment import Commitment, News
    from workflows.errors import Misunderstood, NoAnswer, ReadFailed, StillOpen
    from workflows.findings import cited, numbered, remembered, shape
    from workflows.outcome import Outcome
    from workflows.pursuing import Aim, Pursuing
    from workflows.pursuit import PLAIN, Budget, Pursuit, Underway
    from workflows.raw import Run, with_input
    from workflows.reasoning import answered
    from workflows.remembered import Remembered

_T = TypeVar("_T")


class Mission:
    """
    Extend it, give it a `run` with one model as its input, and use the verbs `read`, `reason`, `observe`, `commit`,
    `commit_all` and `pursue`.

    A mission that may grow long takes a `Continued` as its input, and calls `go_on` where it is `grown`.
    """

    MOST_BYTES = 1_500_000
    MOST_EVENTS = 4_000
    """Of a run's history; beyond either, the mission is `grown`. Far below what a server ends a run at."""
    MOST_TOLD = 32 * 1024 * 1024
    """Bytes that it asked and was answered, wherever they lie: gates open 128 MiB of a run, and no more."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "run" in vars(cls):
            setattr(cls, "run", with_input(_taking_up(vars(cls)["run"])))  # noqa: B010 (mypy knows no `run` of this class)

    def __init__(self) -> None:
        self._news = News()
        self._board = Board()
        self._step = 0
        self._waiting = 0
        """How many commits are under way."""
        self._underway: Underway | None = None
        self._passages: dict[str, Passage] = {}
        """By id, what knowledge was read: all that a finding may cite."""
        self._remembered = Remembered()
        self._told = 0
        """Bytes that were asked and answered in this run."""

    def take_up(self, case: object) -> None:
        """Takes up what an earlier run handed on in *case*, before `run` begins."""
        if isinstance(case, Continued) and case.carried is not None:
            self._step, self._underway = case.carried.step, case.carried.pursuit
            self._passages = {passage.id: passage for passage in case.carried.passages}
            self._remembered.add(case.carried.sensitive)

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
        found = _shaped(numbered(answer.result, answer.passages), result, operation)
        self._remember(found)
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
        self._remembered.add(answer.sensitive)
        if not answer.failed:
            self._passages = remembered(self._passages, answer.passages, operation)
        return answer

    async def reason(self, purpose: str, result: type[_T], **inputs: BaseModel) -> _T:
        """
        Asks a model, with the prompt of *purpose* and *inputs* as data. The answer is untrusted.

        What is of a data class in *inputs* goes along by name, and is masked for a model that may not be told.

        Raises:
            Uncited: It is a Finding, and cites what this mission has not read.
            NoAnswer: No model of the route gave an answer of that shape.
        """
        self._remember(*inputs.values())
        given: dict[str, JsonValue] = {name: value.model_dump(mode="json") for name, value in inputs.items()}
        request = ReasonRequest(
            purpose=purpose,
            inputs=given,
            result_schema=shape(result, TypeAdapter(result).json_schema(), self._passages),
            sensitive=self.sensitive_in(given, purpose),
        )
        answer = await answered(request, purpose)
        try:
            found = _shaped(answer.result, result, purpose)
        except Misunderstood as error:
            raise NoAnswer(purpose, error.message) from error
        return cited(found, self._passages, purpose)

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
            return await Commitment(self._board, self._news, within).outcomes(request)
        finally:
            self._waiting -= 1

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
        self._remember(case)
        aim = Aim(goal, tuple(told), tuple(operations), budget, purpose)
        return await Pursuing(self, aim, case).ended()

    def sensitive_in(self, value: JsonValue, purpose: str) -> dict[str, tuple[str, ...]]:
        """What occurs in *value* of all that was read and is of a data class. Raises NoAnswer: it is too much to go along."""
        if self._remembered.overfull:
            raise NoAnswer(purpose, "this mission read more that is of a data class than a question can carry")
        return self._remembered.occurring(value)

    @property
    def withdrawn(self) -> bool:
        """Whether `withdraw` was called."""
        return self._news.withdrawn

    def underway(self) -> Underway | None:
        """The pursuit that an earlier run handed on; None once somebody has taken it up."""
        found, self._underway = self._underway, None
        return found

    @property
    def grown(self) -> bool:
        """Whether the mission is better continued in another run, and may be: nothing of it waits for people."""
        info = workflow.info()
        long = (
            info.is_continue_as_new_suggested()
            or info.get_current_history_size() > self.MOST_BYTES
            or info.get_current_history_length() > self.MOST_EVENTS
            or self._told > self.MOST_TOLD
        )
        return long and not self._waiting

    def weigh(self, *told: BaseModel) -> None:
        """Counts what was asked or answered, which may lie in a payload store, as part of how long the mission has grown."""
        self._told += sum(len(each.model_dump_json()) for each in told)

    def go_on(self, case: Continued, pursuit: Underway | None = None) -> NoReturn:
        """
        Ends this run, and goes on in another that is started with *case* and what the verbs need to go on.

        Raises:
            StillOpen: Something waits for people.
        """
        if self._waiting:
            raise StillOpen
        carried = Carried(
            step=self._step,
            pursuit=pursuit,
            passages=tuple(self._passages.values()),
            sensitive=self._remembered.sensitive,
        )
        workflow.continue_as_new(case.model_copy(update={"carried": carried}))

    def _remember(self, *values: object) -> None:
        """What the fields of models among *values* mark as being of a data class."""
        for value in values:
            if isinstance(value, BaseModel):
                self._remembered.add(annotated(value))

    def withdraw(self) -> None:
        """Withdraws whatever waits for people now, and whatever this mission would propose after."""
        self._news.withdrawn = True


def _taking_up(run: Run) -> Run:
    @functools.wraps(run)
    async def taken_up(self: Mission, case: object) -> Any:
        self.take_up(case)
        return await run(self, case)

    return taken_up


def _shaped(value: JsonValue, result: type[_T], what: str) -> _T:
    try:
        return TypeAdapter(result).validate_python(value)
    except ValidationError as error:
        raise Misunderstood(f"`{what}` did not answer with a {result.__name__}: {error.error_count()} fields differ") from error
