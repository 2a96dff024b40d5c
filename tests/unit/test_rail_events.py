"""Every event type that a server can write, one by one: read, shown as itself, or folded for a stated reason."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from temporalio.api.common.v1 import Payload, Payloads
from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent

from approvals.settlement import SettlementKind
from audit.folding import FOLDED
from audit.labour import ACTIVITIES
from audit.observation import Mark, Observation, ObservationKind
from audit.rail import READINGS, Rail, railed
from audit.record import MissionRecord
from tests.cli.histories import DIRECTORY, History, payload

TYPES = {name.removeprefix("EVENT_TYPE_"): number for name, number in EventType.items() if number}


def read(history: History) -> Rail:
    """The rail of *history*, which loses no event."""
    found = railed(history.record(), DIRECTORY)
    settled = history.record().raw
    assert sorted([o.event_id for o in found.observations] + [f.event_id for f in found.folded]) == [
        e.event_id for e in settled
    ]
    return found


def last(history: History) -> Observation:
    """The rail's last entry."""
    return read(history).observations[-1]


def unlike(history: History, number: int) -> MissionRecord:
    """The record of *history* with its transient tail, which a record else leaves out."""
    assert history.events[-1].event_type == number
    return MissionRecord("default", "refund-1", "run-1", history.events, history.events)


def test_every_type_is_read_folded_or_told_with_others() -> None:
    """A type that a newer SDK brings fails here first, until somebody decides what an auditor makes of it."""
    special = {
        EventType.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED,
        EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED,
        EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED,
    }
    assert set(TYPES.values()) == {*READINGS, *FOLDED, *ACTIVITIES, *special}
    assert all(FOLDED.values()) and not READINGS.keys() & FOLDED.keys()


@pytest.mark.parametrize("filled", [False, True], ids=["without attributes", "with its attributes, empty"])
@pytest.mark.parametrize("name", TYPES)
def test_event_with_nothing_in_it_does_not_vanish(name: str, filled: bool) -> None:
    """Whatever is missing from it: it is told, or folded for the reason that stands with its type."""
    history = History().started()
    event = HistoryEvent(event_id=2, event_type=TYPES[name])
    if filled:
        getattr(event, f"{name.lower()}_event_attributes").SetInParent()
    history.events.append(event)
    found = railed(unlike(history, TYPES[name]), DIRECTORY)
    assert len(found.observations) + len(found.folded) == 2
    if found.folded:
        assert found.folded[0].why == FOLDED[TYPES[name]]
    else:
        assert found.observations[-1].what


@pytest.mark.parametrize("number", [0, 61, 4711, 9999, 2**31 - 1])
def test_type_of_a_newer_server_is_shown_by_its_number(number: int) -> None:
    """Open enums hold any number."""
    history = History().started()
    history.events.append(HistoryEvent(event_id=2, event_type=number))  # type: ignore[arg-type]
    words = "unspecified" if number == 0 else f"of type {number}"
    assert (last(history).kind, last(history).what) == (ObservationKind.EVENT, words)


@pytest.mark.parametrize("folded", [number for number in FOLDED if number not in ACTIVITIES])
def test_folded_type_hides_nothing_of_another(folded: int) -> None:
    """Somebody who writes histories puts a signal under the number of a timer. A server never does, so nothing is proven on."""
    history = History().started()
    history.signalled("decide", "I approve")
    history.events[-1].event_type = folded  # type: ignore[assignment]
    history.add("TIMER_CANCELED")
    told = railed(unlike(history, TYPES["TIMER_CANCELED"]), DIRECTORY).observations
    assert "with the attributes of workflow execution signaled" in told[1].what
    assert [entry.marks for entry in told] == [(), (Mark.UNSOUND,), (Mark.UNSOUND,)]


def with_unknown_fields(event: HistoryEvent) -> None:
    """A field that no version knows yet."""
    event.MergeFromString(b"\xfa\xff\x01\x03new")


@pytest.mark.parametrize("kind", ["TIMER_FIRED", "WORKFLOW_TASK_COMPLETED", "WORKFLOW_EXECUTION_TERMINATED", "MARKER_RECORDED"])
def test_event_with_fields_of_a_newer_server_is_shown_and_marked(kind: str) -> None:
    """The chain refuses it; the rail shows it, also where its type is folded."""
    history = History().started()
    history.add(kind)
    with_unknown_fields(history.events[-1])
    assert (last(history).event_id, last(history).marks) == (2, (Mark.UNKNOWN_FIELDS,))


def test_settlement_over_a_trail_that_cannot_be_digested_is_unverified() -> None:
    """And says from where; what came before is proven still."""
    history = History().started()
    signed, proposed = history.proposed()
    history.settled(SettlementKind.DENIED, signed)
    history.add("WORKFLOW_EXECUTION_PAUSED")
    record = history.record()
    assert record.chain
    history.settled(SettlementKind.DENIED, signed)
    with_unknown_fields(history.events[proposed + 3])
    told = {entry.event_id: entry for entry in read(history).observations}
    assert told[proposed].kind is ObservationKind.PROPOSED
    assert told[proposed + 3].kind is ObservationKind.DENIED
    assert told[proposed + 4].marks == (Mark.UNKNOWN_FIELDS,)
    assert told[proposed + 7].kind is ObservationKind.UNVERIFIED
    assert f"cannot be digested from event {proposed + 4} on" in told[proposed + 7].what


UNSOUND: dict[str, Callable[[list[HistoryEvent]], object]] = {
    "twice": lambda events: events.insert(3, HistoryEvent.FromString(events[2].SerializeToString())),
    "gone": lambda events: events.pop(1),
    "swapped": lambda events: events.insert(1, events.pop(2)),
    "no time": lambda events: setattr(events[1].event_time, "seconds", 2**60),
    "a second start": lambda events: events[2].CopyFrom(HistoryEvent(event_id=3, event_type=1)),  # type: ignore[arg-type]
    "another activity": lambda events: setattr(
        events[3].activity_task_completed_event_attributes, "scheduled_event_id", 77
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", UNSOUND)
def test_history_that_no_server_writes_is_shown_whole_and_proves_nothing_on(name: str) -> None:
    """From the first such event on, even the gate's genuine signature makes nobody believe where it stands."""
    history = History().started()
    history.asked("read", {})
    history.proposed()
    UNSOUND[name](history.events)
    found = railed(MissionRecord("default", "refund-1", "run-1", history.events, history.events), DIRECTORY)
    assert len(found.observations) + len(found.folded) == len(history.events)
    assert found.observations[-1].marks == (Mark.UNSOUND,)
    assert ObservationKind.PROPOSED not in {entry.kind for entry in found.observations}


def test_history_without_a_start_is_shown() -> None:
    """Cut off at the front."""
    history = History()
    history.add("TIMER_FIRED")
    history.signalled("decide", "x")
    record = MissionRecord("default", "refund-1", "run-1", history.events, history.events)
    assert [entry.what for entry in railed(record, DIRECTORY).observations] == ["timer fired", 'signal decide with "x"']


def sealed(kind: str = "sayso/sealed") -> Payload:
    """What the codec could not open, or was never given."""
    return Payload(metadata={"encoding": kind.encode()}, data=b"\x00\xff")


@pytest.mark.parametrize("encoding", ["sayso/sealed", "binary/encrypted"])
def test_sealed_contents_are_marked_and_hide_nothing(encoding: str) -> None:
    """Read without keys, a rail says what it could not open."""
    history = History().started()
    asked = history.asked("read", {})
    history.add("ACTIVITY_TASK_COMPLETED", scheduled_event_id=asked, result=Payloads(payloads=[sealed(encoding)]))
    assert (last(history).kind, last(history).marks) == (ObservationKind.READ, (Mark.SEALED,))


def test_text_that_imitates_a_seal_is_not_sealed() -> None:
    """The bytes of a payload may look like another payload's metadata."""
    history = History().started()
    hostile = payload("\n\x08encoding\x12\x0csayso/sealed")
    hostile.data = b'"\n\x08encoding\x12\x0csayso/sealed"'
    history.add("WORKFLOW_EXECUTION_SIGNALED", signal_name="decide", input=Payloads(payloads=[hostile]))
    assert last(history).marks == ()


@pytest.mark.parametrize("text", ['"\\ud800"', "[" * 900 + "]" * 900, "{", "\x00", "1e999", '{"a":1,"a":2}'])
def test_hostile_json_keeps_no_event_from_the_rail(text: str) -> None:
    """Half characters, depth, and what is no JSON."""
    history = History().started()
    raw = Payload(metadata={"encoding": b"json/plain"}, data=text.encode())
    asked = history.asked("reason", {})
    history.events[-1].activity_task_scheduled_event_attributes.input.payloads[0].CopyFrom(raw)
    history.add("ACTIVITY_TASK_COMPLETED", scheduled_event_id=asked, result=Payloads(payloads=[raw]))
    history.add("WORKFLOW_EXECUTION_SIGNALED", signal_name="decide", input=Payloads(payloads=[raw]))
    history.add("WORKFLOW_EXECUTION_COMPLETED", result=Payloads(payloads=[raw]))
    told = read(history).observations
    assert [entry.kind for entry in told[1:]] == [ObservationKind.REASONED, ObservationKind.REFUSED, ObservationKind.FINISHED]
    assert all(json.dumps(entry.model_dump(mode="json")) for entry in told)
