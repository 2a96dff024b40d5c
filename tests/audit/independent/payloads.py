"""Payloads and other messages below an event: sections 6 and 9."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from google.protobuf.message import DecodeError, Message
from temporalio.api.common.v1 import Payload

from tests.audit.independent.strict import Unreadable, need, parse

ENCRYPTED, STORED = b"binary/encrypted", b"binary/sayso-stored"
KEY_ID = "encryption-key-id"
READABLE = {b"json/plain", b"json/protobuf", b"binary/plain", b"binary/protobuf", b"binary/null"}
Ring = Mapping[str, bytes]
"""Keys by their ids."""
SEALED = object()
"""In the place of a value that cannot be opened, or is not JSON."""


def strange(message: Message) -> bool:
    """Whether some enumeration has a value without a name."""
    for field, value in message.ListFields():
        values = value if field.is_repeated else (value,)
        if field.enum_type is not None and any(each not in field.enum_type.values_by_number for each in values):
            return True
        if field.message_type is not None and any(map(strange, _below(field, value))):
            return True
    return False


def _below(field: Any, value: Any) -> Any:
    if not field.message_type.GetOptions().map_entry:
        return value if field.is_repeated else (value,)
    return value.values() if field.message_type.fields_by_name["value"].message_type else ()


def payloads_of(message: Message) -> Iterator[Payload]:
    """Every payload below *message*, but for search attributes."""
    for field, value in message.ListFields():
        if field.message_type is None or field.name == "search_attributes":
            continue
        for each in _below(field, value):
            yield from (each,) if isinstance(each, Payload) else payloads_of(each)


def referred(payload: Payload) -> str | None:
    """The address in a reference of the one form."""
    form = payload.metadata.get("encoding") == STORED and payload.metadata.keys() <= {"encoding", KEY_ID}
    return payload.data.decode() if form and re.fullmatch(rb"[0-9a-f]{64}", payload.data) else None


def locked(payload: Payload) -> bool:
    """Whether it is encrypted, or refers to something that is."""
    encoding = payload.metadata.get("encoding")
    return encoding == ENCRYPTED or (encoding == STORED and KEY_ID in payload.metadata)


def fetch(payload: Payload, contents: Mapping[str, bytes]) -> None:
    """Puts what a reference stands for in its place, where that can be had."""
    content = contents.get(referred(payload) or "")
    if content is None or len(content) > 16 << 20 or hashlib.sha256(content).hexdigest() != referred(payload):
        return
    try:
        found = Payload.FromString(content)
    except DecodeError:
        return
    encoding = found.metadata.get("encoding")
    key = found.metadata.get(KEY_ID, b"") if encoding == ENCRYPTED else None
    if encoding not in (None, STORED) and key == payload.metadata.get(KEY_ID):
        payload.CopyFrom(found)


def open_payload(payload: Payload, ring: Ring) -> None:
    """Opens it in place, where it is encrypted and can be opened."""
    if payload.metadata.get("encoding") != ENCRYPTED:
        return
    try:
        found = Payload.FromString(decrypt(payload, ring, "sayso:payload:v1\n{}"))
    except (Unreadable, DecodeError):
        return
    payload.CopyFrom(found)


def decrypt(payload: Payload, ring: Ring, bound: str) -> bytes:
    """The plaintext of section 9."""
    name = payload.metadata.get(KEY_ID, b"").decode("utf-8", "replace")
    need(name in ring and payload.metadata.get("encoding") == ENCRYPTED and len(payload.data) >= 28, "is sealed")
    try:
        return AESGCM(ring[name]).decrypt(payload.data[:12], payload.data[12:], bound.format(name).encode())
    except InvalidTag as error:
        raise Unreadable("was changed, or is of another key") from error


def unseal(data: bytes, ring: Ring, name: str) -> bytes:
    """A sealed member."""
    try:
        return decrypt(Payload.FromString(data), ring, "sayso:archive:v1\n{}\n" + name)
    except DecodeError as error:
        raise Unreadable("is no payload") from error


def data_of(payload: Payload) -> bytes | None:
    """The JSON in a payload."""
    encoding = payload.metadata.get("encoding")
    if encoding == b"binary/null":
        return b"null"
    return payload.data if encoding in (b"json/plain", b"json/protobuf") else None


def value_of(data: bytes | None) -> Any:
    """As JSON, or SEALED."""
    try:
        return SEALED if data is None else parse(data)
    except Unreadable:
        return SEALED


def only(payloads: Any) -> Any:
    """The one value; SEALED where there is not exactly one."""
    return value_of(data_of(payloads[0])) if len(payloads) == 1 else SEALED
