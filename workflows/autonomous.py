"""The autonomous mission: a model pursues a goal with the operations it was given; people say yes to whatever it changes."""

from __future__ import annotations

from typing import Annotated, Literal

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from pydantic import Field

    from policies.model import Recorded
    from workflows.carried import Continued
    from workflows.mission import Mission
    from workflows.pursuit import PLAIN, Bound, Budget, Deed, End, Spent

MAX_OPERATIONS = 50


class AutonomousCase(Continued):
    """The mission's input."""

    goal: str = Field(min_length=1, max_length=4000)
    operations: tuple[Annotated[str, Field(min_length=1, max_length=200)], ...] = Field(min_length=1, max_length=MAX_OPERATIONS)
    """Full names of all that the model may call. What of it is permitted, policy says."""
    budget: Budget = PLAIN
    case_id: str | None = Field(default=None, min_length=1, max_length=100)
    """The case it is about: policies bind what is read to it."""


class AutonomousVerdict(Recorded):
    """The mission's result."""

    verdict: End
    spent_up: Bound | None = None
    """With `budget`: what of it."""
    answer: str = ""
    """The model's last words. UNTRUSTED: proof of nothing."""
    answer_is: Literal["untrusted"] = "untrusted"
    reasons: tuple[str, ...] = ()
    spent: Spent = Spent()
    deeds: tuple[Deed, ...] = ()
    """Every commit that was put before people, and the first that were not."""
    executed: int = 0
    """How many were really done, as the gate settled them."""
    failed: int = 0
    """How many were sent and changed nothing."""
    refused: int = 0
    """How many the gate made no proposal of."""


@workflow.defn(name="autonomous")
class AutonomousMission(Mission):
    """Lets a model pursue the goal."""

    @workflow.run
    async def run(self, case: AutonomousCase) -> AutonomousVerdict:
        """Ends with a verdict, whatever the model says or calls."""
        told = (f"The case is `{case.case_id}`.",) if case.case_id is not None else ()
        pursuit = await self.pursue(case.goal, operations=case.operations, budget=case.budget, told=told, case=case)
        return AutonomousVerdict(
            verdict=pursuit.end,
            spent_up=pursuit.spent_up,
            answer=pursuit.answer,
            reasons=pursuit.reasons,
            spent=pursuit.spent,
            deeds=pursuit.deeds,
            executed=pursuit.executed,
            failed=pursuit.failed,
            refused=pursuit.refused,
        )
