"""
Opening payloads: copies of events with every payload decoded, beside the events as stored.

A payload that cannot be opened stays in place, marked as sealed; it is never an error, because one unreadable signal must
not hide a mission from its gate. One that cannot be fetched at the moment is another matter: `NotNow` passes through. A
failure keeps its message and stack trace in a payload of its own where payloads are encrypted; in the copies they stand where
they belong.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from google.protobuf.message import Message
from temporalio.api.common.v1 import Payload
from temporalio.api.enums.v1 import EventType
from temporalio.api.failure.v1 import Failure
from temporalio.api.history.v1 import HistoryEvent
from temporalio.converter import PayloadCodec

from audit.errors import NotNow

SEALED = b"sayso/sealed"
"""The encoding of what could not be opened."""
ENCRYPTED = b"binary/encrypted"
"""The encoding of what was encrypted."""
STORED = b"binary/sayso-stored"
"""The encoding of what refers to a payload store; see `audit.references`."""
KEY_ID = "encryption-key-id"
"""Metadata of an encrypted payload that names its key."""
PLAIN = frozenset({b"json/plain", b"json/protobuf", b"binary/plain", b"binary/protobuf", b"binary/null"})
"""Encodings that no codec writes: a marker's header is the SDK's own, and what came before encryption was switched on."""
MAX_FETCHED, MAX_FETCHED_BY_SIGNALS = 128 * 1024 * 1024, 32 * 1024 * 1024
"""Bytes that the references in one history may bring: a signal is cheap, and ten thousand may refer to the same payload."""
_ENCODING = re.compile(rb"\n\x08encoding\x12(.)", re.DOTALL)
"""How a payload's metadata names its encoding on the wire: key, then the value's length."""
_SIGNALED = EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED
SEALED_WORDS = "sealed: this machine has no key for it"

_M = TypeVar("_M", bound=Message)


def key_id(events: Sequence[HistoryEvent]) -> str | None:
    """
    Which key encrypted the first encrypted payload of *events*, as stored; None where nothing is encrypted.

    Signals are not looked at: anybody may send one that names any key.
    """
    found = (_encrypted(event) for event in events if event.event_type != _SIGNALED)
    return next(
        (payload.metadata.get(KEY_ID, b"").decode("utf-8", "replace") for payload in found if payload is not None), None
    )


async def open_events(events: Sequence[HistoryEvent], codec: PayloadCodec | None) -> list[HistoryEvent]:
    """
    Copies of *events*, from the first of a history on, with their payloads decoded by *codec*. What more is referred to in a
    payload store than may be fetched is sealed.

    INVARIANT: that is counted in the order of events, so that a gate that reads a part and a verifier that reads all of it seal
    the same; and signals apart, or strangers could use up what workers need.

    Raises:
        NotNow: The codec does.
    """
    signals, others = _Room(MAX_FETCHED_BY_SIGNALS), _Room(MAX_FETCHED)
    return [await opened(event, codec, signals if event.event_type == _SIGNALED else others) for event in events]


@dataclass
class _Room:
    """How much may still be fetched."""

    left: int = MAX_FETCHED


async def opened(message: _M, codec: PayloadCodec | None, room: _Room | None = None) -> _M:
    """A copy of *message* with its payloads decoded by *codec*, and the messages of its failures readable. Raises NotNow."""
    copy, within = type(message)(), room or _Room()
    copy.CopyFrom(message)
    for part in _parts(copy):
        if isinstance(part, Failure):
            restore(part)
        else:
            await _open(part, codec, within)
    return copy


def json_of(payload: Payload) -> bytes | None:
    """The payload's JSON bytes; None where it is sealed, absent or not JSON."""
    if payload.metadata.get("encoding") == b"binary/null":
        return b"null"
    return payload.data if payload.metadata.get("encoding") in (b"json/plain", b"json/protobuf") else None


def seal(payload: Payload) -> Payload:
    """*payload* marked as one that could not be opened."""
    marked = Payload()
    marked.CopyFrom(payload)
    marked.metadata["encoding"] = SEALED
    return marked


def sealed(message: Message) -> bool:
    """Whether a payload below *message*, which was opened, is still closed: sealed, or in an encoding nobody here reads."""
    # The search of bytes is a hundred times faster than the walk, and nearly always says no; text may look like a payload.
    data = message.SerializeToString()
    if all(data[found.end() : found.end() + found[1][0]] in PLAIN for found in _ENCODING.finditer(data)):
        return False
    return any(map(_closed, payloads_in(message)))


def _closed(payload: Payload) -> bool:
    encoding = payload.metadata.get("encoding")
    return encoding is not None and encoding not in PLAIN


def _encrypted(event: HistoryEvent) -> Payload | None:
    data = event.SerializeToString()
    if ENCRYPTED not in data and STORED not in data:
        return None
    return next(filter(_locked, payloads_in(event)), None)


def _locked(payload: Payload) -> bool:
    """Whether *payload*, as stored, is encrypted, or refers to something that is."""
    encoding = payload.metadata.get("encoding")
    return encoding == ENCRYPTED or (encoding == STORED and KEY_ID in payload.metadata)


def encrypted(event: HistoryEvent) -> bool:
    """Whether a payload of *event*, as stored, is encrypted."""
    return _encrypted(event) is not None


def unopened(event: HistoryEvent) -> HistoryEvent:
    """A copy of *event*, as stored, in which what is encrypted is sealed: as it reads where no key is."""
    copy = HistoryEvent()
    copy.CopyFrom(event)
    for part in _parts(copy):
        if isinstance(part, Failure):
            restore(part)
        elif _locked(part):
            part.metadata["encoding"] = SEALED
    return copy


def restore(failure: Failure) -> None:
    """Puts what *failure* keeps in its (opened) payload where a reader looks for it; a sealed one says that it is."""
    if not failure.HasField("encoded_attributes"):
        return
    failure.message, failure.stack_trace = _told(failure.encoded_attributes)


def _told(payload: Payload) -> tuple[str, str]:
    """Message and stack trace in a failure's payload."""
    data = json_of(payload)
    try:
        kept = json.loads(data) if data is not None else None
    except (ValueError, RecursionError):
        kept = None
    if not isinstance(kept, dict):
        return SEALED_WORDS, ""
    message, trace = (kept.get(name) for name in ("message", "stack_trace"))
    return _text(message), _text(trace)


def _text(value: object) -> str:
    # A lone surrogate is no text that a message of protobuf takes.
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else ""


async def _open(payload: Payload, codec: PayloadCodec | None, room: _Room) -> None:
    encoding = payload.metadata.get("encoding")
    if encoding in PLAIN:
        return
    if encoding == STORED and room.left <= 0:
        payload.metadata["encoding"] = SEALED
        return
    decoded = await _decoded(payload, codec) if codec is not None else payload
    if encoding == STORED and decoded is not None:
        room.left -= decoded.ByteSize()
    if decoded is None or decoded.metadata.get("encoding") in (ENCRYPTED, STORED):
        payload.metadata["encoding"] = SEALED
    elif decoded is not payload:
        payload.CopyFrom(decoded)


async def _decoded(payload: Payload, codec: PayloadCodec) -> Payload | None:
    try:
        decoded = await codec.decode([payload])
    except NotNow:
        raise
    except Exception:  # a codec may raise anything on hostile bytes; the mark is the answer
        return None
    return decoded[0] if len(decoded) == 1 else None


def payloads_in(message: Message) -> Iterator[Payload]:
    """Every payload below *message*."""
    return (part for part in _parts(message) if isinstance(part, Payload))


def _parts(message: Message) -> Iterator[Payload | Failure]:
    """
    Every payload and failure below *message*, a failure after what it holds. Search attributes are never encoded and are left
    alone.
    """
    for field, value in message.ListFields():
        if field.message_type is None or field.name == "search_attributes":
            continue
        if field.message_type.GetOptions().map_entry:
            children = [value[key] for key in value] if field.message_type.fields_by_name["value"].message_type else []
        else:
            children = list(value) if field.is_repeated else [value]
        for child in children:
            if isinstance(child, Payload):
                yield child
            else:
                yield from _parts(child)
    if isinstance(message, Failure):
        yield message
