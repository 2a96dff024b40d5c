"""A pursuit: how far a model may go on its own, what it spent, what was really done, and how it ended."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from pydantic import AwareDatetime, Field

from activities.dialogue import Message, TranscriptRef
from activities.question import Usage
from policies.canonical import Digest
from policies.model import Recorded
from workflows.outcome import Outcome, OutcomeKind

MAX_STEPS = 1000
MAX_COMMITS = 1000
"""Actions put before people, whatever a budget says."""
MAX_COUNT = 10**15
"""Of anything that is counted: whoever completes an activity says what it cost."""
MAX_SECONDS = 366 * 86400
MAX_REFUSED = 200
"""So many commits that the gate made no proposal of are told one by one; all of them are counted."""


class End(StrEnum):
    """How a pursuit ends."""

    ANSWERED = "answered"
    """The model had its last word. Whether it reached the goal, nobody judged."""
    BUDGET = "budget"
    NO_ANSWER = "no_answer"
    """No model answered, or the dialogue could not go on."""
    WITHDRAWN = "withdrawn"


class Bound(StrEnum):
    """What of a budget can be spent up."""

    STEPS = "steps"
    TOKENS = "tokens"
    COST = "cost_micros"
    TIME = "wall_seconds"
    COMMITS = "commits"


class Budget(Recorded):
    """How far it may go. None is no bound but MAX_STEPS and MAX_COMMITS."""

    steps: int | None = Field(default=50, ge=1, le=MAX_STEPS)
    """Answers of the model."""
    tokens: int | None = Field(default=None, ge=1, le=MAX_COUNT)
    """Read and written, as the provider counts; one that counts none spends none."""
    cost_micros: int | None = Field(default=None, ge=1, le=MAX_COUNT)
    """By the prices of `models.yaml`; without prices nothing costs anything."""
    wall_seconds: int | None = Field(default=None, ge=1, le=MAX_SECONDS)
    """From the beginning, waiting for people included."""
    commits: int | None = Field(default=10, ge=0, le=MAX_COMMITS)
    """Actions put before people."""


PLAIN = Budget()


class Spent(Recorded):
    """What a pursuit has used of its budget."""

    steps: int = 0
    tokens: int = 0
    cost_micros: int = 0
    seconds: int = 0
    commits: int = 0


class Deed(Recorded):
    """What became of one commit."""

    operation: str
    kind: OutcomeKind
    proposal: Digest | None = None
    """None where the gate made none."""


class Underway(Recorded):
    """A pursuit between two steps; all that the next run needs to go on with it."""

    began: AwareDatetime
    spent: Spent = Spent()
    deeds: tuple[Deed, ...] = ()
    executed: int = 0
    failed: int = 0
    refused: int = 0
    transcript: TranscriptRef | None = None
    said: tuple[Message, ...] = ()
    """What the model is to be told next."""

    def reached(self, budget: Budget, now: datetime) -> Bound | None:
        """What is spent up before a further step."""
        here = self.timed(now).spent
        bounds = (
            (Bound.STEPS, here.steps, budget.steps if budget.steps is not None else MAX_STEPS),
            (Bound.TOKENS, here.tokens, budget.tokens),
            (Bound.COST, here.cost_micros, budget.cost_micros),
            (Bound.TIME, here.seconds, budget.wall_seconds),
        )
        return next((bound for bound, spent, most in bounds if most is not None and spent >= most), None)

    def commits_left(self, budget: Budget) -> int:
        """How many more actions may be put before people."""
        return (budget.commits if budget.commits is not None else MAX_COMMITS) - self.spent.commits

    def timed(self, now: datetime) -> Underway:
        """The same at *now*."""
        seconds = max(0, int((now - self.began).total_seconds()))
        return self.model_copy(update={"spent": self.spent.model_copy(update={"seconds": seconds})})

    def answered(self, usage: Usage, transcript: TranscriptRef) -> Underway:
        """After one more answer."""
        spent = self.spent.model_copy(
            update={
                "steps": self.spent.steps + 1,
                "tokens": min(MAX_COUNT, self.spent.tokens + max(0, usage.input_tokens) + max(0, usage.output_tokens)),
                "cost_micros": min(MAX_COUNT, self.spent.cost_micros + max(0, usage.cost_micros)),
            }
        )
        return self.model_copy(update={"spent": spent, "transcript": transcript, "said": ()})

    def did(self, operation: str, outcome: Outcome) -> Underway:
        """After one more commit. Only what the gate settled as done counts as executed; what a model says of it, nowhere."""
        asked = outcome.proposal is not None
        told = asked or self.refused < MAX_REFUSED
        deed = Deed(operation=operation, kind=outcome.kind, proposal=outcome.proposal)
        return self.model_copy(
            update={
                "spent": self.spent.model_copy(update={"commits": self.spent.commits + asked}),
                "deeds": (*self.deeds, deed) if told else self.deeds,
                "executed": self.executed + (outcome.kind is OutcomeKind.COMMITTED),
                "failed": self.failed + (outcome.kind is OutcomeKind.FAILED),
                "refused": self.refused + (not asked),
            }
        )


class Pursuit(Recorded):
    """How it ended."""

    end: End
    spent_up: Bound | None = None
    """With `budget`: what of it."""
    answer: str = ""
    """UNTRUSTED: the model's last words. They are proof of nothing; what was done is in `deeds`."""
    reasons: tuple[str, ...] = ()
    spent: Spent = Spent()
    deeds: tuple[Deed, ...] = ()
    """Every commit that was put before people, and the first that were not, in their order."""
    executed: int = 0
    """How many commits were really done."""
    failed: int = 0
    """How many were sent and changed nothing."""
    refused: int = 0
    """How many the gate made no proposal of."""
