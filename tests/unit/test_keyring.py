"""The key ring: what it seals only it opens, whatever is changed, and nothing of a key is ever told."""

from __future__ import annotations

import base64
import json
import traceback
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st
from temporalio.api.common.v1 import Payload

from audit.payloads import ENCRYPTED, SEALED
from tests.fakes.rings import CODEC, OTHER, RING, ring_text
from workers.encryption import ReadingCodec
from workers.errors import CannotOpen, WrongUse
from workers.keyring import KEY_ID, NONCE_BYTES, KeyRing, key_ring, ring_in

PLAIN = Payload(metadata={"encoding": b"json/plain", "x": b"\xff"}, data=b'{"iban": "DE02"}')
KEY = base64.urlsafe_b64encode(bytes(range(32))).decode()


async def opened(payload: Payload, ring: KeyRing = RING) -> Payload:
    """As a worker with *ring* reads it."""
    (found,) = await type(CODEC)(ring).decode([payload])
    return found


def with_data(payload: Payload, data: bytes) -> Payload:
    """*payload* with other bytes."""
    return Payload(metadata=payload.metadata, data=data)


@given(data=st.binary(max_size=2000), encoding=st.sampled_from([b"json/plain", b"binary/null", b""]))
async def test_payload_comes_back_as_it_was(data: bytes, encoding: bytes) -> None:
    """Metadata is encrypted with it."""
    payload = Payload(metadata={"encoding": encoding, "k": b"v"}, data=data)
    (sealed,) = await CODEC.encode([payload])
    assert set(sealed.metadata) == {"encoding", KEY_ID}
    assert (sealed.metadata["encoding"], sealed.metadata[KEY_ID]) == (ENCRYPTED, b"test-1")
    assert await opened(sealed) == payload


async def test_same_payload_is_never_the_same_ciphertext() -> None:
    """Nobody sees that two missions read the same."""
    assert len({sealed.data for sealed in await CODEC.encode([PLAIN] * 50)}) == 50


async def test_every_changed_byte_seals() -> None:
    """Each position: nonce, ciphertext, tag."""
    sealed = RING.encrypted(PLAIN)
    for place in range(len(sealed.data)):
        changed = bytearray(sealed.data)
        changed[place] ^= 1
        assert (await opened(with_data(sealed, bytes(changed)))).metadata["encoding"] == SEALED


async def test_every_truncation_seals() -> None:
    """Down to nothing."""
    sealed = RING.encrypted(PLAIN)
    for length in range(len(sealed.data)):
        assert (await opened(with_data(sealed, sealed.data[:length]))).metadata["encoding"] == SEALED


def _other_id(sealed: Payload) -> None:
    sealed.metadata[KEY_ID] = b"test-2"


def _unknown_id(sealed: Payload) -> None:
    sealed.metadata[KEY_ID] = b"\xff\x00"


def _no_id(sealed: Payload) -> None:
    del sealed.metadata[KEY_ID]


def _no_payload(sealed: Payload) -> None:
    nonce = bytes(NONCE_BYTES)
    sealed.data = nonce + AESGCM(bytes(range(32))).encrypt(nonce, b"\xff\xff\xff", b"sayso:payload:v1\ntest-1")


def _an_archive(sealed: Payload) -> None:
    sealed.CopyFrom(Payload.FromString(RING.seal(PLAIN.SerializeToString(), "rail")))


@pytest.mark.parametrize("change", [_other_id, _unknown_id, _no_id, _no_payload, _an_archive])
async def test_payload_that_is_not_what_it_says_is_sealed(change: Callable[[Payload], None]) -> None:
    """Never an exception: a stranger's signal must not stop a mission."""
    sealed = RING.encrypted(PLAIN)
    change(sealed)
    assert (await opened(sealed)).metadata["encoding"] == SEALED


async def test_one_ring_does_not_open_what_another_encrypted() -> None:
    """Nor with the same id."""
    same_id = KeyRing("test-1", {"test-1": b"x" * 32})
    for ring in (OTHER, same_id):
        assert (await opened(RING.encrypted(PLAIN), ring)).metadata["encoding"] == SEALED


async def test_what_was_encrypted_twice_is_not_opened_twice() -> None:
    """Work without end would be a stranger's to ask for."""
    assert (await opened(RING.encrypted(RING.encrypted(PLAIN)))).metadata["encoding"] == SEALED


async def test_what_was_not_encrypted_passes() -> None:
    """A namespace holds histories from before encryption was switched on."""
    assert await opened(PLAIN) == PLAIN


async def test_rotated_ring_opens_what_was_before_and_encrypts_with_the_new_key() -> None:
    """No history is ever encrypted anew."""
    old = KeyRing("test-1", {"test-1": bytes(range(32))})
    both = KeyRing("new", {"test-1": bytes(range(32)), "new": b"n" * 32})
    assert await opened(old.encrypted(PLAIN), both) == PLAIN
    fresh = both.encrypted(PLAIN)
    assert fresh.metadata[KEY_ID] == b"new"
    assert (await opened(fresh, old)).metadata["encoding"] == SEALED


async def test_reading_codec_opens_and_encrypts_nothing() -> None:
    """Where encryption was switched off, waiting missions still read their past."""
    codec = ReadingCodec(RING)
    assert await codec.encode([PLAIN]) == [PLAIN]
    assert await codec.decode([RING.encrypted(PLAIN)]) == [PLAIN]


def test_archive_is_the_same_bytes_each_time_and_opens() -> None:
    sealed = RING.seal(b"a rail", "rail.json")
    assert sealed == RING.seal(b"a rail", "rail.json") and b"a rail" not in sealed
    assert RING.open(sealed, "rail.json") == b"a rail"
    assert Payload.FromString(sealed).metadata == {"encoding": ENCRYPTED, KEY_ID: b"test-1"}


def test_archives_share_a_nonce_only_where_they_are_the_same() -> None:
    """Content, purpose and key each give another one."""
    kinds = [
        (b"a", "p", None),
        (b"b", "p", None),
        (b"a", "q", None),
        (b"a", "p", "test-2"),
        (b"p\0a", "", None),
        (b"", "p", None),
    ]
    nonces = [Payload.FromString(RING.seal(data, purpose, key)).data[:NONCE_BYTES] for data, purpose, key in kinds]
    assert len(set(nonces)) == len(kinds)


@pytest.mark.parametrize("purpose", ["a\0b", "a\nb"])
def test_purpose_is_one_line(purpose: str) -> None:
    """Two purposes must not read as one."""
    with pytest.raises(ValueError, match="one line"):
        RING.seal(b"x", purpose)


def test_archive_that_is_not_what_it_should_be_does_not_open() -> None:
    """Changed at any byte, for another purpose, by another key, or none."""
    sealed = RING.seal(b"a rail", "rail.json")
    wrong = [(sealed, "card"), (OTHER.seal(b"x", "rail.json"), "rail.json"), (b"\xff", "p"), (b"", "p")]
    wrong += [(RING.encrypted(PLAIN).SerializeToString(), "rail.json")]
    wrong += [(sealed[:place] + bytes([sealed[place] ^ 1]) + sealed[place + 1 :], "rail.json") for place in range(len(sealed))]
    for data, purpose in wrong:
        with pytest.raises(CannotOpen):
            RING.open(data, purpose)


def test_sealing_with_a_key_that_is_not_there_is_refused() -> None:
    with pytest.raises(CannotOpen, match="does not have the key"):
        RING.seal(b"x", "p", "gone")


def ring(**changes: object) -> str:
    """A ring's text with changes."""
    return json.dumps({"active": "a", "keys": {"a": KEY}} | changes)


SHORT = base64.urlsafe_b64encode(b"short of 32 bytes").decode()
WRONG = {
    "no JSON": ("{", "not JSON"),
    "a key twice": (f'{{"active": "a", "keys": {{"a": "{KEY}", "a": "{KEY}"}}}}', "not JSON"),
    "a list": ("[]", "another form"),
    "more fields": (ring(comment=KEY), "another form"),
    "no keys": (ring(keys={}), "it holds 0 keys"),
    "key is a number": (ring(keys={"a": 5}), "another form"),
    "short key": (ring(keys={"a": SHORT}), "`a` is not 32 bytes"),
    "no base64url": (ring(keys={"a": KEY.replace("A", "+", 1)}), "`a` is not 32 bytes"),
    "not in one form": (ring(keys={"a": KEY[:42] + "9="}), "`a` is not 32 bytes"),
    "active is not there": (ring(active=KEY), "active key is not among"),
    "id is a key": (ring(keys={KEY: "a"}), "an id is 1 to 32"),
    "one key twice": (ring(keys={"a": KEY, "b": KEY}), "two ids have the same key"),
}


@pytest.mark.parametrize(("text", "why"), WRONG.values(), ids=WRONG)
def test_wrong_ring_is_refused_in_a_line_that_quotes_nothing_of_it(text: str, why: str) -> None:
    """Nor does the traceback, nor an error behind the error."""
    with pytest.raises(WrongUse, match=why) as refused:
        ring_in("the ring", text)
    said = "".join(traceback.format_exception(refused.value)) + repr(refused.value)
    assert KEY[:20] not in said and SHORT not in said
    assert refused.value.__cause__ is refused.value.__context__ is None
    assert len(str(refused.value).splitlines()) == 1


def test_no_key_is_in_what_a_ring_shows() -> None:
    """In no form."""
    text = ring_text()
    written = ring_in("the ring", text)
    used = key_ring(written)
    shown = f"{used!r} {used} {written!r} {written} {written.model_dump()} {vars(used)}"
    for key in json.loads(text)["keys"].values():
        raw = base64.urlsafe_b64decode(key + "=")
        assert key not in shown and raw.hex() not in shown and repr(raw)[2:-1] not in shown
