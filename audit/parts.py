"""
What single events of a mission say, typed: how it began, an activity with its result, a signal, a request to withdraw.

Nothing is believed here: an answer is what *somebody* recorded, and only its signature makes it the gate's.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from google.protobuf.timestamp_pb2 import Timestamp
from pydantic import JsonValue, ValidationError
from temporalio.api.common.v1 import Payload
from temporalio.api.history.v1 import HistoryEvent, WorkflowExecutionSignaledEventAttributes

from approvals.decision import Heard
from approvals.signed import Signed
from audit.payloads import json_of
from policies.action import MissionRef
from policies.canonical import MAX_BYTES, Digest, parse
from policies.errors import CanonicalError

MAX_ANSWER = 2 * MAX_BYTES
"""Bytes of a signed answer: what is larger was padded by somebody, and is digested by nobody."""


@dataclass(frozen=True)
class Started:
    """How the run began."""

    at: datetime
    mission: MissionRef
    original_run_id: str
    """The run that this one repeats after a reset; else this one."""
    continued_run_id: str
    """The run that this one goes on from; empty where there is none."""
    input: JsonValue
    """None also where the input could not be read."""
    signed_start: str | None
    legible: bool = True
    """Whether the input is one value that could be read, or there is none. Else nobody can have signed for it."""
    continues: bool = False
    """Whether the mission itself went on as this run from the one before it. The server writes that of a run that a workflow
    continued as new, and neither of one that was started, nor of one that is repeated, retried or scheduled."""


@dataclass(frozen=True)
class Completed:
    """An activity that has a result."""

    activity: str
    queue: str
    scheduled_event: int
    scheduled_at: datetime
    event_id: int
    at: datetime
    input: JsonValue
    result: JsonValue
    result_digest: Digest
    """SHA-256 of the result's bytes."""
    result_size: int = 0
    """In bytes."""
    activity_id: str = ""
    request_digest: Digest | None = None
    """SHA-256 of the bytes of what was asked; None where there was not one value that can be read."""


@dataclass(frozen=True)
class Entry:
    """A signed answer of the gate as it stands in the history, not yet verified."""

    event_id: int
    at: datetime
    signed: Signed


def when(stamp: Timestamp) -> datetime:
    """Aware UTC."""
    return stamp.ToDatetime(tzinfo=UTC)


def completed_in(event: HistoryEvent, scheduled: HistoryEvent) -> Completed:
    """The activity that *event* completes and *scheduled* asked for."""
    order = scheduled.activity_task_scheduled_event_attributes
    result = event.activity_task_completed_event_attributes.result.payloads
    data = json_of(result[0]) if len(result) == 1 else None
    asked = order.input.payloads
    request = json_of(asked[0]) if len(asked) == 1 else None
    return Completed(
        activity=order.activity_type.name,
        queue=order.task_queue.name,
        scheduled_event=scheduled.event_id,
        scheduled_at=when(scheduled.event_time),
        event_id=event.event_id,
        at=when(event.event_time),
        input=value_of(request),
        result=value_of(data),
        result_digest=Digest(hashlib.sha256(data or b"").hexdigest()),
        result_size=len(data or b""),
        activity_id=order.activity_id,
        request_digest=None if request is None else Digest(hashlib.sha256(request).hexdigest()),
    )


def answer_in(done: Completed) -> Entry | None:
    """What was recorded as a signed answer of the gate; None where *done* is nothing of that form."""
    if done.activity not in ("propose", "settle") or done.result_size > MAX_ANSWER:
        return None
    try:
        return Entry(done.event_id, done.at, Signed.model_validate(done.result))
    except ValidationError:
        return None


def heard_in(event: HistoryEvent) -> Heard:
    """The signal that *event* is."""
    attributes = event.workflow_execution_signaled_event_attributes
    return Heard(
        event_id=event.event_id,
        at=when(event.event_time),
        name=attributes.signal_name,
        values=tuple(json_of(payload) for payload in attributes.input.payloads),
        principal=f"{event.principal.type}:{event.principal.name}" if event.HasField("principal") else None,
        workflow=_sender(attributes),
    )


def withdraws(scheduled: HistoryEvent) -> str | None:
    """The proposal that an activity asks the gate to withdraw for its mission; None for whatever else it asks."""
    order = scheduled.activity_task_scheduled_event_attributes
    asked = only_value(order.input.payloads) if order.activity_type.name == "settle" else None
    proposal = asked.get("proposal") if isinstance(asked, dict) and asked.get("withdraw") is True else None
    return proposal if isinstance(proposal, str) else None


def only_value(payloads: Sequence[Payload]) -> JsonValue:
    """The one value in *payloads*; None where there is another number of them, or it cannot be read."""
    return value_of(json_of(payloads[0])) if len(payloads) == 1 else None


def legible(payloads: Sequence[Payload]) -> bool:
    """Whether `only_value` tells what is in *payloads*: it reads nothing, and what it cannot read, as None."""
    if len(payloads) != 1:
        return not payloads
    data = json_of(payloads[0])
    return value_of(data) is not None or (data is not None and data.strip() == b"null")


def _sender(attributes: WorkflowExecutionSignaledEventAttributes) -> str | None:
    """The workflow that sent a signal; None where a client did."""
    sent = attributes.HasField("external_workflow_execution")
    return attributes.external_workflow_execution.workflow_id if sent else None


def value_of(data: bytes | None) -> JsonValue:
    """JSON with one reading; None for anything else."""
    if data is None:
        return None
    try:
        return parse(data)
    except CanonicalError:
        return None
