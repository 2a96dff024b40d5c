"""References to a payload store: the one way from what a history holds to what it stands for."""

from __future__ import annotations

import pytest
from temporalio.api.common.v1 import Payload

from audit.payloads import ENCRYPTED, KEY_ID, STORED
from audit.references import MAX_STORED, address_of, content_of, named_by, reference_to, unstored

CLEAR = Payload(metadata={"encoding": b"json/plain"}, data=b'{"large":"' + b"x" * 100 + b'"}')
LOCKED = Payload(metadata={"encoding": ENCRYPTED, KEY_ID: b"key-1"}, data=b"ciphertext")


@pytest.mark.parametrize("payload", [CLEAR, LOCKED])
def test_what_a_reference_stands_for_is_what_was_stored(payload: Payload) -> None:
    """The way there and back, encrypted or not; which key it was is told by the reference."""
    content = content_of(payload)
    reference = reference_to(payload)
    assert unstored(reference, {address_of(content): content}) == payload
    assert reference.metadata.get(KEY_ID) == payload.metadata.get(KEY_ID)


def test_another_content_at_the_address_is_nothing() -> None:
    """The address is the content's digest."""
    assert unstored(reference_to(CLEAR), {named_by(reference_to(CLEAR)) or "": content_of(LOCKED)}) is None
    assert unstored(reference_to(CLEAR), {}) is None


def test_a_reference_to_a_reference_is_nothing() -> None:
    """Else a stranger's signal could make every reader look up any number of times."""
    nested = reference_to(CLEAR)
    content = content_of(nested)
    outer = Payload(metadata={"encoding": STORED}, data=address_of(content).encode())
    assert unstored(outer, {address_of(content): content}) is None


@pytest.mark.parametrize(
    "data", [b"", b"../../etc/passwd", b"A" * 64, b"a" * 63, b"a" * 65, b"a" * 64 + b"\n", b"\xff" * 64, b"0x" + b"a" * 62]
)
def test_what_is_no_address_names_nothing(data: bytes) -> None:
    """64 lower-case hexadecimal digits and nothing else: an address becomes a path in a store."""
    assert named_by(Payload(metadata={"encoding": STORED}, data=data)) is None


def test_a_reference_with_more_to_say_names_nothing() -> None:
    """One form: what no reader reads may not differ."""
    reference = reference_to(CLEAR)
    reference.metadata["note"] = b"more"
    assert named_by(reference) is None


@pytest.mark.parametrize("content", [b"\xff\xff\xff", b"", Payload(data=b"no encoding").SerializeToString()])
def test_what_is_no_payload_is_nothing(content: bytes) -> None:
    """Anything may lie in a store."""
    reference = Payload(metadata={"encoding": STORED}, data=address_of(content).encode())
    assert unstored(reference, {address_of(content): content}) is None


def test_too_much_is_nothing() -> None:
    """A bound on what one reference costs."""
    large = Payload(metadata={"encoding": b"json/plain"}, data=b" " * MAX_STORED)
    assert unstored(reference_to(large), {address_of(content_of(large)): content_of(large)}) is None


@pytest.mark.parametrize("key", [None, b"key-2"])
def test_a_reference_that_hides_its_key_is_nothing(key: bytes | None) -> None:
    """Else what was encrypted would be told in clear beside a history that seems to hold nothing encrypted."""
    reference = reference_to(LOCKED)
    del reference.metadata[KEY_ID]
    if key is not None:
        reference.metadata[KEY_ID] = key
    assert unstored(reference, {address_of(content_of(LOCKED)): content_of(LOCKED)}) is None


def test_a_reference_that_boasts_a_key_is_nothing() -> None:
    """Nothing encrypted it: nobody may make a history count as encrypted by saying so."""
    reference = reference_to(CLEAR)
    reference.metadata[KEY_ID] = b"key-1"
    assert unstored(reference, {address_of(content_of(CLEAR)): content_of(CLEAR)}) is None
