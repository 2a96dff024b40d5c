"""What an archive of a run encloses beside it: the mission's earlier runs, and the payloads that lie in a store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import Client
from temporalio.service import RPCError

from activities.errors import Gone
from activities.histories import fetch_some, first_event, unreachable
from activities.ports import PayloadStore
from audit.earlier import MAX_EARLIER
from audit.enclosed import MAX_CONTENTS, Wanted
from audit.errors import NotAMissionError
from audit.payloads import open_events
from audit.record import MissionRecord
from audit.references import MAX_STORED

MAX_RUNS_BYTES = 64 * 1024 * 1024
"""Of all earlier runs in an archive."""


@dataclass(frozen=True)
class Fetched:
    """Stored payloads that were fetched."""

    found: Mapping[str, bytes]
    """By address."""
    lacking: int
    """So many that somebody other than a stranger refers to are not there, or had no room."""


async def earlier_runs(client: Client, record: MissionRecord) -> list[MissionRecord]:
    """
    The mission's runs before *record*, the nearest first, as far as the server has them and there is room.

    Raises:
        Unreachable: The server does not answer.
    """
    found, room = list[MissionRecord](), MAX_RUNS_BYTES
    latest = record
    while latest.started.continues and len(found) < MAX_EARLIER:
        run_id = latest.started.continued_run_id
        events = await _fetched(client, record.mission_id, run_id, room)
        if not events:
            break
        try:
            opened = await open_events(events, client.data_converter.payload_codec)
            latest = MissionRecord.of(record.namespace, record.mission_id, run_id, events, opened)
        except NotAMissionError:
            break
        room -= sum(event.ByteSize() for event in events)
        found.append(latest)
    return found


async def _fetched(client: Client, mission_id: str, run_id: str, most: int) -> list[HistoryEvent] | None:
    try:
        return await fetch_some(client, mission_id, run_id, most)
    except RPCError as error:
        refused = unreachable(error)
        if isinstance(refused, Gone):
            return None
        raise refused from error


async def run_ids(client: Client, mission_id: str, run_id: str) -> tuple[str, ...]:
    """
    The runs before *run_id*, the first one first, and it; as far as the server has them.

    Raises:
        Unreachable: The server does not answer.
    """
    found = [run_id]
    while len(found) <= MAX_EARLIER:
        try:
            events = await first_event(client, mission_id, found[0])
        except (NotAMissionError, Gone):
            if len(found) > 1:
                return tuple(found[1:])
            raise
        before = events[0].workflow_execution_started_event_attributes.continued_execution_run_id if events else ""
        if not before or before in found:
            break
        found.insert(0, before)
    return tuple(found)


async def fetched(wanted: Sequence[Wanted], store: PayloadStore | None) -> Fetched:
    """
    What *store* has of what is *wanted*, as far as there is room.

    Raises:
        Unreachable: The store does not answer.
    """
    found: dict[str, bytes] = {}
    for group in wanted if store is not None else ():
        room = group.room
        for address in group.addresses:
            if room <= 0 or len(found) >= MAX_CONTENTS:
                break
            content = await store.get(address) if store is not None else None
            # What is larger than any that is opened is nobody's payload.
            if content is not None and len(content) <= MAX_STORED:
                found[address] = content
                room -= len(content)
    lacking = sum(address not in found for group in wanted if group.recorded for address in group.addresses)
    return Fetched(found, lacking)
