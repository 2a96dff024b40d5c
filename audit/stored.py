"""
Events as stored, to bytes and back: proto JSON of `temporal.api.history.v1.History`, keys sorted, nothing between.

A server takes what proto JSON has no form for: a duration of a billion years in a failure that anybody may report. Such a
history is kept as protobuf; if it could not be kept at all, one message would be enough to lose a mission's evidence.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from google.protobuf import json_format
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import DecodeError, Message
from temporalio.api.history.v1 import History, HistoryEvent

from audit.chain import stable
from audit.errors import ArchiveError, NotAMissionError

JSON, BINARY = ".json", ".pb"


def stored(stem: str, events: Sequence[HistoryEvent]) -> tuple[str, bytes]:
    """Name and content of the member that holds *events*: JSON, unless JSON cannot say what they say."""
    whole = History(events=[stable(event) for event in events])
    try:
        data = to_json(events)
        if json_format.Parse(data, History()) == whole:
            return stem + JSON, data
    except (json_format.Error, ValueError, OverflowError, RecursionError):
        pass
    return stem + BINARY, whole.SerializeToString(deterministic=True)


def events_of(members: Mapping[str, bytes], stem: str) -> list[HistoryEvent]:
    """
    The events in the one member of *members* that holds those of *stem*.

    Raises:
        ArchiveError: Not such a history, or one with fields or values this version does not know.
        NotAMissionError: There are two.
    """
    if stem + BINARY not in members:
        return from_json(members.get(stem + JSON, b""), stem + JSON)
    if stem + JSON in members:
        raise NotAMissionError(f"there are two histories, `{stem}{JSON}` and `{stem}{BINARY}`")
    try:
        found = History.FromString(members[stem + BINARY])
    except DecodeError as error:
        raise ArchiveError(f"`{stem}{BINARY}` is not a history this version can read ({str(error)[:150]})") from error
    return _known(found, stem + BINARY)


def to_json(events: Sequence[HistoryEvent]) -> bytes:
    """*events* in the one form they have in an archive: without what a server may change, as in the chain."""
    found = json_format.MessageToDict(History(events=[stable(event) for event in events]))
    return json.dumps(found, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()


def from_json(data: bytes, what: str) -> list[HistoryEvent]:
    """
    The events in *data*.

    Raises:
        ArchiveError: Not such a history, or one with fields or values this version does not know; names *what*.
    """
    try:
        found: History = json_format.Parse(data, History())
    except (json_format.Error, UnicodeDecodeError, RecursionError, ValueError) as error:
        words = f"`{what}` is not a history this version can read; if it is a newer one, update sayso ({str(error)[:150]})"
        raise ArchiveError(words) from error
    return _known(found, what)


def _known(found: History, what: str) -> list[HistoryEvent]:
    for event in found.events:
        strange = _strange(event)
        if strange is not None:
            raise ArchiveError(f"`{what}`: event {event.event_id} has a `{strange}` this version does not know; update sayso")
    return list(found.events)


def _strange(message: Message) -> str | None:
    """The name of an enumeration below *message* with a value that has no name here: JSON takes any number for one."""
    for field, value in message.ListFields():
        if field.enum_type is not None:
            values = value if field.is_repeated else (value,)
            if any(each not in field.enum_type.values_by_number for each in values):
                return str(field.name)
        elif field.message_type is not None:
            strange = next(filter(None, map(_strange, _children(field, value))), None)
            if strange is not None:
                return strange
    return None


def _children(field: FieldDescriptor, value: Any) -> Iterable[Message]:
    entry = field.message_type
    if entry is not None and entry.GetOptions().map_entry:
        return (value[key] for key in value) if entry.fields_by_name["value"].message_type is not None else ()
    return value if field.is_repeated else (value,)
