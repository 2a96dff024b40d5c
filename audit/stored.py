"""Events as stored, to JSON and back: proto JSON of `temporal.api.history.v1.History`, keys sorted, nothing between."""

from __future__ import annotations

import json
from collections.abc import Sequence

from google.protobuf import json_format
from temporalio.api.history.v1 import History, HistoryEvent

from audit.chain import stable
from audit.errors import ArchiveError


def to_json(events: Sequence[HistoryEvent]) -> bytes:
    """*events* in the one form they have in an archive: without what a server may change, as in the chain."""
    found = json_format.MessageToDict(History(events=[stable(event) for event in events]))
    return json.dumps(found, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()


def from_json(data: bytes, what: str) -> list[HistoryEvent]:
    """
    The events in *data*.

    Raises:
        ArchiveError: Not such a history, or one with fields this version does not know; names *what*.
    """
    try:
        found: History = json_format.Parse(data, History())
    except (json_format.Error, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise ArchiveError(f"`{what}` is not a history this version can read: {str(error)[:200]}") from error
    return list(found.events)
