"""The gate's proposals in a mission's history, and its settlements of them: what a pinned gate key signed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import partial

from pydantic import ValidationError

from approvals.errors import SignatureError
from approvals.proposal import Proposal
from approvals.settlement import Settlement, SettlementKind
from approvals.signed import Kind, opened
from audit.law import Law
from audit.record import Entry, MissionRecord
from policies.canonical import Digest
from policies.directory import Directory

FINAL = {
    SettlementKind.DENIED,
    SettlementKind.EXPIRED,
    SettlementKind.REVOKED,
    SettlementKind.SUPERSEDED,
    SettlementKind.WITHDRAWN,
    SettlementKind.ANSWERED,
}
"""With one of these a whole proposal has ended, for all that was not used before."""


@dataclass(frozen=True)
class Found:
    """A proposal that a pinned gate key signed, where it stands in the history."""

    proposal: Proposal
    digest: Digest
    event_id: int


def signed_proposals(record: MissionRecord, law: Law) -> dict[Digest, Found]:
    """The proposals in *record* that a pinned gate key signed, by recomputed digest, in the order of the history."""
    found: dict[Digest, Found] = {}
    for entry in record.entries(Kind.PROPOSAL):
        proposal = record.once("proposal", entry.event_id, law.directory, partial(_verified, entry, law.directory))
        if proposal is not None:
            found.setdefault(entry.signed.digest, Found(proposal, entry.signed.digest, entry.event_id))
    return found


def _verified(entry: Entry, directory: Directory) -> Proposal | None:
    try:
        return Proposal.model_validate(opened(entry.signed, Kind.PROPOSAL, directory.gate))
    except (SignatureError, ValidationError):
        return None


def open_proposals(record: MissionRecord, law: Law, now: datetime) -> tuple[Found, ...]:
    """The run's proposals that people could still decide about: some item not ended by the gate's word, and in time."""
    ended: dict[Digest, set[int]] = {}
    over = set[Digest]()
    for entry in record.entries(Kind.SETTLEMENT):
        known = verified_settlement(entry, law.directory)
        if known is not None and known.kind in FINAL:
            over.add(known.proposal)
        elif known is not None and not known.open:
            ended.setdefault(known.proposal, set()).add(known.item)
    return tuple(
        found
        for name, found in signed_proposals(record, law).items()
        if name not in over
        and not ended.get(name, set()) >= set(range(len(found.proposal.actions)))
        and now < found.proposal.expires_at
    )


def verified_settlement(entry: Entry, directory: Directory) -> Settlement | None:
    """The settlement in *entry*, when a pinned gate key signed it."""
    try:
        return Settlement.model_validate(opened(entry.signed, Kind.SETTLEMENT, directory.gate))
    except (SignatureError, ValidationError):
        return None
