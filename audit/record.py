"""
A mission's record: what its event history says, typed. Nothing is believed here: a completed `propose` is what *somebody*
completed, and only its signature makes it the gate's.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property

from google.protobuf.timestamp_pb2 import Timestamp
from pydantic import JsonValue, ValidationError
from temporalio.api.common.v1 import Payload
from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent, WorkflowExecutionSignaledEventAttributes

from approvals.decision import Heard
from approvals.signed import Kind, Signed
from approvals.start import MEMO
from audit.chain import chain, settled_events
from audit.errors import NotAMissionError
from audit.payloads import json_of
from policies.action import MissionRef
from policies.canonical import MAX_BYTES, Digest, parse
from policies.errors import CanonicalError

CLOSING = frozenset(
    {
        EventType.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED,
        EventType.EVENT_TYPE_WORKFLOW_EXECUTION_FAILED,
        EventType.EVENT_TYPE_WORKFLOW_EXECUTION_TIMED_OUT,
        EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CANCELED,
        EventType.EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED,
        EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW,
    }
)
"""With one of these a run ends; nothing comes after it."""


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


@dataclass(frozen=True)
class Entry:
    """A signed answer of the gate as it stands in the history, not yet verified."""

    event_id: int
    at: datetime
    signed: Signed


@dataclass(frozen=True)
class MissionRecord:
    """One run, from events as stored (`raw`) and the same events with payloads opened (`opened`)."""

    namespace: str
    mission_id: str
    run_id: str
    raw: Sequence[HistoryEvent]
    opened: Sequence[HistoryEvent] = field(repr=False)

    @classmethod
    def of(
        cls, namespace: str, mission_id: str, run_id: str, raw: Sequence[HistoryEvent], opened: Sequence[HistoryEvent]
    ) -> MissionRecord:
        """
        The record of settled events.

        Raises:
            NotAMissionError: The history does not begin with a start.
        """
        settled = settled_events(raw)
        first = EventType.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED
        if not settled or settled[0].event_type != first:
            raise NotAMissionError(f"the history of `{mission_id}` does not begin with a start")
        return cls(namespace, mission_id, run_id, settled, opened[: len(settled)])

    @cached_property
    def chain(self) -> tuple[Digest, ...]:
        """Digest of the trail through each event."""
        return chain(self.raw)

    @cached_property
    def started(self) -> Started:
        """How the run began."""
        event = self.opened[0]
        attributes = event.workflow_execution_started_event_attributes
        memo = attributes.memo.fields.get(MEMO)
        signed = _json(json_of(memo)) if memo is not None else None
        return Started(
            at=when(event.event_time),
            mission=MissionRef(
                namespace=self.namespace,
                mission_type=attributes.workflow_type.name,
                mission_id=self.mission_id,
                run_id=self.run_id,
                first_execution_run_id=attributes.first_execution_run_id,
            ),
            original_run_id=attributes.original_execution_run_id,
            continued_run_id=attributes.continued_execution_run_id,
            input=_only(attributes.input.payloads),
            signed_start=signed if isinstance(signed, str) else None,
            legible=_legible(attributes.input.payloads),
        )

    @cached_property
    def signals(self) -> tuple[Heard, ...]:
        """Every signal, in order."""
        found = []
        for event in self.opened:
            if event.event_type != EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED:
                continue
            attributes = event.workflow_execution_signaled_event_attributes
            principal = f"{event.principal.type}:{event.principal.name}" if event.HasField("principal") else None
            found.append(
                Heard(
                    event_id=event.event_id,
                    at=when(event.event_time),
                    name=attributes.signal_name,
                    values=tuple(json_of(payload) for payload in attributes.input.payloads),
                    principal=principal,
                    workflow=_sender(attributes),
                )
            )
        return tuple(found)

    @cached_property
    def completed(self) -> tuple[Completed, ...]:
        """Every activity with a result, in the order of results."""
        scheduled = {
            event.event_id: event for event in self.opened if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED
        }
        found = []
        for event in self.opened:
            if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED:
                cause = event.activity_task_completed_event_attributes.scheduled_event_id
                if cause not in scheduled:
                    raise NotAMissionError(f"event {event.event_id} completes an activity that was never scheduled")
                found.append(_completed(event, scheduled[cause]))
        return tuple(found)

    def entries(self, kind: Kind) -> tuple[Entry, ...]:
        """What was recorded as a signed answer of *kind*, whoever recorded it."""
        found = []
        for done in self.completed:
            if done.activity not in ("propose", "settle") or done.result_size > MAX_ANSWER:
                continue
            try:
                signed = Signed.model_validate(done.result)
            except ValidationError:
                continue
            if signed.kind is kind:
                found.append(Entry(done.event_id, done.at, signed))
        return tuple(found)

    def withdrawals(self, proposal: Digest) -> tuple[tuple[int, datetime], ...]:
        """Event and time of each request of the mission to withdraw *proposal*, whatever became of it."""
        found = []
        for event in self.opened:
            if event.event_type != EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
                continue
            order = event.activity_task_scheduled_event_attributes
            asked = _only(order.input.payloads) if order.activity_type.name == "settle" else None
            if isinstance(asked, dict) and asked.get("withdraw") is True and asked.get("proposal") == proposal:
                found.append((int(event.event_id), when(event.event_time)))
        return tuple(found)

    @property
    def closed(self) -> bool:
        """Whether the run is over."""
        return self.raw[-1].event_type in CLOSING

    @property
    def cancel_requested(self) -> bool:
        """Whether somebody asked the run to cancel."""
        wanted = EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CANCEL_REQUESTED
        return any(event.event_type == wanted for event in self.raw)

    def before(self, event_id: int) -> MissionRecord:
        """The record as it was just before event *event_id*."""
        return replace(self, raw=self.raw[: event_id - 1], opened=self.opened[: event_id - 1])

    @property
    def head(self) -> int:
        """Id of the last settled event."""
        return int(self.raw[-1].event_id)

    @property
    def last_event_at(self) -> datetime:
        """Time of the last settled event."""
        return when(self.raw[-1].event_time)


def when(stamp: Timestamp) -> datetime:
    """Aware UTC."""
    return stamp.ToDatetime(tzinfo=UTC)


def _completed(event: HistoryEvent, scheduled: HistoryEvent) -> Completed:
    order = scheduled.activity_task_scheduled_event_attributes
    result = event.activity_task_completed_event_attributes.result.payloads
    data = json_of(result[0]) if len(result) == 1 else None
    return Completed(
        activity=order.activity_type.name,
        queue=order.task_queue.name,
        scheduled_event=scheduled.event_id,
        scheduled_at=when(scheduled.event_time),
        event_id=event.event_id,
        at=when(event.event_time),
        input=_only(order.input.payloads),
        result=_json(data),
        result_digest=Digest(hashlib.sha256(data or b"").hexdigest()),
        result_size=len(data or b""),
        activity_id=order.activity_id,
    )


def _only(payloads: Sequence[Payload]) -> JsonValue:
    """The one value in *payloads*; None where there is another number of them, or it cannot be read."""
    return _json(json_of(payloads[0])) if len(payloads) == 1 else None


def _legible(payloads: Sequence[Payload]) -> bool:
    """Whether `_only` tells what is in *payloads*: it reads nothing, and what it cannot read, as None."""
    if len(payloads) != 1:
        return not payloads
    data = json_of(payloads[0])
    return _json(data) is not None or (data is not None and data.strip() == b"null")


def _sender(attributes: WorkflowExecutionSignaledEventAttributes) -> str | None:
    """The workflow that sent a signal; None where a client did."""
    sent = attributes.HasField("external_workflow_execution")
    return attributes.external_workflow_execution.workflow_id if sent else None


def _json(data: bytes | None) -> JsonValue:
    if data is None:
        return None
    try:
        return parse(data)
    except CanonicalError:
        return None
