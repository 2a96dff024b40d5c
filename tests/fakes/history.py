"""Event histories built by hand, as real protobuf events, and mission records of them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from google.protobuf.timestamp_pb2 import Timestamp
from pydantic import BaseModel, JsonValue
from temporalio.api.common.v1 import Payload
from temporalio.api.enums.v1 import ContinueAsNewInitiator, EventType
from temporalio.api.history.v1 import HistoryEvent

from approvals.start import MEMO
from audit.payloads import SEALED
from audit.record import MissionRecord
from tests.fakes.clock import FakeClock

WORKFLOW = ContinueAsNewInitiator.CONTINUE_AS_NEW_INITIATOR_WORKFLOW


def json_payload(value: JsonValue | bytes | BaseModel) -> Payload:
    """A JSON payload; bytes stand for themselves, whatever they hold."""
    if isinstance(value, BaseModel):
        value = value.model_dump(mode="json")
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return Payload(metadata={"encoding": b"json/plain"}, data=data)


def sealed_payload() -> Payload:
    """What the codec could not open."""
    return Payload(metadata={"encoding": SEALED}, data=b"\x00\x01")


@dataclass
class FakeHistory:
    """One mission run. Every event is a second after the one before."""

    mission_id: str
    run_id: str
    clock: FakeClock
    namespace: str = "default"
    mission_type: str = "refund"
    events: list[HistoryEvent] = field(default_factory=list, repr=False)
    held_back: int = 0
    """Events that the server buffers while a workflow task runs."""
    open: bool = True

    def append(self, event_type: int) -> HistoryEvent:
        """A new event of that type, to be filled in by the caller."""
        event = HistoryEvent(event_id=len(self.events) + 1, event_type=event_type, task_id=1000 + len(self.events))  # type: ignore[arg-type]
        stamp = Timestamp()
        stamp.FromDatetime(self.clock())
        event.event_time.CopyFrom(stamp)
        self.events.append(event)
        self.clock.advance(seconds=1)
        return event

    def start(
        self,
        given: JsonValue,
        *,
        signed: str | None = None,
        original_run_id: str | None = None,
        first_run_id: str | None = None,
        continued_run_id: str = "",
        initiator: int = WORKFLOW,
    ) -> None:
        """The started event; *signed* travels in the memo. Who began a run that continues another is the *initiator*."""
        event = self.append(EventType.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED)
        attributes = event.workflow_execution_started_event_attributes
        attributes.workflow_type.name = self.mission_type
        attributes.workflow_id = self.mission_id
        attributes.original_execution_run_id = original_run_id or self.run_id
        attributes.first_execution_run_id = first_run_id or self.run_id
        attributes.continued_execution_run_id = continued_run_id
        if continued_run_id:
            attributes.initiator = initiator  # type: ignore[assignment]
        attributes.input.payloads.append(json_payload(given))
        if signed is not None:
            attributes.memo.fields[MEMO].CopyFrom(json_payload(signed))

    def task(self) -> None:
        """A whole workflow task."""
        self.task_in_flight()
        self.append(EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED)

    def task_in_flight(self) -> None:
        """A workflow task that is started and not done: a transient tail."""
        self.append(EventType.EVENT_TYPE_WORKFLOW_TASK_SCHEDULED)
        self.append(EventType.EVENT_TYPE_WORKFLOW_TASK_STARTED)

    def schedule(self, activity: str, given: JsonValue | BaseModel, queue: str = "commits") -> int:
        """An activity without a result yet; its event id."""
        event = self.append(EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED)
        attributes = event.activity_task_scheduled_event_attributes
        attributes.activity_type.name = activity
        attributes.activity_id = str(event.event_id)
        attributes.task_queue.name = queue
        attributes.input.payloads.append(json_payload(given))
        return int(event.event_id)

    def complete(self, scheduled: int, result: JsonValue | bytes | BaseModel) -> int:
        """The result of an activity, by whomever; the completed event's id."""
        begun = self.append(EventType.EVENT_TYPE_ACTIVITY_TASK_STARTED)
        begun.activity_task_started_event_attributes.scheduled_event_id = scheduled
        event = self.append(EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED)
        attributes = event.activity_task_completed_event_attributes
        attributes.scheduled_event_id = scheduled
        attributes.started_event_id = begun.event_id
        attributes.result.payloads.append(json_payload(result))
        return int(event.event_id)

    def activity(
        self, name: str, given: JsonValue | BaseModel, result: JsonValue | bytes | BaseModel, queue: str = "commits"
    ) -> int:
        """A whole activity; the completed event's id."""
        return self.complete(self.schedule(name, given, queue), result)

    def signal(
        self,
        name: str,
        *values: JsonValue | bytes | BaseModel | Payload,
        principal: str | None = None,
        workflow: str | None = None,
    ) -> int:
        """A signal with any number of values; the principal `type:name` and the sending workflow, where the server says so."""
        event = self.append(EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED)
        attributes = event.workflow_execution_signaled_event_attributes
        attributes.signal_name = name
        payloads: Iterable[Payload] = (value if isinstance(value, Payload) else json_payload(value) for value in values)
        attributes.input.payloads.extend(payloads)
        if workflow is not None:
            attributes.external_workflow_execution.workflow_id = workflow
        if principal is not None:
            kind, _, who = principal.partition(":")
            event.principal.type, event.principal.name = kind, who
        return int(event.event_id)

    def cancel(self) -> None:
        """Somebody asks the run to cancel."""
        self.append(EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CANCEL_REQUESTED)

    def end(self, event_type: int = EventType.EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED) -> None:
        """The run is over."""
        self.append(event_type)
        self.open = False

    def go_on(self, run_id: str) -> None:
        """The mission goes on as run *run_id*, and this one is over."""
        event = self.append(EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW)
        event.workflow_execution_continued_as_new_event_attributes.new_execution_run_id = run_id
        self.open = False

    def copied(self, events: Iterable[HistoryEvent]) -> None:
        """Appends events of another history, as somebody who may write events would."""
        for original in events:
            copy = self.append(original.event_type)
            number, stamp = int(copy.event_id), Timestamp()
            stamp.CopyFrom(copy.event_time)
            copy.CopyFrom(original)
            copy.event_id = number
            copy.event_time.CopyFrom(stamp)

    def record(self) -> MissionRecord:
        """The record of the settled events."""
        events = [HistoryEvent.FromString(event.SerializeToString()) for event in self.events]
        return MissionRecord.of(self.namespace, self.mission_id, self.run_id, events, events)


def edited(event: HistoryEvent, change: Mapping[str, JsonValue]) -> None:
    """Overwrites top-level keys in the JSON result of a completed activity."""
    payload = event.activity_task_completed_event_attributes.result.payloads[0]
    payload.data = json.dumps({**json.loads(payload.data), **change}).encode()
