"""What an archive encloses: which stored payloads are asked for, in which order, and how many."""

from __future__ import annotations

from temporalio.api.common.v1 import Payload
from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent

from activities.enclosures import fetched
from audit.enclosed import Wanted, wanted
from audit.payloads import MAX_FETCHED_BY_SIGNALS
from audit.references import MAX_STORED, address_of, content_of, reference_to
from policies.canonical import Digest
from tests.fakes.stores import Memory


def payload(text: str) -> Payload:
    return Payload(metadata={"encoding": b"json/plain"}, data=text.encode())


def address(text: str) -> Digest:
    return address_of(content_of(payload(text)))


def recorded(*texts: str) -> HistoryEvent:
    event = HistoryEvent(event_id=1, event_type=EventType.EVENT_TYPE_MARKER_RECORDED)
    for text in texts:
        event.marker_recorded_event_attributes.details["data"].payloads.append(reference_to(payload(text)))
    return event


def signalled(*texts: str) -> HistoryEvent:
    event = HistoryEvent(event_id=2, event_type=EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED)
    event.workflow_execution_signaled_event_attributes.input.payloads.extend(reference_to(payload(text)) for text in texts)
    return event


async def holding(*texts: str) -> Memory:
    store = Memory()
    for text in texts:
        await store.put(content_of(payload(text)))
    return store


def test_what_workers_recorded_comes_before_what_anybody_signalled() -> None:
    """Each once: what a signal refers to as well is not a stranger's."""
    history = [signalled("stranger", "both"), recorded("own", "both")]
    groups = wanted(history, [[recorded("claim"), signalled("receipt")]], [[recorded("earlier"), signalled("heard")]])
    found = [(group.addresses, group.recorded) for group in groups]
    assert found == [
        ((address("own"), address("both")), True),
        ((address("claim"), address("earlier")), True),
        ((address("stranger"),), False),
        ((address("receipt"), address("heard")), False),
    ]


async def test_what_is_not_there_is_left_out_and_counted_where_somebody_recorded_it() -> None:
    store = await holding("own")
    groups = wanted([recorded("own", "gone"), signalled("stranger")], [], [])
    found = await fetched(groups, store)
    assert (set(found.found), found.lacking) == ({address("own")}, 1)


async def test_without_a_store_everything_recorded_is_lacking() -> None:
    assert (await fetched(wanted([recorded("one", "two"), signalled("three")], [], []), None)).lacking == 2


async def test_strangers_cannot_have_more_fetched_than_a_gate_opens() -> None:
    """As many as fill the gate's own bound, and then none is even asked for."""
    texts = [f"{number:08}" * (MAX_STORED // 16) for number in range(10)]
    store = await holding(*texts)
    found = await fetched(wanted([signalled(*texts)], [], []), store)
    size = sum(map(len, found.found.values()))
    assert MAX_FETCHED_BY_SIGNALS <= size < MAX_FETCHED_BY_SIGNALS + MAX_STORED
    assert len(store.asked) == len(found.found) < len(texts)


async def test_what_no_reader_would_open_is_not_kept() -> None:
    large = b"x" * (MAX_STORED + 1)
    store = Memory({address_of(large): large})
    found = await fetched([Wanted((address_of(large),), MAX_STORED * 4, recorded=True)], store)
    assert (found.found, found.lacking) == ({}, 1)
