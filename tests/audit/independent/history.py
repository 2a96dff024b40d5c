"""Events, their chain, and what they say: sections 3, 6 and 9."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from google.protobuf import json_format
from google.protobuf.message import DecodeError
from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import History, HistoryEvent

from tests.audit.independent import payloads
from tests.audit.independent.payloads import (
    READABLE,
    Ring,
    data_of,
    locked,
    only,
    payloads_of,
    referred,
    strange,
)
from tests.audit.independent.strict import Unknown, need

KEPT_OUT = ("task_id", "version", "worker_may_ignore")
ENDS = ("COMPLETED", "FAILED", "TIMED_OUT", "CANCELED", "TERMINATED", "CONTINUED_AS_NEW")
ANSWERS = tuple(f"ACTIVITY_TASK_{end}" for end in ENDS[:4])
AFTER = (
    *(f"WORKFLOW_TASK_{end}" for end in ("COMPLETED", "FAILED", "TIMED_OUT")),
    *(f"WORKFLOW_EXECUTION_{end}" for end in ("TERMINATED", "TIMED_OUT")),
)
"""What may come after a workflow task began; the first two come nowhere else."""
TAIL = ("WORKFLOW_TASK_SCHEDULED", "WORKFLOW_TASK_STARTED")
HANDED = ("WORKFLOW_EXECUTION_STARTED", "WORKFLOW_EXECUTION_CONTINUED_AS_NEW")
KINDS = ("proposal", "refusal", "settlement", "claim", "receipt")


@dataclass(frozen=True)
class Event:
    """One event: `says` are its attributes, with payloads opened where they can be."""

    id: int
    at: datetime
    type: str
    says: Any
    principal: str | None
    encrypted: bool
    sealed: bool
    link: str
    names: tuple[str, ...] = ()
    """The addresses that it refers to."""
    given: bytes = b""
    """As stored, what a run began with, or what it handed on."""


@dataclass(frozen=True)
class Signal:
    """A signal, with its values as bytes; None for one that cannot be opened."""

    id: int
    at: datetime
    name: str
    values: tuple[bytes | None, ...]
    principal: str | None
    by_workflow: bool


@dataclass(frozen=True)
class Done:
    """A completed activity. `result` is SEALED where it cannot be read."""

    id: int
    at: datetime
    name: str
    activity: str
    asked: Any
    result: Any
    size: int
    asked_at: int


@dataclass(frozen=True)
class Run:
    """One workflow run."""

    events: tuple[Event, ...]

    def before(self, event: int) -> Run:
        """As it was just before *event*."""
        return replace(self, events=self.events[: event - 1])

    def of(self, kind: str) -> Iterator[Event]:
        """The events of one type."""
        return (event for event in self.events if event.type == kind)

    def has(self, evidence: tuple[int, str]) -> bool:
        """Whether *evidence* is of this history."""
        through, link = evidence
        return 1 <= through <= len(self.events) and self.events[through - 1].link == link

    @cached_property
    def signals(self) -> list[Signal]:
        """In order."""
        return [
            Signal(
                each.id,
                each.at,
                each.says.signal_name,
                tuple(map(data_of, each.says.input.payloads)),
                each.principal,
                each.says.HasField("external_workflow_execution"),
            )
            for each in self.of("WORKFLOW_EXECUTION_SIGNALED")
        ]

    @cached_property
    def done(self) -> list[Done]:
        """Completed activities, in the order of their results."""
        asked = {event.id: event.says for event in self.of("ACTIVITY_TASK_SCHEDULED")}
        found = []
        for each in self.of("ACTIVITY_TASK_COMPLETED"):
            order, results = asked[each.says.scheduled_event_id], each.says.result.payloads
            size = len((len(results) == 1 and data_of(results[0])) or b"")
            what = (order.activity_type.name, order.activity_id, only(order.input.payloads), only(results))
            found.append(Done(each.id, each.at, *what, size, each.says.scheduled_event_id))
        return found

    def signed(self, kind: str) -> list[tuple[int, dict[str, Any]]]:
        """What was recorded as the gate's, by whomever."""
        answers = [done for done in self.done if done.name in ("propose", "settle")]
        return [(done.id, done.result) for done in answers if signed_form(done.result, done.size) == kind]

    def withdrawals(self, proposal: str) -> list[tuple[int, datetime]]:
        """When the mission asked to withdraw *proposal*."""
        orders = ((each, only(each.says.input.payloads)) for each in self.of("ACTIVITY_TASK_SCHEDULED"))
        asked = [(each, ask) for each, ask in orders if each.says.activity_type.name == "settle" and isinstance(ask, dict)]
        return [(each.id, each.at) for each, ask in asked if ask.get("withdraw") is True and ask.get("proposal") == proposal]


def signed_form(value: Any, size: int) -> str | None:
    """The kind of what looks signed."""
    if not isinstance(value, dict) or size > 512 << 10 or not isinstance(value.get("body"), dict):
        return None
    texts = all(isinstance(value.get(name), str) for name in ("kind", "digest", "jws"))
    return str(value["kind"]) if texts and value["kind"] in KINDS else None


def read(data: bytes, ring: Ring, contents: Mapping[str, bytes], settle: bool, *, as_json: bool = True) -> Run:
    """The run in *data*; *settle* cuts off a transient tail. Raises Unreadable, or Unknown of a newer history."""
    room = {True: 32 << 20, False: 128 << 20}
    try:
        raw = list((json_format.Parse(data, History()) if as_json else History.FromString(data)).events)
    except (json_format.Error, DecodeError, RecursionError, ValueError) as error:
        raise Unknown(f"is no history that can be read here: {error}") from error
    if any(map(strange, raw)):
        raise Unknown("has a value that is not known here")
    events: list[Event] = []
    link = hashlib.sha256(b"sayso:evidence:v1\n").digest()
    types = [_type(event) for event in raw]
    while settle and types and types[-1] in TAIL:
        types.pop()
    for number, (kind, event) in enumerate(zip(types, raw, strict=False), start=1):
        need(event.event_id == number, f"event {number} is not in its place")
        for name in KEPT_OUT:
            event.ClearField(name)  # type: ignore[arg-type]
        link = hashlib.sha256(link + hashlib.sha256(event.SerializeToString(deterministic=True)).digest()).digest()
        names = tuple(filter(None, map(referred, payloads_of(event))))
        attributes = getattr(event, f"{kind.lower()}_event_attributes")
        given = attributes.input.SerializeToString(deterministic=True) if kind in HANDED else b""
        shut_in = any(map(locked, payloads_of(event)))
        for payload in payloads_of(event):
            _open(payload, ring, contents, room, signal=kind == "WORKFLOW_EXECUTION_SIGNALED")
        shut = any(payload.metadata.get("encoding", b"json/plain") not in READABLE for payload in payloads_of(event))
        principal = f"{event.principal.type}:{event.principal.name}" if event.HasField("principal") else None
        says = getattr(event, str(event.WhichOneof("attributes")))
        events.append(
            Event(
                number,
                event.event_time.ToDatetime(tzinfo=UTC),
                kind,
                says,
                principal,
                *(shut_in, shut),
                link.hex(),
                names,
                given,
            )
        )
    _in_order(events)
    return Run(tuple(events))


def _open(payload: Any, ring: Ring, contents: Mapping[str, bytes], room: dict[bool, int], *, signal: bool) -> None:
    """Opens it in place, while there is room for what references bring."""
    refers = payload.metadata.get("encoding") == payloads.STORED
    if refers and room[signal] <= 0:
        return
    if refers:
        payloads.fetch(payload, contents)
    payloads.open_payload(payload, ring)
    room[signal] -= payload.ByteSize() if refers else 0


def _in_order(events: list[Event]) -> None:
    """A start first, an end last, an answer to each question once."""
    asked = set[int]()
    for event in events:
        need((event.type == "WORKFLOW_EXECUTION_STARTED") == (event.id == 1), f"event {event.id} is a start, or should be")
        need(not ended(event) or event is events[-1], f"event {event.id} is no last one")
        before = events[event.id - 2].type if event.id > 1 else ""
        running = before == "WORKFLOW_TASK_STARTED"
        need(event.type in AFTER if running else event.type not in AFTER[:2], f"event {event.id} is in no task's order")
        if event.type == "ACTIVITY_TASK_SCHEDULED":
            asked.add(event.id)
        elif event.type in ANSWERS:
            need(event.says.scheduled_event_id in asked, f"event {event.id} answers nothing, or again")
            asked.remove(event.says.scheduled_event_id)
    need(events, "there are no events")


def ended(event: Event) -> bool:
    """Whether a run ends with *event*."""
    return event.type.removeprefix("WORKFLOW_EXECUTION_") in ENDS


def _type(event: HistoryEvent) -> str:
    name = EventType.Name(event.event_type).removeprefix("EVENT_TYPE_")
    need(event.WhichOneof("attributes") == f"{name.lower()}_event_attributes", f"event {event.event_id} is of two types")
    return name
