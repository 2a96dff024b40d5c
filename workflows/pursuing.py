"""
The loop of a pursuit: ask the model, take its calls, tell it what came of them, until it has its last word.

INVARIANT: nothing here judges. What a model asks for is tried with the mission's verbs, and read worker and gate say what is
allowed. Nothing that a model says ends a mission but an answer without a call.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import NoReturn, Protocol

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from pydantic import BaseModel, JsonValue

    from activities.dialogue import Dialogue, Message, Speaker
    from activities.question import Reasoned, ReasonRequest
    from policies.classes import united
    from workflows.calls import Calls, Stopped, Verbs
    from workflows.carried import Continued
    from workflows.errors import MissionError
    from workflows.outcome import Outcome
    from workflows.pursuit import Bound, Budget, End, Pursuit, Underway
    from workflows.reasoning import answered
    from workflows.telling import fitting


@dataclass(frozen=True)
class Aim:
    """What is pursued, with what."""

    goal: str
    told: tuple[str, ...]
    operations: tuple[str, ...]
    budget: Budget
    purpose: str


class Runs(Verbs, Protocol):
    """What of a mission a pursuit needs beside its verbs."""

    def sensitive_in(self, value: JsonValue, purpose: str) -> dict[str, tuple[str, ...]]:
        """What occurs in it of what was read and is of a data class."""

    @property
    def withdrawn(self) -> bool:
        """Whether the mission wants nothing any more."""

    def underway(self) -> Underway | None:
        """The pursuit that an earlier run handed on."""

    @property
    def grown(self) -> bool:
        """Whether this run is long enough."""

    def weigh(self, *told: BaseModel) -> None:
        """Counts what was asked and answered."""

    def go_on(self, case: Continued, pursuit: Underway | None = None) -> NoReturn:
        """Goes on in another run."""


class Pursuing:
    """One pursuit of one mission."""

    def __init__(self, mission: Runs, aim: Aim, case: Continued | None) -> None:
        """
        Args:
            case: With what the mission would go on in another run; None where it does not.
        """
        self._mission = mission
        self._aim = aim
        self._case = case
        self._calls = Calls(mission, aim.operations, self)
        self._fresh = True
        """Whether this run has made no step yet."""
        earlier = mission.underway() if case is not None else None
        texts = (aim.goal, *aim.told)
        beginning = tuple(Message(speaker=Speaker.USER, text=text) for text in texts)
        self._state = earlier or Underway(began=workflow.now(), said=beginning)

    async def ended(self) -> Pursuit:
        """How it ends."""
        while True:
            bound = self._state.reached(self._aim.budget, workflow.now())
            if self._mission.withdrawn or bound is not None:
                return self._end(bound)
            try:
                # First: what is too much to ask with is too much to carry on.
                request = self._request()
                if self._case is not None and self._mission.grown and not self._fresh:
                    self._mission.go_on(self._case, self._state)
                self._fresh = False
                said = await answered(request, f"{self._aim.purpose}, step {self._state.spent.steps + 1}")
            except MissionError as error:
                return self._ended(End.NO_ANSWER, reasons=(error.message,))
            if said.transcript is None:
                return self._ended(End.NO_ANSWER, reasons=("the answer names no transcript of the dialogue",))
            self._mission.weigh(request, said)
            self._state = self._state.answered(said.usage, said.transcript)
            if not said.calls:
                return self._ended(End.ANSWERED, answer=said.text)
            try:
                came = await self._taken(said)
            except Stopped:
                return self._end(self._state.reached(self._aim.budget, workflow.now()) or Bound.COMMITS)
            # Only now: what was done meanwhile is in the state already.
            self._state = self._state.model_copy(update={"said": came})

    def room(self) -> int:
        """How many actions may be put before people now. Raises Stopped."""
        left = self._state.commits_left(self._aim.budget)
        if left <= 0 or self._mission.withdrawn or self._time_left() == timedelta(0):
            raise Stopped
        return left

    def within(self) -> timedelta | None:
        """What is left of the budget's time."""
        return self._time_left()

    def did(self, operation: str, outcome: Outcome) -> None:
        """Writes down what became of one commit."""
        self._state = self._state.did(operation, outcome)

    async def _taken(self, said: Reasoned) -> tuple[Message, ...]:
        came = fitting(await self._calls.taken(said.calls, said.text))
        if said.unread <= 0:
            return came
        words = f"{said.unread} further calls of your answer were not read; ask for fewer at once"
        return (*came, Message(speaker=Speaker.USER, text=words))

    def _request(self) -> ReasonRequest:
        return ReasonRequest(
            purpose=self._aim.purpose,
            inputs={},
            result_schema={},
            dialogue=Dialogue(
                transcript=self._state.transcript,
                said=self._said(),
                operations=self._aim.operations,
                first_run=workflow.info().first_execution_run_id,
            ),
        )

    def _said(self) -> tuple[Message, ...]:
        """
        What the model is told next. What occurs in it of all that was read goes along with the first message, and stays in the
        transcript: a receipt may hold what was read before.
        """
        if not self._state.said:
            return ()
        first, *rest = self._state.said
        texts: list[JsonValue] = [message.text for message in self._state.said]
        found = united(first.sensitive, self._mission.sensitive_in(texts, self._aim.purpose))
        return (first.model_copy(update={"sensitive": found}), *rest)

    def _time_left(self) -> timedelta | None:
        most = self._aim.budget.wall_seconds
        if most is None:
            return None
        left = most - (workflow.now() - self._state.began).total_seconds()
        # A beginning that is still to come is somebody's invention, and gives no more time.
        return timedelta(seconds=min(max(0, left), most))

    def _end(self, bound: Bound | None) -> Pursuit:
        """Withdrawn, or for *bound*."""
        return self._ended(End.WITHDRAWN) if self._mission.withdrawn else self._ended(End.BUDGET, bound)

    def _ended(self, end: End, bound: Bound | None = None, *, answer: str = "", reasons: Sequence[str] = ()) -> Pursuit:
        state = self._state.timed(workflow.now())
        return Pursuit(
            end=end,
            spent_up=bound,
            answer=answer,
            reasons=tuple(reasons),
            spent=state.spent,
            deeds=state.deeds,
            executed=state.executed,
            failed=state.failed,
            refused=state.refused,
        )
