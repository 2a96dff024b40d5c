"""
Making an archive of a mission run: its history, and everything a verifier needs beside it.

Pure: what is to be exported was fetched before. The same sources give the same members; only the checkpoint, which is
signed at a moment, is another each time. Nothing here decides whether anything is true: a forged proposal is exported as it is.

Source: docs/audit-format.md
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from pydantic import ValidationError
from temporalio.api.history.v1 import HistoryEvent

from approvals.card import as_text, render
from approvals.proposal import Proposal, use_key
from approvals.settlement import USED
from approvals.signed import Kind
from audit.archive import fits
from audit.chain import settled_events
from audit.claims import announcements
from audit.enclosed import members_of as enclosed
from audit.manifest import FORMAT, MANIFEST, Manifest, member, written
from audit.payloads import encrypted, key_id, unopened
from audit.proven import proposed
from audit.rail import rail
from audit.record import MissionRecord
from audit.stored import stored
from policies.canonical import Digest, digest, parse
from policies.directory import Directory
from policies.errors import CanonicalError

_K = TypeVar("_K", bound=str)
_T = TypeVar("_T")

Seal = Callable[[bytes, str], bytes]
"""Encrypts bytes for a purpose, the same bytes the same way."""
SEALED_SUFFIX = ".sealed"
RAIL = "rail.json"
MAX_USES = 2000
"""So many uses are fetched, those that a known gate named first. Whoever floods a mission with forged proposals makes it
INCOMPLETE, and nothing worse."""
MAX_CARDS = 1000
"""So many cards are in an archive, those of a known gate's proposals first. Any card follows from the history anyway."""
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Sources:
    """What an archive is made from."""

    record: MissionRecord
    uses: Mapping[str, Sequence[HistoryEvent]]
    """The `use` workflows by use key, as stored."""
    directory: Directory
    """The exporter's own: its keys are hints for whoever verifies."""
    bundles: Mapping[Digest, Mapping[str, bytes]]
    """Files of policy bundles, by the bundle's digest."""
    version: str
    """Of the exporter."""
    runs: Mapping[str, Sequence[HistoryEvent]] = field(default_factory=dict)
    """The mission's runs before this one, by id, the nearest first, as stored."""
    contents: Mapping[str, bytes] = field(default_factory=dict)
    """The stored payloads that all these histories refer to, by address."""


def members_of(sources: Sources, seal: Seal | None) -> dict[str, bytes]:
    """
    The members of the archive of *sources*, the manifest among them and the checkpoint not yet.

    Args:
        seal: Encrypts what is made from the contents of an encrypted history; None where no key is there: then what is made
            from contents is left out.

    Raises:
        AuditError: The history, or a use's, holds what this version cannot digest.
    """
    record = sources.record
    sealed = key_id(record.raw) is not None
    # As a person would write it: a gate's key has no dates, and a default spelled out would be one.
    hints = sources.directory.model_dump(mode="json", exclude_defaults=True)
    members = dict([stored("history", record.raw), ("keys.json", _json(hints))])
    told = _told(sources)
    if sealed:
        told = {name + SEALED_SUFFIX: seal(content, name) for name, content in told.items()} if seal is not None else {}
    elif any(key_id(events[:1]) is not None for events in sources.runs.values()):
        # Encryption was switched off since: what the rail tells of how the mission began was encrypted.
        told = {}
    for more in (*_policies(sources), _uses(sources), *_runs(sources), enclosed(sources.contents) | told):
        # INVARIANT: the history is always kept. What there is no room for is left out, and the archive is INCOMPLETE. Rail and
        # cards follow from the contents.
        if fits({**members, **more}):
            members |= more
    members[MANIFEST] = written(
        Manifest(
            format=FORMAT,
            sayso=sources.version,
            mission=record.started.mission,
            closed=record.closed,
            sealed=sealed,
            chain=record.chain,
            members={name: member(content) for name, content in members.items()},
        )
    )
    return members


def _told(sources: Sources) -> dict[str, bytes]:
    try:
        return derived(sources.record, sources.directory)
    except Exception:  # a history is strangers' text: whatever some of it does to who tells it, the history is kept
        return {}


def _policies(sources: Sources) -> Iterator[dict[str, bytes]]:
    for named in bundles_of(sources.record):
        files = sources.bundles.get(named, {})
        yield {f"policies/{named}/{path}": content for path, content in files.items()}


def _uses(sources: Sources) -> dict[str, bytes]:
    return dict(stored(f"uses/{key}", settled_events(events)) for key, events in sources.uses.items())


def _runs(sources: Sources) -> Iterator[dict[str, bytes]]:
    for run_id, events in sources.runs.items():
        yield dict([stored(f"runs/{run_id}", settled_events(events))])


def derived(record: MissionRecord, directory: Directory) -> dict[str, bytes]:
    """
    What an archive holds for people: the rail, and the cards as shown. They follow from the history and *directory*.

    INVARIANT: nothing that was encrypted is in them where they are not sealed. Only signals can be encrypted then, and whoever
    copies another mission's ciphertext into one must not have it told in clear.
    """
    if key_id(record.raw) is None and any(map(encrypted, record.raw)):
        record = replace(record, opened=[unopened(event) for event in record.raw])
    observations = [observation.model_dump(mode="json") for observation in rail(record, directory)]
    found = {RAIL: _json(observations)}
    for name, proposal in _first(recorded_proposals(record), _proven(record, directory), by=lambda name: name)[:MAX_CARDS]:
        card = render(proposal)
        found[f"cards/{name}.json"] = _json(card.form())
        found[f"cards/{name}.txt"] = (as_text(card) + "\n").encode()
    return found


def recorded_proposals(record: MissionRecord) -> dict[Digest, Proposal]:
    """Every proposal in *record*, by recomputed digest, whoever signed it."""
    found: dict[Digest, Proposal] = {}
    for entry in record.entries(Kind.PROPOSAL):
        try:
            name, proposal = digest(Kind.PROPOSAL, entry.signed.body), Proposal.model_validate(entry.signed.body)
        except (CanonicalError, ValidationError):
            continue
        found.setdefault(name, proposal)
    return found


def use_keys(record: MissionRecord) -> frozenset[str]:
    """The names of the uses that *record* could have: of each item of each proposal, and of each that was announced."""
    return frozenset(key for key, _ in _named(record))


def wanted_uses(record: MissionRecord, directory: Directory) -> tuple[str, ...]:
    """The names of the uses to fetch: of all that *record* could have, those that a gate of *directory* named first."""
    proven = _proven(record, directory) | {name for name, _ in announcements(record, directory)}
    return tuple(key for key, _ in _first(dict(_named(record)), proven, by=lambda key: Digest(key.partition(".")[0])))[
        :MAX_USES
    ]


def _named(record: MissionRecord) -> Iterator[tuple[str, None]]:
    for name, proposal in recorded_proposals(record).items():
        yield from ((use_key(name, item), None) for item in range(len(proposal.actions)))
    for heard in record.signals:
        value = heard.values[0] if heard.name == USED and len(heard.values) == 1 else None
        yield from ((key, None) for key in (_announced(value) if value is not None else ()))


def _proven(record: MissionRecord, directory: Directory) -> frozenset[Digest]:
    return frozenset(name for name, _ in proposed(record, directory).values())


def _first(found: Mapping[_K, _T], proven: Collection[Digest], by: Callable[[_K], Digest]) -> list[tuple[_K, _T]]:
    """*found* by name, what is *proven* before what is not."""
    return sorted(found.items(), key=lambda each: (by(each[0]) not in proven, each[0]))


def bundles_of(record: MissionRecord) -> tuple[Digest, ...]:
    """The digests of the bundles that proposals and settlements in *record* name, whoever signed them."""
    bodies = [entry.signed.body for kind in (Kind.PROPOSAL, Kind.SETTLEMENT) for entry in record.entries(kind)]
    named = [body.get("bundle") for body in bodies]
    return tuple(sorted({Digest(name) for name in named if isinstance(name, str) and _DIGEST.fullmatch(name)}))


def _announced(value: bytes) -> tuple[str, ...]:
    try:
        claim = parse(value)
    except CanonicalError:
        return ()
    body = claim.get("body") if isinstance(claim, dict) else None
    if not isinstance(body, dict):
        return ()
    name, item = body.get("proposal"), body.get("item", 0)
    good = isinstance(name, str) and _DIGEST.fullmatch(name) and type(item) is int and 0 <= item < MAX_USES
    return (use_key(Digest(str(name)), int(str(item))),) if good else ()


def _json(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()
