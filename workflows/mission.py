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
    from activities.question import ReasonRequest
    from activities.read import ReadActivities, ReadRequest, ReadResult
    from policies.classes import annotated
    from workflows.asking import READS, asked
    from workflows.board import Board
    from workflows.commitment import Commitment, News
    from workflows.errors import Misunderstood, NoAnswer, ReadFailed
    from workflows.outcome import Outcome
    from workflows.raw import with_input
    from workflows.reasoning import answered
    from workflows.remembered import Remembered

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
        self._remembered = Remembered()

    @workflow.signal(dynamic=True)
    def hear(self, name: str, values: Sequence[RawValue]) -> None:
        """Takes every signal, malformed ones too, and hands none on: the gate reads them from the history itself."""
        self._news.heard += 1

    async def read(self, operation: str, arguments: dict[str, JsonValue], result: type[_T]) -> _T:
        """
        Reads within the mission type's scope.

        Raises:
            ReadFailed: The tool says that it cannot, for example because there is no such order.
            ActivityError: The read is not permitted.
        """
        request = ReadRequest(operation=operation, arguments=arguments)
        answer = await asked(ReadActivities.read, request, ReadResult, READS, summary=operation)
        self._remembered.add(answer.sensitive)
        if answer.failed:
            raise ReadFailed(operation, str(answer.result))
        found = _shaped(answer.result, result, operation)
        self._remember(found)
        return found

    async def reason(self, purpose: str, result: type[_T], **inputs: BaseModel) -> _T:
        """
        Asks a model, with the prompt of *purpose* and *inputs* as data. The answer is untrusted.

        What is of a data class in *inputs* goes along by name, and is masked for a model that may not be told.

        Raises:
            NoAnswer: No model of the route gave an answer of that shape.
        """
        self._remember(*inputs.values())
        if self._remembered.overfull:
            raise NoAnswer(purpose, "this mission read more that is of a data class than a question can carry")
        given: dict[str, JsonValue] = {name: value.model_dump(mode="json") for name, value in inputs.items()}
        request = ReasonRequest(
            purpose=purpose,
            inputs=given,
            result_schema=TypeAdapter(result).json_schema(),
            sensitive=self._remembered.occurring(given),
        )
        answer = await answered(request, purpose)
        try:
            return _shaped(answer.result, result, purpose)
        except Misunderstood as error:
            raise NoAnswer(purpose, error.message) from error

    async def observe(self, name: str, *, passed: bool, detail: str = "") -> bool:
        """Puts a check on the rail, and returns whether it passed."""
        observed = await workflow.execute_local_activity(
            observe, Observed(name=name, passed=passed, detail=detail), start_to_close_timeout=timedelta(seconds=10)
        )
        return observed.passed

    async def commit(
        self, operation: str, arguments: dict[str, JsonValue], *, because: str = "", within: timedelta | None = None
    ) -> Outcome:
        """
        Proposes an action, waits for people, and returns what became of it. Denials and refusals are values.

        Where approvers amend it, what was approved in its place is what is done, and the outcome says what they changed. Where
        nobody knows whether it was done, people are asked, and their answer is the outcome.

        Args:
            because: Why, in the mission's words. Shown to approvers in the box marked untrusted.
            within: After so long without a use, the mission withdraws it.
        """
        (outcome,) = await self.commit_all([Wanted(operation=operation, arguments=arguments)], because=because, within=within)
        return outcome

    async def commit_all(
        self, actions: Sequence[Wanted], *, because: str = "", within: timedelta | None = None
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
        )
        return await Commitment(self._board, self._news, within).outcomes(request)

    def _remember(self, *values: object) -> None:
        """What the fields of models among *values* mark as being of a data class."""
        for value in values:
            if isinstance(value, BaseModel):
                self._remembered.add(annotated(value))

    def withdraw(self) -> None:
        """Withdraws whatever waits for people now, and whatever this mission would propose after."""
        self._news.withdrawn = True


def _shaped(value: JsonValue, result: type[_T], what: str) -> _T:
    try:
        return TypeAdapter(result).validate_python(value)
    except ValidationError as error:
        raise Misunderstood(f"`{what}` did not answer with a {result.__name__}: {error.error_count()} fields differ") from error
