"""How often one model is asked before the next one is: decided by the reason worker, which knows the route."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pydantic import ValidationError
from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.edge import mapped
from activities.errors import Misshapen
from activities.prompted import ModelAnswer
from activities.question import Setback

WITH_FALLBACK = 2
"""So often a model is asked where another one waits."""
MISSHAPEN = 5
"""So often one that answers another shape, where it is the last: it will do so again."""


@contextmanager
def patient() -> Iterator[None]:
    """As `mapped`, and an error is final once the model was asked often enough."""
    try:
        with mapped():
            yield
    except ApplicationError as error:
        if error.non_retryable or not _enough(error, activity.info().attempt):
            raise
        raise ApplicationError(error.message, *error.details, type=error.type, non_retryable=True) from error.__cause__


def _enough(error: ApplicationError, attempt: int) -> bool:
    if setback(error).fallbacks > 0:
        return attempt >= WITH_FALLBACK
    return error.type == "Misshapen" and attempt >= MISSHAPEN


def setback(error: ApplicationError) -> Setback:
    """What *error* tells beside its words, whoever made it."""
    try:
        return Setback.model_validate(error.details[0] if error.details else {})
    except ValidationError:
        return Setback()


def misshapen(answer: ModelAnswer, reason: str) -> Misshapen:
    """The error that *answer* is none of use; *reason* says where and why, never what: an answer may quote what was masked."""
    told = Setback(fallbacks=answer.fallbacks, departure=answer.departure)
    return Misshapen(answer.model, reason).with_details(told.model_dump(mode="json"))
