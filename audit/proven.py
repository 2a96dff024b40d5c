"""What of a mission's history is proven to be the gate's: by signature, for this run, over a head that this history has."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import TypeVar

from pydantic import JsonValue, ValidationError

from approvals.errors import SignatureError
from approvals.jws import take_apart
from approvals.proposal import Proposal
from approvals.settlement import Receipt, Settlement
from approvals.signed import Kind, Signed, opened
from audit.proposals import verified_settlement
from audit.record import Entry, MissionRecord, when
from policies.action import MissionRef
from policies.canonical import Digest
from policies.directory import Directory

_T = TypeVar("_T")


def proposed(record: MissionRecord, directory: Directory) -> dict[int, tuple[Digest, Proposal]]:
    """The gate's proposals for this run by event, each with its digest."""
    found: dict[int, tuple[Digest, Proposal]] = {}
    for entry in record.entries(Kind.PROPOSAL):
        proposal = proposal_in(entry, record.started.mission, directory)
        if proposal is not None:
            found[entry.event_id] = (entry.signed.digest, proposal)
    return found


def proposal_in(entry: Entry, mission: MissionRef, directory: Directory) -> Proposal | None:
    """The proposal in *entry*, when the gate made it for the run *mission*."""
    proposal = _model(Proposal.model_validate, proven(entry.signed, Kind.PROPOSAL, directory))
    return proposal if proposal is not None and proposal.action.mission == mission else None


def places(proposals: Mapping[int, tuple[Digest, Proposal]]) -> dict[Digest, int]:
    """Where each proposal entered the history: its first event, by digest."""
    found: dict[Digest, int] = {}
    for event_id, (digest, _) in proposals.items():
        found.setdefault(digest, event_id)
    return found


def entered(record: MissionRecord, proposals: Mapping[int, tuple[Digest, Proposal]]) -> dict[Digest, datetime]:
    """When each of *proposals* entered the history, by digest."""
    return {digest: when(record.raw[event_id - 1].event_time) for digest, event_id in places(proposals).items()}


def settlements(record: MissionRecord, directory: Directory) -> dict[int, Settlement]:
    """The gate's settlements in this run by event, each over a head that the history has."""
    found: dict[int, Settlement] = {}
    for entry in record.entries(Kind.SETTLEMENT):
        settlement = settlement_in(entry, record.started.mission, record.chain, directory)
        if settlement is not None:
            found[entry.event_id] = settlement
    return found


def settlement_in(entry: Entry, mission: MissionRef, chain: Sequence[Digest], directory: Directory) -> Settlement | None:
    """The settlement in *entry*, when the gate made it for the run *mission* over a head that *chain* has."""
    settlement = verified_settlement(entry, directory)
    known = settlement is not None and settlement.mission == mission and settlement.head.trouble(chain) is None
    return settlement if known else None


def receipt_of(settlement: Settlement, directory: Directory) -> Receipt | None:
    """The receipt in *settlement*, when the gate signed it for the same proposal."""
    if settlement.receipt is None:
        return None
    receipt = _model(Receipt.model_validate, proven(settlement.receipt, Kind.RECEIPT, directory))
    return receipt if receipt is not None and receipt.proposal == settlement.proposal else None


def proven(signed: Signed, kind: Kind, directory: Directory) -> dict[str, JsonValue] | None:
    """The body of *signed*, when a pinned gate key signed it as *kind*."""
    try:
        return opened(signed, kind, directory.gate)
    except SignatureError:
        return None


def gate_of(signed: Signed) -> str:
    """The gate that *signed* names; it counts once the signature does."""
    return f"gate {take_apart(signed.jws).kid}"


def _model(read: Callable[[object], _T], body: dict[str, JsonValue] | None) -> _T | None:
    try:
        return read(body) if body is not None else None
    except ValidationError:
        return None
