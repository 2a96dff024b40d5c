"""
The evidence chain: SHA-256 over a mission's events, each link over the one before.

An event is digested as its deterministic protobuf bytes without `task_id`, `version` and `worker_may_ignore`, which the
server may change. The tail of a live history (a workflow task that is scheduled or started and not done) is transient: it is
cut off by `settled_events` and never digested.

Source: docs/decisions/0005-evidence.md
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent

from audit.errors import NotAMissionError, UnknownEventError
from policies.canonical import Digest

_START = hashlib.sha256(b"sayso:evidence:v1\n").digest()
TRANSIENT = frozenset({EventType.EVENT_TYPE_WORKFLOW_TASK_SCHEDULED, EventType.EVENT_TYPE_WORKFLOW_TASK_STARTED})
"""At the end of a live history, the server may still replace these."""


def settled_events(events: Sequence[HistoryEvent]) -> Sequence[HistoryEvent]:
    """*events* without the transient tail."""
    end = len(events)
    while end > 0 and events[end - 1].event_type in TRANSIENT:
        end -= 1
    return events[:end]


def chain(events: Sequence[HistoryEvent]) -> tuple[Digest, ...]:
    """
    Digest of the trail through each event, in order; *events* are settled, as stored, from event 1.

    Raises:
        UnknownEventError: An event has fields this version does not know.
        NotAMissionError: An event is missing or out of order.
    """
    digests = list[Digest]()
    for event in events:
        lengthen(digests, event)
    return tuple(digests)


def lengthen(digests: list[Digest], event: HistoryEvent) -> None:
    """
    Adds the digest of the trail through *event*, which comes next after those of *digests*.

    Raises:
        UnknownEventError: It has fields this version does not know.
        NotAMissionError: It is not the next event.
    """
    if event.event_id != len(digests) + 1:
        raise NotAMissionError(f"event {len(digests) + 1} is missing from the history")
    before = bytes.fromhex(digests[-1]) if digests else _START
    digests.append(
        Digest(
            hashlib.sha256(before + hashlib.sha256(stable(event).SerializeToString(deterministic=True)).digest()).hexdigest()
        )
    )


def holds_unknown(event: HistoryEvent) -> bool:
    """Whether *event*, as stored, has fields this version does not know."""
    try:
        stable(event)
    except UnknownEventError:
        return True
    return False


def stable(event: HistoryEvent) -> HistoryEvent:
    """
    A copy of *event* without what a server may change.

    Raises:
        UnknownEventError: It has fields this version does not know.
    """
    size = event.ByteSize()
    copy = HistoryEvent()
    copy.CopyFrom(event)
    copy.DiscardUnknownFields()  # type: ignore[attr-defined, unused-ignore]
    if copy.ByteSize() != size:
        raise UnknownEventError(event.event_id)
    copy.ClearField("task_id")
    copy.ClearField("version")
    copy.ClearField("worker_may_ignore")
    return copy
