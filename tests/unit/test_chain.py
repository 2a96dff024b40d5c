"""The evidence chain over a history's events. Source: docs/decisions/0005-evidence.md; promise G11."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from google.protobuf import json_format
from temporalio.api.history.v1 import History, HistoryEvent

from approvals.evidence import Evidence
from audit.chain import chain, settled_events
from audit.errors import NotAMissionError, UnknownEventError
from audit.record import MissionRecord
from policies.canonical import Digest
from tests.fakes.bench import Bench
from tests.fakes.history import sealed_payload

Events = list[HistoryEvent]


@pytest.fixture
async def events(bench: Bench) -> Events:
    """A mission that proposed and was approved."""
    await bench.propose()
    bench.approve("sam")
    bench.mission.signal("decide", sealed_payload(), principal="user:sam")
    return bench.mission.events


def copied(events: Events) -> Events:
    """Events to tamper with."""
    return [HistoryEvent.FromString(event.SerializeToString()) for event in events]


def test_chain_is_the_same_after_a_json_round_trip(events: Events) -> None:
    """An export is JSON."""
    text = json_format.MessageToJson(History(events=events))
    assert chain(list(json_format.Parse(text, History()).events)) == chain(events)


def test_chain_of_a_longer_history_begins_with_that_of_a_shorter(events: Events) -> None:
    """Each link is over the one before."""
    assert chain(events)[:5] == chain(events[:5])
    assert len(set(chain(events))) == len(events)


def test_fields_that_the_server_may_change_do_not_count(events: Events) -> None:
    """`task_id`, `version` and `worker_may_ignore`."""
    other = copied(events)
    for event in other:
        event.task_id, event.version, event.worker_may_ignore = 9, 9, True
    assert chain(other) == chain(events)


def result(event: HistoryEvent) -> bytearray:
    """Flips one bit of a result."""
    payload = event.activity_task_completed_event_attributes.result.payloads[0]
    payload.data = bytes([payload.data[0] ^ 1]) + payload.data[1:]
    return bytearray()


TAMPERING: dict[str, Callable[[Events], object]] = {
    "a result": lambda e: result(next(x for x in e if x.HasField("activity_task_completed_event_attributes"))),
    "a time": lambda e: setattr(e[3].event_time, "seconds", e[3].event_time.seconds + 1),
    "a principal": lambda e: setattr(e[-1].principal, "name", "lena"),
    "an identity": lambda e: setattr(e[-1].workflow_execution_signaled_event_attributes, "identity", "ceo@corp"),
    "a signal's name": lambda e: setattr(e[-1].workflow_execution_signaled_event_attributes, "signal_name", "x"),
    "the memo": lambda e: e[0].workflow_execution_started_event_attributes.memo.fields.clear(),
    "the origin": lambda e: setattr(e[0].workflow_execution_started_event_attributes, "original_execution_run_id", "run-0"),
    "a payload's metadata": lambda e: (
        e[-1].workflow_execution_signaled_event_attributes.input.payloads[0].metadata.update({"encoding": b"json/plain"})
    ),
}


@pytest.mark.parametrize("name", TAMPERING)
def test_tampered_event_changes_every_digest_from_there_on(events: Events, name: str) -> None:
    """And none before."""
    other = copied(events)
    TAMPERING[name](other)
    before, after = chain(events), chain(other)
    first = next(index for index, digest in enumerate(before) if digest != after[index])
    assert all(one != two for one, two in zip(before[first:], after[first:], strict=True))


def test_swapped_events_with_mended_numbers_change_the_chain(events: Events) -> None:
    """Order counts."""
    other = copied(events)
    other[-1], other[-2] = other[-2], other[-1]
    other[-1].event_id, other[-2].event_id = other[-2].event_id, other[-1].event_id
    assert chain(other)[-1] != chain(events)[-1]


@pytest.mark.parametrize("index", [0, 4, -2])
def test_missing_event_is_no_history(events: Events, index: int) -> None:
    """A gap is told, not digested."""
    other = copied(events)
    del other[index]
    with pytest.raises(NotAMissionError, match="is missing"):
        chain(other)


def test_inserted_event_is_no_history(events: Events) -> None:
    """Nor is a number given twice."""
    with pytest.raises(NotAMissionError):
        chain([*events[:3], events[2], *events[3:]])


def with_unknown_field(event: HistoryEvent, where: str) -> HistoryEvent:
    """*event* with a field that only a newer version knows, as it comes over the wire."""
    unknown = b"\xfa\xff\x07\x03new"
    if where == "in the event":
        return HistoryEvent.FromString(event.SerializeToString() + unknown)
    inner = event.workflow_execution_signaled_event_attributes
    inner.MergeFromString(unknown)
    return event


@pytest.mark.promise("G11")
@pytest.mark.parametrize("where", ["in the event", "inside"])
def test_event_with_a_field_that_this_version_does_not_know_is_refused(events: Events, where: str) -> None:
    """Digesting it would lose what it says; update sayso."""
    other = copied(events)
    other[-1] = with_unknown_field(other[-1], where)
    with pytest.raises(UnknownEventError, match="update sayso"):
        chain(other)


async def test_transient_tail_is_cut_off(bench: Bench) -> None:
    """A workflow task that is under way may still change."""
    before = list(bench.mission.events)
    bench.mission.task_in_flight()
    record = bench.mission.record()
    assert (len(settled_events(bench.mission.events)), record.head) == (len(before), len(before))
    assert record.chain == chain(before)


@pytest.mark.parametrize("events", [[], [HistoryEvent(event_id=1)]])
def test_history_without_a_start_is_no_mission(events: Events) -> None:
    """There is nothing to judge."""
    with pytest.raises(NotAMissionError, match="does not begin with a start"):
        MissionRecord.of("default", "m", "r", events, events)


def test_evidence_is_compared_at_its_own_event() -> None:
    """And is not beyond the end."""
    digests = [Digest(char * 64) for char in "abc"]
    assert Evidence(through=2, digest=digests[1]).trouble(digests) is None
    assert "another history" in str(Evidence(through=3, digest=digests[1]).trouble(digests))
    assert "does not have" in str(Evidence(through=4, digest=digests[1]).trouble(digests))


async def test_record_reads_what_is_malformed_as_nothing(bench: Bench) -> None:
    """Zero values, two values, a sealed one: kept in their order, none hidden."""
    bench.mission.signal("decide")
    bench.mission.signal("decide", 1, "two")
    bench.mission.signal("other", sealed_payload(), principal="user:sam")
    signals = bench.mission.record().signals
    assert [signal.values for signal in signals] == [(), (b"1", b'"two"'), (None,)]
    assert (signals[2].name, signals[2].principal) == ("other", "user:sam")
