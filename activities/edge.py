"""Temporal's edge: who is asking, as the server says, and our errors as Temporal's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.errors import (
    ActivityError,
    Misanswered,
    NoTools,
    NotPermitted,
    ProviderRefused,
    TranscriptGone,
    TranscriptTooLong,
)
from activities.ports import Here
from audit.errors import AuditError
from policies.errors import CanonicalError, PolicyError

FINAL = (NotPermitted, ProviderRefused, Misanswered, NoTools, TranscriptGone, TranscriptTooLong, CanonicalError)
"""What asking again does not mend."""


def here() -> Here:
    """
    Where this activity runs.

    Raises:
        ApplicationError: Outside a mission: nobody's history could prove anything.
    """
    info = activity.info()
    if info.workflow_id is None or info.workflow_run_id is None:
        raise ApplicationError(
            "this activity answers missions only; start it from a workflow", type="OutsideMission", non_retryable=True
        )
    return Here(info.namespace, info.workflow_id, info.workflow_run_id, info.scheduled_time)


@contextmanager
def mapped() -> Iterator[None]:
    """Our errors as ApplicationError; those that may pass are retried by Temporal."""
    try:
        yield
    except (ActivityError, AuditError, PolicyError) as error:
        details = error.details if isinstance(error, ActivityError) else ()
        final = isinstance(error, FINAL)
        raise ApplicationError(str(error), *details, type=type(error).__name__, non_retryable=final) from error
