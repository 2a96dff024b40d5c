"""Asking an activity for an answer that anybody may have given: queues, patience, and the answer taken raw."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, TypeVar

from temporalio import workflow
from temporalio.common import RawValue, RetryPolicy

with workflow.unsafe.imports_passed_through():
    from approvals.signed import Signed
    from policies.model import Recorded
    from workflows.raw import MAX_SIGNED, parsed

_Given = TypeVar("_Given", bound=Recorded)
_Answer = TypeVar("_Answer", bound=Recorded)

READS, REASONING, COMMITS = "reads", "reasoning", "commits"
ATTEMPT, LONG_ATTEMPT = timedelta(seconds=90), timedelta(minutes=5)
HEARTBEAT = timedelta(seconds=5)
PATIENT = RetryPolicy(initial_interval=timedelta(milliseconds=500), maximum_interval=timedelta(seconds=15))
"""Trouble that may pass is waited out, for weeks if need be."""
FOR_MINUTES = RetryPolicy(
    initial_interval=timedelta(milliseconds=500), maximum_interval=timedelta(seconds=15), maximum_attempts=20
)
"""Trouble that a model can be told of is waited out for some minutes."""


async def asked(
    activity: Callable[[Any, _Given], Awaitable[_Answer]],
    request: _Given,
    kind: type[_Answer],
    queue: str,
    *,
    summary: str,
    attempt: timedelta = ATTEMPT,
    retry: RetryPolicy = PATIENT,
    within: timedelta | None = None,
) -> _Answer:
    """
    What *activity* answers on *queue*; taken raw, because whoever completes it may answer anything.

    Args:
        within: After so long it is given up, however often it was tried; None is never.

    Raises:
        Misunderstood: It answered something else.
        ActivityError: It failed for good, or was given up.
    """
    answer = await workflow.execute_activity(
        activity.__name__,
        request,
        task_queue=queue,
        result_type=RawValue,
        start_to_close_timeout=attempt,
        schedule_to_close_timeout=within,
        heartbeat_timeout=HEARTBEAT,
        retry_policy=retry,
        summary=summary,
    )
    return parsed(answer, kind, activity.__name__, MAX_SIGNED if issubclass(kind, Signed) else None)
