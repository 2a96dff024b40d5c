"""
What somebody who may write the store can do to an archive, in three strengths: change bytes; make manifest, chain, rail and
cards fit again; and sign the checkpoint as well, with the exporter's own key.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Coroutine, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, TypeVar

from google.protobuf import json_format
from temporalio.api.history.v1 import HistoryEvent

from audit import archive, manifest
from audit.chain import stable
from audit.earlier import course
from audit.enclosed import contents_of
from audit.errors import ArchiveError, AuditError
from audit.export import derived
from audit.manifest import CHECKPOINT, MANIFEST, Manifest, member, written
from audit.payloads import open_events
from audit.record import CLOSING, MissionRecord
from audit.references import Contents
from audit.stored import from_json
from audit.verification.material import opened_runs
from policies.action import MissionRef
from policies.canonical import Digest
from policies.directory import Directory
from tests.audit import keys

_T = TypeVar("_T")
Event = dict[str, Any]
"""One event of `history.json`, as JSON."""
HISTORY = "history.json"
NOW = datetime(2030, 1, 1, tzinfo=UTC)


class Strength(StrEnum):
    """How far an attacker goes."""

    RAW = "bytes only"
    REBUILT = "manifest, chain, rail and cards rebuilt"
    SIGNED = "checkpoint signed with the exporter's key too"


@dataclass(frozen=True)
class Loot:
    """An archive in the attacker's hands."""

    members: Mapping[str, bytes]

    @classmethod
    def of(cls, data: bytes) -> Loot:
        """The archive *data*, taken apart."""
        return cls(archive.unpack(data))

    @property
    def manifest(self) -> Manifest:
        """What the archive says that it holds."""
        return manifest.read(self.members[MANIFEST])

    @property
    def events(self) -> list[Event]:
        """The mission's events."""
        return self.events_of(HISTORY)

    def events_of(self, name: str) -> list[Event]:
        """The events in member *name*."""
        found: list[Event] = json.loads(self.members[name])["events"]
        return found

    def holding(self, events: Sequence[Event], name: str = HISTORY) -> Loot:
        """With other events in *name*."""
        return self.with_member(name, json.dumps({"events": list(events)}, sort_keys=True, separators=(",", ":")).encode())

    def with_member(self, name: str, content: bytes) -> Loot:
        """With *content* as member *name*."""
        return replace(self, members={**self.members, name: content})

    def without(self, *names: str) -> Loot:
        """Without the members *names*."""
        return replace(self, members={name: content for name, content in self.members.items() if name not in names})

    def packed(self, strength: Strength = Strength.RAW, *, retold: bool = True, **changes: object) -> bytes:
        """
        The archive as an attacker of *strength* hands it on.

        Args:
            retold: Whether rail and cards are made to fit again.
            changes: Go into the manifest.
        """
        members = dict(self.members)
        if strength is not Strength.RAW:
            members = self._rebuilt(members, changes, retold=retold)
        if strength is Strength.SIGNED:
            listed = Manifest.model_validate_json(members[MANIFEST])
            members[CHECKPOINT] = manifest.sign(listed, keys.signer("exporter"), NOW)
        return archive.pack(members)

    def _rebuilt(self, members: dict[str, bytes], changes: dict[str, object], *, retold: bool) -> dict[str, bytes]:
        """Everything that follows from the history made to follow from it again, as far as it can be."""
        listed = manifest.read(members[MANIFEST])
        try:
            raw = from_json(members[HISTORY], HISTORY)
        except (ArchiveError, KeyError):
            raw = []
        if raw:
            links = _chain(raw)
            listed = listed.model_copy(update={"chain": links, "closed": raw[-1].event_type in CLOSING})
        claimed = Manifest.model_validate({**listed.model_dump(), **changes})
        if raw and retold and not listed.sealed:
            members = _retold(members, listed, raw)
        content = {name: member(data) for name, data in members.items() if name not in (MANIFEST, CHECKPOINT)}
        return {**members, MANIFEST: written(claimed.model_copy(update={"members": content}))}


def _chain(events: Sequence[HistoryEvent]) -> tuple[Digest, ...]:
    """The chain over *events*, whatever their ids and fields are."""
    link, found = hashlib.sha256(b"sayso:evidence:v1\n").digest(), []
    for event in events:
        with suppress(AuditError):
            event = stable(event)
        link = hashlib.sha256(link + hashlib.sha256(event.SerializeToString(deterministic=True)).digest()).digest()
        found.append(Digest(link.hex()))
    return tuple(found)


def _retold(members: dict[str, bytes], listed: Manifest, raw: Sequence[HistoryEvent]) -> dict[str, bytes]:
    """*members* with the rail and the cards that the changed history gives."""
    mission = listed.mission
    try:
        record = _record(members, mission, raw)
        told = derived(record, Directory.model_validate_json(members["keys.json"]))
    except (AuditError, ValueError, KeyError, IndexError):
        return members
    kept = {name: data for name, data in members.items() if not name.startswith(("rail.json", "cards/"))}
    return {**kept, **told}


def _record(members: Mapping[str, bytes], mission: MissionRef, raw: Sequence[HistoryEvent]) -> MissionRecord:
    """What the changed history says, with what its references stand for, and how the mission began."""
    codec = Contents(contents_of(members), None)
    runs = _driven(opened_runs(manifest.read(members[MANIFEST]), members, codec))
    opened = _driven(open_events(raw, codec))
    found = MissionRecord.of(mission.namespace, mission.mission_id, mission.run_id, raw, opened)
    return replace(found, origin=course(found, runs).origin)


def _driven(work: Coroutine[Any, Any, _T]) -> _T:
    """What *work* comes to, which waits for nothing."""
    try:
        work.send(None)
    except StopIteration as done:
        found: _T = done.value
        return found
    raise AssertionError("it waits for something")


def same(one: Sequence[Event], other: Sequence[Event]) -> bool:
    """Whether both say the same: JSON may spell one event in several ways."""
    try:
        return _plain(one) == _plain(other)
    except (json_format.Error, ValueError):
        return False


def _plain(events: Sequence[Event]) -> list[bytes]:
    found = from_json(json.dumps({"events": list(events)}).encode(), HISTORY)
    return [event.SerializeToString(deterministic=True) for event in found]
