"""The material of a verification: an archive opened, beside what the verifier brings himself."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from pydantic import ValidationError
from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.converter import PayloadCodec

from approvals.settlement import Settlement
from approvals.signed import Signed
from audit.claims import Announcement, announcements
from audit.earlier import Course, course
from audit.law import Law
from audit.manifest import Manifest
from audit.payloads import json_of, open_events, sealed
from audit.proposals import Found as Proposed
from audit.proven import proposed, settlements
from audit.record import MissionRecord, Started
from audit.references import named_in
from audit.stored import BINARY, JSON, events_of
from audit.verification import sequence
from audit.verification.result import Found, fails, missing
from policies.action import MissionRef
from policies.bundle import Bundle
from policies.canonical import Digest, parse
from policies.directory import Directory
from policies.errors import CanonicalError

Open = Callable[[bytes, str], bytes | None]
"""Decrypts a sealed member for its purpose; None where it cannot."""
NOBODY = Directory(groups=(), people={})
"""The trust of who pins no keys: then nothing that is signed can be told."""


@dataclass(frozen=True)
class UseRecord:
    """A `use` workflow as archived: what took it, and what was recorded in it, by whomever."""

    begun: Sequence[HistoryEvent]
    """Its first event, opened; none where it has no events."""
    receipts: tuple[Signed, ...]
    sealed: bool
    """Some payload of it could not be opened."""
    trouble: str | None = None
    """Why it is no history of that use."""
    raw: Sequence[HistoryEvent] = ()
    """As stored."""


@dataclass(frozen=True)
class Material:
    """One archive and what it is verified with."""

    members: Mapping[str, bytes]
    manifest: Manifest
    record: MissionRecord
    uses: Mapping[str, UseRecord]
    trust: Directory
    bundles: Mapping[Digest, Bundle | str]
    """By digest; a text says why it does not load. Only bundles that a pinned gate named are loaded at all."""
    hints: Directory | None
    """The exporter's directory; None where it cannot be read."""
    unseal: Open | None = None
    version: str = ""
    """Of the verifier."""
    runs: Mapping[str, MissionRecord] = field(default_factory=dict)
    """What the archive holds as the mission's earlier runs, by id."""
    contents: Mapping[str, bytes] = field(default_factory=dict)
    """What it holds as stored payloads, by address."""

    @cached_property
    def course(self) -> Course:
        """The runs before this one, as far as they are here and fit."""
        return course(self.record, self.runs)

    @property
    def beginning(self) -> Started:
        """How the mission began: its first run, where that can be told."""
        return self.record.origin or self.record.started

    @cached_property
    def unbegun(self) -> str | None:
        """Why it cannot be told how the mission began, on which everything in it rests; None where it can."""
        if self.record.started.continues and self.record.origin is None:
            return "how the mission began cannot be told: the runs before this one are not all here"
        first = self.course.before[-1] if self.record.origin is not None else self.record
        return "the start cannot be opened" if sealed(first.opened[0]) else None

    @property
    def repeats(self) -> str | None:
        """The run that this one was reset from; None where it is no reset."""
        original = self.record.started.original_run_id
        return original if original != self.record.run_id else None

    def ours(self, mission: MissionRef) -> bool:
        """Whether *mission* is this run."""
        return mission == self.record.started.mission

    def taken_over(self, mission: MissionRef) -> bool:
        """Whether *mission* is the run that this one repeats."""
        return (
            self.repeats is not None
            and mission.model_copy(update={"run_id": self.record.run_id}) == self.record.started.mission
        )

    @cached_property
    def sealed_events(self) -> frozenset[int]:
        """Events with a payload that could not be opened."""
        return frozenset(int(event.event_id) for event in self.record.opened if sealed(event))

    @cached_property
    def heard_events(self) -> frozenset[int]:
        """Events of signals: anybody may send one that nobody can open."""
        return frozenset(heard.event_id for heard in self.record.signals)

    @cached_property
    def unheard(self) -> tuple[int, ...]:
        """Events of signals that refer to a stored payload which is not here: what was said there cannot be told."""
        events = (event for event in self.record.raw if event.event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED)
        return tuple(int(event.event_id) for event in events if set(named_in([event], signals=True)) - self.contents.keys())

    @cached_property
    def settlements(self) -> dict[int, Settlement]:
        """The settlements that a pinned gate signed for this run over its own trail, by event."""
        return settlements(self.record, self.trust)

    @cached_property
    def proposals(self) -> dict[Digest, Proposed]:
        """The proposals that a pinned gate signed for this run, by digest."""
        found: dict[Digest, Proposed] = {}
        for event_id, (name, proposal) in proposed(self.record, self.trust).items():
            if all(action.mission == self.record.started.mission for action in proposal.actions):
                found.setdefault(name, Proposed(proposal, name, event_id))
        return found

    def unproposed(self, check: str, words: str, event: int) -> Found:
        """That no pinned gate proposed something here; where an answer to `propose` is sealed, it cannot be told."""
        unread = any(done.activity == "propose" and done.event_id in self.sealed_events for done in self.record.completed)
        return missing(check, f"{words}, as far as can be read", event) if unread else fails(check, words, event)

    @cached_property
    def announcements(self) -> dict[tuple[Digest, int], Announcement]:
        """By proposal and item, the first announcement of a pinned gate that its use is taken."""
        return announcements(self.record, self.trust)

    def nameless(self, check: str, what: str) -> Found:
        """That *what* is in the archive and nothing in the history names it; of a sealed history that cannot be told."""
        if self.sealed_events:
            return missing(check, f"whether the history names {what} is sealed")
        return fails(check, f"{what} is in the archive, and nothing names it")

    def law(self, bundle: Digest) -> Law | str:
        """What a gate with *bundle* judged by, with the verifier's own directory; else why there is no such law here."""
        found = self.bundles.get(bundle, f"policy bundle `{bundle[:12]}` is not in the archive")
        return found if isinstance(found, str) else Law(found, self.trust)


async def opened_record(
    manifest: Manifest,
    members: Mapping[str, bytes],
    codec: PayloadCodec | None,
    runs: Mapping[str, MissionRecord] | None = None,
) -> MissionRecord:
    """
    The mission's record from an archive.

    Args:
        runs: What the archive holds of the mission's earlier runs.

    Raises:
        AuditError: The history is not one a mission can have, or not one this version can read.
    """
    raw = events_of(members, "history")
    mission = manifest.mission
    found = MissionRecord.of(mission.namespace, mission.mission_id, mission.run_id, raw, await open_events(raw, codec))
    return replace(found, origin=course(found, runs or {}).origin)


async def opened_runs(manifest: Manifest, members: Mapping[str, bytes], codec: PayloadCodec | None) -> dict[str, MissionRecord]:
    """
    The earlier runs in an archive, by id.

    Raises:
        AuditError: One is not a history that a mission can have, or not one this version can read.
    """
    mission, found = manifest.mission, dict[str, MissionRecord]()
    for stem in _stems(members, "runs/"):
        run_id, raw = stem.removeprefix("runs/"), events_of(members, stem)
        opened = await open_events(raw, codec)
        found[run_id] = MissionRecord.of(mission.namespace, mission.mission_id, run_id, raw, opened)
    return found


def _stems(members: Mapping[str, bytes], folder: str) -> list[str]:
    """The names of the histories in *folder*, without what they end in."""
    names = (name for name in members if name.startswith(folder) and name.endswith((JSON, BINARY)))
    return list(dict.fromkeys(name.removesuffix(JSON).removesuffix(BINARY) for name in names))


async def opened_uses(members: Mapping[str, bytes], codec: PayloadCodec | None) -> dict[str, UseRecord]:
    """
    The uses in an archive, by use key.

    Raises:
        ArchiveError: One is not a history.
    """
    found: dict[str, UseRecord] = {}
    for stem in _stems(members, "uses/"):
        key, raw = stem.removeprefix("uses/"), events_of(members, stem)
        found[key] = replace(_use(key, await open_events(raw, codec)), raw=raw)
    return found


def _use(key: str, events: list[HistoryEvent]) -> UseRecord:
    signals = [event for event in events if event.event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED]
    payloads = [p for event in signals for p in event.workflow_execution_signaled_event_attributes.input.payloads]
    receipts = [signed for signed in (_signed(json_of(payload)) for payload in payloads) if signed is not None]
    closed = any(sealed(event) for event in events)
    return UseRecord(events[:1], tuple(receipts), closed, _trouble(key, events))


def _trouble(key: str, events: list[HistoryEvent]) -> str | None:
    broken = sequence.trouble(events)
    if broken is not None:
        return f"no server wrote its history: {broken[0]}"
    named = events[0].workflow_execution_started_event_attributes.workflow_id
    return None if named in ("", f"use/{key}") else "its history is of another workflow"


def _signed(data: bytes | None) -> Signed | None:
    try:
        return Signed.model_validate(parse(data)) if data is not None else None
    except (CanonicalError, ValidationError):
        return None
