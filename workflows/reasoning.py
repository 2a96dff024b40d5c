"""
Asking models: one after the other, until one answers.

Each model is asked by an activity of its own, so that which one was asked, and why the next one was, is in the history. How
often one model is asked again is decided by the reason worker, which knows the route; see `activities.patience`.
"""

from __future__ import annotations

from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from activities.patience import setback
    from activities.question import Reasoned, ReasonRequest
    from activities.reason import ReasonActivities
    from policies.routes import MAX_FALLBACKS
    from workflows.asking import LONG_ATTEMPT, REASONING, asked
    from workflows.errors import Misunderstood, NoAnswer

TWENTY_MINUTES = RetryPolicy(initial_interval=timedelta(seconds=1), maximum_interval=timedelta(minutes=2), maximum_attempts=16)
"""For the last model, while its provider is down or counts too many questions: somebody has to look at it then."""


async def answered(request: ReasonRequest, summary: str) -> Reasoned:
    """
    The answer of the first model of the route that gives one, from `request.fallback` on.

    Args:
        summary: What is asked, for the Temporal UI.

    Raises:
        NoAnswer: Every model refused, could not be reached, or answered something else.
    """
    said: list[str] = []
    for fallback in range(request.fallback, request.fallback + MAX_FALLBACKS + 1):
        asking = request.model_copy(update={"fallback": fallback})
        try:
            return await asked(
                ReasonActivities.reason,
                asking,
                Reasoned,
                REASONING,
                summary=f"{summary}, fallback {fallback}" if fallback else summary,
                attempt=LONG_ATTEMPT,
                retry=TWENTY_MINUTES,
            )
        except ActivityError as error:
            if is_cancelled_exception(error):
                raise
            cause = error.cause
            said.append(cause.message if isinstance(cause, ApplicationError) else "nobody answered in time")
            if not isinstance(cause, ApplicationError) or setback(cause).fallbacks < 1:
                break
        except Misunderstood as error:
            said.append(error.message)
            break
    raise NoAnswer(request.purpose, *said)
