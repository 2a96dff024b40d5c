"""
References: what a history holds in place of a payload that lies in a payload store, and the one way back.

A reference names the SHA-256 of what is stored, so nobody can put something else in its place; it says which key encrypted
what it stands for, so that whoever holds the history alone can tell that something is encrypted. What is stored is a
serialized payload and never another reference: a chain of them could cost any number of look-ups.

INVARIANT: `unstored` is the one way from a reference to what it stands for, for workers, archives and verifiers.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence

from google.protobuf.message import DecodeError
from temporalio.api.common.v1 import Payload
from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.converter import PayloadCodec

from audit.payloads import ENCRYPTED, KEY_ID, STORED, payloads_in, seal
from policies.canonical import Digest

MAX_STORED = 16 * 1024 * 1024
"""Bytes of what one reference may stand for."""
_ADDRESS = re.compile(rb"[0-9a-f]{64}")
_ENCODING = "encoding"
_SIGNALED = EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED


def content_of(payload: Payload) -> bytes:
    """What is stored in place of *payload*: the same payload, the same bytes."""
    return payload.SerializeToString(deterministic=True)


def address_of(content: bytes) -> Digest:
    """Where *content* lies."""
    return Digest(hashlib.sha256(content).hexdigest())


def reference_to(payload: Payload) -> Payload:
    """What stands in a history for *payload*, which is as it would have stood there itself: encrypted, where that is done."""
    metadata = {_ENCODING: STORED}
    key = _key(payload)
    if key is not None:
        metadata[KEY_ID] = key
    return Payload(metadata=metadata, data=address_of(content_of(payload)).encode())


def named_by(payload: Payload) -> Digest | None:
    """The address that *payload* refers to; None where it is no reference, or not in the one form that one has."""
    if payload.metadata.get(_ENCODING) != STORED or payload.metadata.keys() - {_ENCODING, KEY_ID}:
        return None
    return Digest(payload.data.decode()) if _ADDRESS.fullmatch(payload.data) else None


def unstored(payload: Payload, contents: Mapping[str, bytes]) -> Payload | None:
    """
    What the reference *payload* stands for, still encrypted where it was; None where that cannot be had.

    Args:
        contents: What was found, by address. Nothing of it is believed.

    Returns:
        None: *payload* is no reference; nothing is there, or too much, or another content than the address says, or no
        payload, or another reference; or the reference tells otherwise than the content which key encrypted it.
    """
    address = named_by(payload)
    content = contents.get(address) if address is not None else None
    if content is None or len(content) > MAX_STORED or address_of(content) != address:
        return None
    try:
        found = Payload.FromString(content)
    except DecodeError:
        return None
    if found.metadata.get(_ENCODING) in (None, STORED) or _key(found) != payload.metadata.get(KEY_ID):
        return None
    return found


def named_in(events: Iterable[HistoryEvent], *, signals: bool) -> tuple[Digest, ...]:
    """
    The addresses that *events*, as stored, refer to, each once and in order.

    Args:
        signals: Whether what signals refer to is meant, which anybody may send, or what everything else does.
    """
    found: dict[Digest, None] = {}
    for event in events:
        if (event.event_type == _SIGNALED) is not signals or STORED not in event.SerializeToString():
            continue
        for address in map(named_by, payloads_in(event)):
            if address is not None:
                found[address] = None
    return tuple(found)


def restored(events: Iterable[HistoryEvent], contents: Mapping[str, bytes]) -> list[HistoryEvent]:
    """Copies of *events* with what their references stand for in its place, still encrypted where it was."""
    found = []
    for event in events:
        copy = HistoryEvent()
        copy.CopyFrom(event)
        for payload in payloads_in(copy):
            payload.CopyFrom(unstored(payload, contents) or payload)
        found.append(copy)
    return found


class Contents(PayloadCodec):
    """Opens references from what an archive holds, and then whatever *inner* opens."""

    def __init__(self, contents: Mapping[str, bytes], inner: PayloadCodec | None) -> None:
        """
        Args:
            contents: By address. Nothing of it is believed.
        """
        self._contents = contents
        self._inner = inner

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """As they are: nothing is written into a history that is over."""
        return list(payloads)

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Each one opened, as it is, or sealed."""
        found = [self._found(payload) for payload in payloads]
        return found if self._inner is None else await self._inner.decode(found)

    def _found(self, payload: Payload) -> Payload:
        if payload.metadata.get(_ENCODING) != STORED:
            return payload
        return unstored(payload, self._contents) or seal(payload)


def _key(payload: Payload) -> bytes | None:
    """Which key encrypted *payload*; None where none did."""
    return payload.metadata.get(KEY_ID, b"") if payload.metadata.get(_ENCODING) == ENCRYPTED else None
