"""What the storing codec keeps elsewhere, and what it makes of a reference that anybody may have sent."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from temporalio.api.common.v1 import Payload
from temporalio.api.history.v1 import HistoryEvent
from temporalio.converter import WorkflowSerializationContext

from activities.errors import StoreSilent
from audit import payloads as opening
from audit.payloads import ENCRYPTED, KEY_ID, SEALED, STORED, encrypted, key_id, open_events
from audit.references import MAX_STORED, address_of, content_of, reference_to
from tests.fakes.rings import CODEC, OTHER, RING
from tests.fakes.stores import Memory
from workers.connection import LenientCodec, converter
from workers.encryption import RingCodec
from workers.errors import WrongUse
from workers.storing import (
    LEAST,
    MAX_AT_ONCE,
    MAX_INLINE,
    MOST,
    THRESHOLD,
    PayloadTooLarge,
    Storing,
    StoringCodec,
    threshold_of,
)

SMALL = Payload(metadata={"encoding": b"json/plain"}, data=b'{"case_id": "CASE-1001"}')
LARGE = Payload(metadata={"encoding": b"json/plain"}, data=b'"' + b"x" * 2 * THRESHOLD + b'"')


def storing(store: Memory | None = None, *, plain: bool = False, threshold: int = THRESHOLD) -> StoringCodec:
    """As every client has it, with encryption or without."""
    return StoringCodec(None if plain else LenientCodec(CODEC), store, threshold)


@pytest.mark.parametrize("plain", [False, True])
async def test_large_payload_is_a_reference_and_comes_back(plain: bool) -> None:
    store = Memory()
    sent = await storing(store, plain=plain).encode([SMALL, LARGE])
    assert [payload.metadata["encoding"] for payload in sent] == [b"json/plain" if plain else ENCRYPTED, STORED]
    assert sent[1].ByteSize() < 200 and [sent[1].data.decode()] == [*store.contents]
    assert await storing(store, plain=plain).decode(sent) == [SMALL, LARGE]


async def test_what_is_stored_is_encrypted_and_the_reference_names_its_key() -> None:
    """Whoever has the history alone can tell that something is encrypted, and with which key."""
    store = Memory()
    (sent,) = await storing(store).encode([LARGE])
    (content,) = store.contents.values()
    assert b"xxxx" not in content and Payload.FromString(content).metadata["encoding"] == ENCRYPTED
    assert sent.metadata[KEY_ID] == RING.active.encode()
    event = _event(sent)
    assert encrypted(event) and key_id([event]) == RING.active


async def test_small_payload_asks_no_store() -> None:
    """Most payloads are small: they are what they were before there was a store, and need none."""
    sent = await storing(Memory(silent=True)).encode([SMALL] * 3)
    assert await storing(Memory(silent=True)).decode(sent) == [SMALL] * 3


async def test_threshold_is_of_what_would_be_sent() -> None:
    store = Memory()
    (encoded,) = await CODEC.encode([SMALL])
    size = encoded.ByteSize()
    assert (await storing(store, threshold=size).encode([SMALL]))[0].metadata["encoding"] == STORED
    assert (await storing(store, threshold=size + 1).encode([SMALL]))[0].metadata["encoding"] == ENCRYPTED


Forge = Callable[[Memory, Payload], Payload]


def _kept(store: Memory, payload: Payload) -> Payload:
    """The true reference to *payload*, which is put there."""
    content = content_of(payload)
    store.contents[address_of(content)] = content
    return reference_to(payload)


def _missing(_: Memory, true: Payload) -> Payload:
    return reference_to(true)


def _changed(store: Memory, true: Payload) -> Payload:
    sent = _kept(store, true)
    store.contents[sent.data.decode()] += b"x"
    return sent


def _nested(store: Memory, true: Payload) -> Payload:
    return _kept(store, _kept(store, true))


def _inside_encrypted(store: Memory, true: Payload) -> Payload:
    return RING.encrypted(_kept(store, true))


def _too_large(store: Memory, true: Payload) -> Payload:
    return _kept(store, Payload(metadata={"encoding": b"json/plain"}, data=b"x" * MAX_STORED))


def _no_payload(store: Memory, true: Payload) -> Payload:
    content = b"\xff" * 50
    store.contents[address_of(content)] = content
    return Payload(metadata={"encoding": STORED}, data=address_of(content).encode())


def _without_encoding(store: Memory, true: Payload) -> Payload:
    return _kept(store, Payload(data=b"x"))


def _another_key(store: Memory, true: Payload) -> Payload:
    sent = _kept(store, true)
    sent.metadata[KEY_ID] = b"key-of-nobody"
    return sent


def _capitals(store: Memory, true: Payload) -> Payload:
    sent = _kept(store, true)
    sent.data = sent.data.upper()
    return sent


def _path(_: Memory, true: Payload) -> Payload:
    return Payload(metadata={"encoding": STORED}, data=b"../" * 20 + b"etc/passwd")


def _odd_metadata(store: Memory, true: Payload) -> Payload:
    sent = _kept(store, true)
    sent.metadata["more"] = b"x"
    return sent


def _of_a_stranger(store: Memory, true: Payload) -> Payload:
    return _kept(store, OTHER.encrypted(true))


FORGED: list[Forge] = [
    _missing, _changed, _nested, _inside_encrypted, _too_large, _no_payload, _without_encoding, _another_key, _capitals,
    _path, _odd_metadata, _of_a_stranger,
]  # fmt: skip


@pytest.mark.parametrize("forge", FORGED)
async def test_forged_reference_is_sealed_alone(forge: Forge) -> None:
    """What else was sent with it is opened; nothing raises."""
    store = Memory()
    given = [*(await CODEC.encode([SMALL])), forge(store, RING.encrypted(LARGE)), _kept(store, RING.encrypted(LARGE))]
    opened = await storing(store).decode(given)
    assert [payload.metadata["encoding"] for payload in opened] == [b"json/plain", SEALED, b"json/plain"]


async def test_reference_without_a_store_is_sealed() -> None:
    """Where storing is off."""
    sent = await storing(Memory()).encode([LARGE])
    assert (await storing(None).decode(sent))[0].metadata["encoding"] == SEALED


async def test_silent_store_raises_and_never_seals() -> None:
    """Sealed once is sealed for good: whoever replays would read another history."""
    store = Memory()
    sent = await storing(store).encode([LARGE])
    store.silent = True
    with pytest.raises(StoreSilent):
        await storing(store).decode(sent)
    with pytest.raises(StoreSilent):
        await converter(CODEC, Storing(store)).decode(sent)
    with pytest.raises(StoreSilent):
        await open_events([_event(sent[0])], storing(store))
    with pytest.raises(StoreSilent):
        await LenientCodec(storing(store)).decode(sent)
    with pytest.raises(StoreSilent):
        await storing(store).encode([LARGE])


async def test_payload_that_nothing_takes_is_refused_with_a_sentence() -> None:
    """Without a store what the server does not take, and with one what no reference may stand for; never tried again."""
    larger = Payload(metadata={"encoding": b"json/plain"}, data=b"x" * MAX_INLINE)
    with pytest.raises(PayloadTooLarge, match=r"^a payload of \d+ bytes is larger than .*: set SAYSO_PAYLOAD_STORE") as refused:
        await storing(None).encode([larger])
    assert refused.value.non_retryable
    huge = Payload(metadata={"encoding": b"json/plain"}, data=b"x" * MAX_STORED)
    with pytest.raises(PayloadTooLarge, match="make it smaller"):
        await storing(Memory()).encode([huge])


async def test_one_reference_many_times_is_fetched_once() -> None:
    store = Memory()
    sent = await storing(store).encode([LARGE])
    assert await storing(store).decode(sent * 100) == [LARGE] * 100
    assert len(store.asked) == 1


async def test_references_of_one_activation_bring_so_much_and_no_more() -> None:
    """Ten thousand signals may name one payload; the next task has room of its own, and so has each activity's answer."""
    store = Memory()
    sent = _kept(store, Payload(metadata={"encoding": b"json/plain"}, data=b"x" * (MAX_STORED // 2)))
    plain = storing(store, plain=True)
    for _ in range(2):
        one = plain.with_context(WorkflowSerializationContext(namespace="default", workflow_id="refund-1"))
        opened = [(await one.decode([sent]))[0].metadata["encoding"] for _ in range(20)]
        assert opened == sorted(opened) and 7 < opened.count(b"json/plain") < 10
    assert [payload.metadata["encoding"] for payload in await plain.decode([sent] * 20)].count(b"json/plain") < 10


async def test_payloads_decoded_together_fetch_so_much_and_no_more() -> None:
    store = Memory()
    sent = [_kept(store, Payload(metadata={"encoding": b"json/plain"}, data=b"%d" % n * (MAX_STORED // 2))) for n in range(10)]
    opened = await storing(store, plain=True).decode(sent)
    fetched = [payload for payload in opened if payload.metadata["encoding"] == b"json/plain"]
    assert sum(payload.ByteSize() for payload in fetched) < MAX_AT_ONCE + MAX_STORED
    assert opened[: len(fetched)] == fetched and len(fetched) < len(sent)


async def test_history_of_many_references_is_opened_up_to_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """Signals are cheap: a stranger may refer to one large payload ten thousand times."""
    for bound in ("MAX_FETCHED", "MAX_FETCHED_BY_SIGNALS"):
        monkeypatch.setattr(opening, bound, 10 * LARGE.ByteSize())
    store = Memory()
    (sent,) = await storing(store).encode([LARGE])
    events = await open_events([_event(sent)] * 100, storing(store))
    assert sum(not opening.sealed(event) for event in events) == 10 and len(store.asked) == 10


@pytest.mark.parametrize("said", ["0", str(LEAST - 1), str(MOST + 1), "-2048", "32 KiB", "٣٢٧٦٨", "9" * 5000])
def test_threshold_out_of_bounds_is_refused(said: str) -> None:
    with pytest.raises(WrongUse, match=r"SAYSO_PAYLOAD_THRESHOLD is `.*: it is a number of bytes from 1024 to 1048576"):
        threshold_of({"SAYSO_PAYLOAD_THRESHOLD": said})


def test_threshold_is_32_kib_unless_something_is_said() -> None:
    assert [threshold_of({}), threshold_of({"SAYSO_PAYLOAD_THRESHOLD": "1024"})] == [32768, 1024]


async def test_key_that_is_gone_seals_what_is_stored() -> None:
    """As it seals what is in the history."""
    store = Memory()
    sent = await storing(store).encode([LARGE])
    other = StoringCodec(LenientCodec(RingCodec(OTHER)), store)
    assert (await other.decode(sent))[0].metadata["encoding"] == SEALED


def _event(payload: Payload) -> HistoryEvent:
    event = HistoryEvent(event_id=1)
    event.workflow_execution_started_event_attributes.input.payloads.append(payload)
    return event
