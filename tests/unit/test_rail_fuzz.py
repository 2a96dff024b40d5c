"""Whatever is done to a history, its rail tells every event and never fails. Source: audit/rail.py."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest
from google.protobuf.message import Message
from hypothesis import given, settings
from hypothesis import strategies as st
from temporalio.api.common.v1 import Payload
from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import WorkflowHistory

from audit.observation import Mark
from audit.payloads import SEALED
from audit.rail import Rail, railed
from audit.record import MissionRecord
from policies.directory import Directory
from tests.cli.histories import DIRECTORY
from tests.fakes.kit import Kit
from tests.fakes.stories import STORIES, eventful

RECORDED = sorted((Path(__file__).parents[1] / "replay" / "histories").glob("*.json"))
Case = tuple[list[HistoryEvent], Directory]


@pytest.fixture(scope="module")
def histories(kit: Kit) -> list[Case]:
    """The recorded missions, and the eventful ones with the directory that proves their signatures."""
    found: list[Case] = [(list(WorkflowHistory.from_json("m", path.read_text()).events), DIRECTORY) for path in RECORDED]
    for story in STORIES.values():
        bench = eventful(kit)
        asyncio.run(story(bench))
        found.append((bench.mission.events, bench.law.directory))
    return found


def every(event: Message, of: type[Message]) -> list[Any]:
    """Every message of the type *of* below *event*, itself included."""
    found: list[Any] = [event] if isinstance(event, of) else []
    for field, value in event.ListFields():
        if field.message_type is None:
            continue
        if field.message_type.GetOptions().map_entry:
            inner = field.message_type.fields_by_name["value"].message_type
            children = list(value.values()) if inner else []
        else:
            children = list(value) if field.is_repeated else [value]
        for child in children:
            found += every(child, of)
    return found


def seal(events: list[HistoryEvent], random: Random) -> None:
    """Some payload cannot be opened."""
    payloads = every(random.choice(events), Payload)
    if payloads:
        random.choice(payloads).metadata["encoding"] = SEALED


def scribble(events: list[HistoryEvent], random: Random) -> None:
    """Some payload holds other bytes."""
    payloads = every(random.choice(events), Payload)
    if payloads:
        junk = [b"", b"\xff\xfe", b'"\\ud800"', b"[" * 2000, b'{"kind":"settlement"}', b"1e999", b"null", b"9" * 5000]
        random.choice(payloads).data = random.choice(junk)


def misquote(events: list[HistoryEvent], random: Random) -> None:
    """Some value inside a JSON payload is another."""
    payloads = [payload for payload in every(random.choice(events), Payload) if payload.data[:1] == b"{"]
    if payloads:
        payload = random.choice(payloads)
        value = json.loads(payload.data)
        value[random.choice(list(value) or ["kind"])] = random.choice(
            [None, 7, "x", [], {}, {"head": {"through": 10**30}}, True]
        )
        payload.data = json.dumps(value).encode()


def garble(events: list[HistoryEvent], random: Random) -> None:
    """Some field anywhere holds something else, or nothing."""
    message = random.choice(every(random.choice(events), Message))
    fields = message.ListFields()
    if not fields:
        return
    field, value = random.choice(fields)
    if field.is_repeated or field.message_type is not None or random.random() < 0.3:
        message.ClearField(field.name)
    elif isinstance(value, bool | int):
        setattr(message, field.name, random.choice([0, 1, 2, 77, 2**31 - 1]))
    elif isinstance(value, str):
        setattr(message, field.name, random.choice(["", "x", "\u202e\x1b[31m", "gate-1"]))


def retype(events: list[HistoryEvent], random: Random) -> None:
    """Some event says that it is another."""
    random.choice(events).event_type = random.choice([*EventType.values(), 9999])  # type: ignore[assignment]


def stretch(events: list[HistoryEvent], random: Random) -> None:
    """Some message has a field that nobody knows."""
    random.choice(every(random.choice(events), Message)).MergeFromString(b"\xfa\xff\x01\x03new")


def drop(events: list[HistoryEvent], random: Random) -> None:
    """An event is missing."""
    if len(events) > 1:
        del events[random.randrange(len(events))]


def double(events: list[HistoryEvent], random: Random) -> None:
    """An event is there twice."""
    events.insert(random.randrange(len(events) + 1), HistoryEvent.FromString(random.choice(events).SerializeToString()))


def swap(events: list[HistoryEvent], random: Random) -> None:
    """Two events changed places."""
    one, other = random.randrange(len(events)), random.randrange(len(events))
    events[one], events[other] = events[other], events[one]


def cut(events: list[HistoryEvent], random: Random) -> None:
    """The end is missing."""
    del events[random.randint(1, len(events)) :]


HARM: list[Callable[[list[HistoryEvent], Random], None]] = [
    seal, scribble, misquote, garble, retype, stretch, drop, double, swap, cut,
]  # fmt: skip


def copied(events: list[HistoryEvent]) -> list[HistoryEvent]:
    """The same events, to be harmed."""
    return [HistoryEvent.FromString(event.SerializeToString()) for event in events]


@settings(max_examples=400)
@given(st.integers(0, 2**32), st.lists(st.sampled_from(HARM), min_size=1, max_size=6))
def test_no_harm_keeps_an_event_from_the_rail(
    histories: list[Case], seed: int, harms: list[Callable[[list[HistoryEvent], Random], None]]
) -> None:
    """As many observations and folded events as there are events, in whatever pieces they come."""
    random = Random(seed)  # noqa: S311
    original, directory = random.choice(histories)
    events = copied(original)
    for harm in harms:
        harm(events, random)
    record = MissionRecord("default", "refund-1", "run-1", events, events)
    whole = railed(record, directory)
    assert len(whole.observations) + len(whole.folded) == len(events)
    assert all(json.dumps(entry.model_dump(mode="json")) for entry in whole.observations)
    pieces = Rail("default", "refund-1", "run-1", directory)
    split = random.randint(0, len(events))
    for part in (events[:split], events[split:]):
        pieces.extend(zip(part, part, strict=True))
    assert (pieces.observations, pieces.folded) == (whole.observations, whole.folded)


def test_unharmed_histories_are_told_without_a_mark(histories: list[Case]) -> None:
    """The control: the marks above are the harm's."""
    for events, directory in histories:
        run_id = events[0].workflow_execution_started_event_attributes.original_execution_run_id
        record = MissionRecord("default", "refund-1", run_id, events, events)
        assert {mark for entry in railed(record, directory).observations for mark in entry.marks} == set()


def test_everything_sealed_is_told_as_sealed(histories: list[Case]) -> None:
    """What a reader without keys sees: who did what when, and nothing of what was in it."""
    for original, directory in histories:
        events = copied(original)
        for payload in (payload for event in events for payload in every(event, Payload)):
            payload.metadata["encoding"], payload.data = SEALED, b"\x00"
        found = railed(MissionRecord("default", "refund-1", "run-1", events, events), directory)
        assert len(found.observations) + len(found.folded) == len(events)
        assert found.observations[0].marks == (Mark.SEALED,)
        assert not {"proposed", "decided", "committed"} & {str(entry.kind) for entry in found.observations}
