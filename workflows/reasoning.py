"""Asking a model."""

from __future__ import annotations

from temporalio import workflow
from temporalio.exceptions import ActivityError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from activities.question import Reasoned, ReasonRequest
    from activities.reason import ReasonActivities
    from workflows.asking import FIVE_TIMES, LONG_ATTEMPT, REASONING, asked
    from workflows.errors import NoAnswer


async def answered(request: ReasonRequest, summary: str) -> Reasoned:
    """
    The model's answer.

    Raises:
        NoAnswer: It gave none.
        Misunderstood: What came is no answer.
    """
    try:
        return await asked(
            ReasonActivities.reason,
            request,
            Reasoned,
            REASONING,
            summary=summary,
            attempt=LONG_ATTEMPT,
            retry=FIVE_TIMES,
        )
    except ActivityError as error:
        if is_cancelled_exception(error):
            raise
        raise NoAnswer(request.purpose, str(error.cause or error)) from error
