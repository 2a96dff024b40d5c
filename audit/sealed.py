"""Whether everything in an event could be opened: what the codec could not decode, or what was never given to one."""

from __future__ import annotations

import re
from collections.abc import Iterator

from google.protobuf.message import Message
from temporalio.api.common.v1 import Payload
from temporalio.api.history.v1 import HistoryEvent

OPEN = frozenset({b"json/plain", b"json/protobuf", b"binary/null", b"binary/plain", b"binary/protobuf"})
"""Encodings of Temporal's own converters; whatever else a payload says it is, nobody opened it."""
_ENCODING = re.compile(rb"\n\x08encoding\x12(.)", re.DOTALL)
"""How a payload's metadata names its encoding on the wire: key, then the value's length."""


def holds_sealed(event: HistoryEvent) -> bool:
    """Whether some payload of *event*, as opened, is still closed."""
    return _suspect(event.SerializeToString()) and any(_closed(payload) for payload in _payloads(event))


def _suspect(data: bytes) -> bool:
    """Whether the bytes of an event look as if: text in a payload may look so too, and then the event is walked through."""
    return any(data[m.end() : m.end() + m[1][0]] not in OPEN for m in _ENCODING.finditer(data))


def _closed(payload: Payload) -> bool:
    encoding = payload.metadata.get("encoding")
    return encoding is not None and encoding not in OPEN


def _payloads(message: Message) -> Iterator[Payload]:
    for field, value in message.ListFields():
        if field.message_type is None:
            continue
        if field.message_type.GetOptions().map_entry:
            children = list(value.values()) if field.message_type.fields_by_name["value"].message_type else []
        else:
            children = list(value) if field.is_repeated else [value]
        for child in children:
            if isinstance(child, Payload):
                yield child
            else:
                yield from _payloads(child)
