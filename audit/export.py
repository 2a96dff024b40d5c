"""
Making an archive of a mission run: its history, and everything a verifier needs beside it.

Pure: what is to be exported was fetched before. The same sources give the same members; only the checkpoint, which is
signed at a moment, is another each time. Nothing here decides whether anything is true: a forged proposal is exported as it is.

Source: docs/audit-format.md
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from pydantic import ValidationError
from temporalio.api.history.v1 import HistoryEvent

from approvals.card import as_text, render
from approvals.proposal import Proposal, use_key
from approvals.settlement import USED
from approvals.signed import Kind
from audit.chain import settled_events
from audit.manifest import FORMAT, MANIFEST, Manifest, member, written
from audit.payloads import key_id, unopened
from audit.rail import rail
from audit.record import MissionRecord
from audit.stored import to_json
from policies.canonical import Digest, digest, parse
from policies.directory import Directory
from policies.errors import CanonicalError

Seal = Callable[[bytes, str], bytes]
"""Encrypts bytes for a purpose, the same bytes the same way."""
SEALED_SUFFIX = ".sealed"
MAX_USES = 2000
"""So many uses are fetched. Whoever floods a mission with forged proposals makes it INCOMPLETE, and nothing worse."""
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
    members = {"history.json": to_json(record.raw), "keys.json": _json(hints)}
    for key, events in sources.uses.items():
        members[f"uses/{key}.json"] = to_json(settled_events(events))
    for named in bundles_of(record):
        for path, content in sources.bundles.get(named, {}).items():
            members[f"policies/{named}/{path}"] = content
    for name, content in derived(record, sources.directory).items():
        if not sealed:
            members[name] = content
        elif seal is not None:
            members[name + SEALED_SUFFIX] = seal(content, name)
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


def derived(record: MissionRecord, directory: Directory) -> dict[str, bytes]:
    """
    What an archive holds for people: the rail, and every card as shown. Each follows from the history alone.

    INVARIANT: nothing that was encrypted is in them where they are not sealed. Only signals can be encrypted then, and whoever
    copies another mission's ciphertext into one must not have it told in clear.
    """
    if key_id(record.raw) is None:
        record = replace(record, opened=[unopened(event) for event in record.raw])
    observations = [observation.model_dump(mode="json") for observation in rail(record, directory)]
    found = {"rail.json": _json(observations)}
    for name, proposal in recorded_proposals(record).items():
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


def use_keys(record: MissionRecord) -> tuple[str, ...]:
    """The names of the uses that *record* could have: of each item of each proposal, and of each that was announced."""
    keys = {
        use_key(name, item): None
        for name, proposal in recorded_proposals(record).items()
        for item in range(len(proposal.actions))
    }
    for heard in record.signals:
        value = heard.values[0] if heard.name == USED and len(heard.values) == 1 else None
        keys |= dict.fromkeys(_announced(value) if value is not None else ())
    return tuple(sorted(keys))[:MAX_USES]


def bundles_of(record: MissionRecord) -> tuple[Digest, ...]:
    """The digests of the bundles that proposals and settlements in *record* name, whoever signed them."""
    bodies = [entry.signed.body for kind in (Kind.PROPOSAL, Kind.SETTLEMENT) for entry in record.entries(kind)]
    named = {body.get("bundle") for body in bodies}
    return tuple(sorted(Digest(name) for name in named if isinstance(name, str) and _DIGEST.fullmatch(name)))


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
