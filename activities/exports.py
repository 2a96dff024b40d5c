"""Exporting a mission run from the server: fetch, archive, sign the checkpoint."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol
from urllib.parse import quote

from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from activities.enclosures import earlier_runs, fetched, run_ids
from activities.histories import ServerHistories, fetch_some, unreachable
from activities.ports import Clock, PayloadStore
from activities.uses import use_id
from approvals.jws import Signer
from approvals.proposal import use_key
from audit import manifest
from audit.archive import SUFFIX, pack
from audit.claims import Announcement, announcements, began_for
from audit.earlier import Course, course
from audit.enclosed import wanted
from audit.export import RAIL, Seal, Sources, bundles_of, members_of, wanted_uses
from audit.manifest import CHECKPOINT, MANIFEST
from audit.payloads import key_id, open_events
from audit.record import CLOSING, MissionRecord
from audit.references import Contents
from policies.canonical import Digest
from policies.directory import Directory

MAX_USE_BYTES, MAX_USES_BYTES = 4 * 1024 * 1024, 64 * 1024 * 1024
"""Of one use, and of all in an archive. What a gate writes there is a claim and a receipt."""
MAX_RUNS = 100
"""So many runs of one use are looked through for the gate's."""
MAX_NAME = 120
"""Characters of a mission's id in a file's name."""


class Bundles(Protocol):
    """Policy bundles by digest."""

    def find(self, names: tuple[Digest, ...]) -> Mapping[Digest, Mapping[str, bytes]]:
        """The files of those of *names* that are known."""


class Sealer(Protocol):
    """What encrypts members of an archive."""

    @property
    def ids(self) -> tuple[str, ...]:
        """The keys it has."""

    def seal(self, data: bytes, purpose: str, key_id: str | None = None) -> bytes:
        """The same bytes the same way; with the named key, else the active one."""


@dataclass(frozen=True)
class Exported:
    """An archive, ready to be written."""

    name: str
    """Of its file: the mission's id, the run's id."""
    data: bytes
    record: MissionRecord
    open_uses: tuple[str, ...] = ()
    """Keys of uses that had not ended: their outcome may still be recorded."""
    told: bool = True
    """Whether rail and cards are in it."""
    lacking: int = 0
    """So many payloads that it refers to were not in the payload store."""
    cut: str = ""
    """Why not all of the mission's earlier runs are in it; empty where they are."""


class Exporter:
    """Exports runs of the client's namespace."""

    def __init__(
        self,
        client: Client,
        signer: Signer,
        directory: Directory,
        bundles: Bundles,
        *,
        version: str,
        clock: Clock,
        sealer: Sealer | None = None,
        store: PayloadStore | None = None,
    ) -> None:
        """
        Args:
            signer: The exporter's own key.
            directory: Goes into the archive as hints.
            sealer: Encrypts what is made from the contents of an encrypted history.
            store: Where large payloads lie; None: nowhere, and what refers to them is exported without.
        """
        self._client = client
        self._signer = signer
        self._directory = directory
        self._bundles = bundles
        self._version = version
        self._clock = clock
        self._sealer = sealer
        self._store = store

    async def runs(self, mission_id: str, run_id: str) -> tuple[str, ...]:
        """
        The runs of the mission of which *run_id* is one, through that one, the first one first; as far as the server has them.

        Raises:
            Unreachable: The server does not answer.
        """
        return await run_ids(self._client, mission_id, run_id)

    async def export(self, mission_id: str, run_id: str) -> Exported:
        """
        The archive of a run.

        Raises:
            Unreachable: The server or the payload store does not answer; Gone: the server has no such run.
            AuditError: The history holds what this version cannot digest, or what no archive can hold.
        """
        record = await ServerHistories(self._client).read(mission_id, run_id)
        earlier = await earlier_runs(self._client, record)
        uses = await self._uses(record)
        runs = {run.run_id: run.raw for run in earlier}
        contents = await fetched(wanted(record.raw, uses.values(), runs.values()), self._store)
        record, before = await self._reread(record, earlier, contents.found)
        bundles = self._bundles.find(bundles_of(record))
        sources = Sources(record, uses, self._directory, bundles, self._version, runs, contents.found)
        members = members_of(sources, self._seal(record))
        now: datetime = self._clock()
        members[CHECKPOINT] = manifest.sign(manifest.read(members[MANIFEST]), self._signer, now)
        still = tuple(key for key, events in uses.items() if not events or events[-1].event_type not in CLOSING)
        name = f"{quote(mission_id, safe='')[:MAX_NAME]}.{run_id}{SUFFIX}"
        told = any(member.startswith(RAIL) for member in members)
        return Exported(name, pack(members), record, still, told, contents.lacking, before.why)

    async def _reread(
        self, record: MissionRecord, earlier: Sequence[MissionRecord], contents: Mapping[str, bytes]
    ) -> tuple[MissionRecord, Course]:
        """*record* as it reads in an archive with *contents* and these *earlier* runs: what is told of it follows from that."""
        codec = Contents(contents, self._client.data_converter.payload_codec)
        runs = [replace(run, opened=await open_events(run.raw, codec)) for run in earlier]
        found = replace(record, opened=await open_events(record.raw, codec), origin=None, known={})
        before = course(found, {run.run_id: run for run in runs})
        return replace(found, origin=before.origin), before

    async def _uses(self, record: MissionRecord) -> dict[str, list[HistoryEvent]]:
        """By key. One that is larger than any a gate makes was filled by somebody: it is left out, and so missed."""
        told = announcements(record, self._directory)
        announced = {use_key(*item): each for item, each in told.items()}
        found, room = dict[str, list[HistoryEvent]](), MAX_USES_BYTES
        for key in wanted_uses(record, self._directory):
            events = await self._use(key, announced.get(key), record, min(MAX_USE_BYTES, room))
            if events is not None:
                found[key] = events
                room -= sum(event.ByteSize() for event in events)
        return found

    async def _use(self, key: str, told: Announcement | None, record: MissionRecord, most: int) -> list[HistoryEvent] | None:
        """The run of the use that the gate started; where none is, the latest. None where there is none, or it is too large."""
        latest = await self._fetched(key, "", most)
        sure = timedelta(0)
        if told is None or (latest and began_for(await self._opened(latest), told, record, self._directory, sure)):
            return latest
        # Whoever may write to the namespace may start another run under the id once the gate's has closed.
        for run_id in await self._runs(key):
            events = await self._fetched(key, run_id, most)
            if events and began_for(await self._opened(events), told, record, self._directory):
                return events
        return latest

    async def _fetched(self, key: str, run_id: str, most: int) -> list[HistoryEvent] | None:
        try:
            return await fetch_some(self._client, use_id(key), run_id, most)
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return None
            raise unreachable(error) from error

    async def _opened(self, events: list[HistoryEvent]) -> list[HistoryEvent]:
        return await open_events(events[:1], self._client.data_converter.payload_codec)

    async def _runs(self, key: str) -> list[str]:
        """Its runs, oldest first; a bounded number of them."""
        query, runs = f"WorkflowId = '{use_id(key)}'", []
        try:
            async for run in self._client.list_workflows(query, limit=MAX_RUNS):
                runs.append((run.start_time, run.run_id))
        except RPCError as error:
            raise unreachable(error) from error
        return [run_id for _, run_id in sorted(runs)]

    def _seal(self, record: MissionRecord) -> Seal | None:
        """Seals with the key that the history was encrypted with first, so that a rotation changes no archive."""
        sealer, used = self._sealer, key_id(record.raw)
        if sealer is None or used not in sealer.ids:
            return None
        return lambda data, purpose: sealer.seal(data, purpose, used)
