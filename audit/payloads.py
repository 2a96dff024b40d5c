"""
Opening payloads: copies of events with every payload decoded, beside the events as stored.

A payload that cannot be opened stays in place, marked as sealed; it is never an error, because one unreadable signal must
not hide a mission from its gate.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from google.protobuf.message import Message
from temporalio.api.common.v1 import Payload
from temporalio.api.history.v1 import HistoryEvent
from temporalio.converter import PayloadCodec

SEALED = b"sayso/sealed"
ENCRYPTED = b"binary/encrypted"
"""Encoding of a payload that the codec encrypted."""
KEY_ID = "encryption-key-id"


def encrypted(event: HistoryEvent) -> bool:
    """Whether some payload of *event* is encrypted."""
    return any(payload.metadata.get("encoding") == ENCRYPTED for payload in _payloads(event))


def key_id(events: Sequence[HistoryEvent]) -> str | None:
    """Which key encrypted the first encrypted payload of *events*; None where there is none."""
    for event in events:
        for payload in _payloads(event):
            if payload.metadata.get("encoding") == ENCRYPTED:
                return payload.metadata.get(KEY_ID, b"").decode("utf-8", "replace")
    return None


def sealed(event: HistoryEvent) -> bool:
    """Whether some payload of *event*, which was opened, could not be."""
    return any(payload.metadata.get("encoding") in (SEALED, ENCRYPTED) for payload in _payloads(event))


async def open_events(events: Sequence[HistoryEvent], codec: PayloadCodec | None) -> list[HistoryEvent]:
    """Copies of *events* with their payloads decoded by *codec*."""
    copies = []
    for event in events:
        copy = HistoryEvent()
        copy.CopyFrom(event)
        if codec is not None:
            for payload in _payloads(copy):
                await _open(payload, codec)
        copies.append(copy)
    return copies


def json_of(payload: Payload) -> bytes | None:
    """The payload's JSON bytes; None where it is sealed, absent or not JSON."""
    if payload.metadata.get("encoding") == b"binary/null":
        return b"null"
    return payload.data if payload.metadata.get("encoding") in (b"json/plain", b"json/protobuf") else None


async def _open(payload: Payload, codec: PayloadCodec) -> None:
    try:
        decoded = await codec.decode([payload])
    except Exception:
        decoded = []
    if len(decoded) == 1:
        payload.CopyFrom(decoded[0])
    else:
        payload.metadata["encoding"] = SEALED


def _payloads(message: Message) -> Iterator[Payload]:
    """Every payload below *message*. Search attributes are never encoded and are left alone."""
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
                yield from _payloads(child)
