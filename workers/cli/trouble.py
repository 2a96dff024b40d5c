"""What keeps a running mission from going on: activities that fail and are tried again, and work that nobody takes."""

from __future__ import annotations

from datetime import datetime, timedelta

from temporalio.api.enums.v1 import PendingActivityState
from temporalio.api.failure.v1 import Failure
from temporalio.api.workflow.v1 import PendingActivityInfo
from temporalio.client import WorkflowExecutionDescription
from temporalio.converter import PayloadCodec

from approvals.display import visible
from audit.payloads import opened
from audit.record import when
from policies.model import Recorded

PATIENCE = timedelta(seconds=3)
"""Work that no worker took for so long is worth a word."""


class Trouble(Recorded):
    """One thing that is being waited for."""

    activity: str
    """Its name; `workflow task` for the mission's own code."""
    attempt: int
    message: str

    def words(self) -> str:
        """One line, safe to print."""
        again = f", attempt {self.attempt}" if self.attempt > 1 else ""
        return f"{visible(self.activity)}{again}: {visible(self.message)}"


async def troubles(description: WorkflowExecutionDescription, codec: PayloadCodec | None, now: datetime) -> list[Trouble]:
    """What is in the way of the run, as the server sees it at *now*; *codec* opens what failures say."""
    raw = await opened(description.raw_description, codec)
    found = [trouble for info in raw.pending_activities for trouble in [_activity(info, now)] if trouble]
    task = raw.pending_workflow_task
    if raw.HasField("pending_workflow_task") and (task.attempt > 1 or now - when(task.original_scheduled_time) > PATIENCE):
        message = "the mission's code does not go on: is a mission worker running?"
        found.append(Trouble(activity="workflow task", attempt=task.attempt, message=message))
    return found


def _activity(info: PendingActivityInfo, now: datetime) -> Trouble | None:
    name = info.activity_type.name
    if info.HasField("last_failure"):
        return Trouble(activity=name, attempt=info.attempt, message=_innermost(info.last_failure))
    if info.HasField("last_started_time") and now - when(info.last_started_time) > PATIENCE:
        return Trouble(activity=name, attempt=info.attempt, message="takes long: a worker is at it, and no answer came yet")
    waits = info.state == PendingActivityState.PENDING_ACTIVITY_STATE_SCHEDULED
    if waits and now - when(info.scheduled_time) > PATIENCE:
        return Trouble(activity=name, attempt=info.attempt, message="no worker takes it: is its worker running?")
    return None


def _innermost(failure: Failure) -> str:
    """The failure's own message; that of its cause where it has none."""
    while not failure.message and failure.HasField("cause"):
        failure = failure.cause
    return failure.message
