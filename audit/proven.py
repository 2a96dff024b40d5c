"""What of a mission's history is proven to be the gate's: by signature, for this run, over a head that this history has."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TypeVar

from pydantic import JsonValue, ValidationError

from approvals.errors import SignatureError
from approvals.jws import take_apart
from approvals.proposal import Proposal
from approvals.settlement import Receipt, Settlement
from approvals.signed import Kind, Signed, opened
from audit.proposals import verified_settlement
from audit.record import MissionRecord, when
from policies.canonical import Digest
from policies.directory import Directory

_T = TypeVar("_T")


def proposed(record: MissionRecord, directory: Directory) -> dict[int, tuple[Digest, Proposal]]:
    """The gate's proposals for this run by event, each with its digest."""
    found: dict[int, tuple[Digest, Proposal]] = {}
    for entry in record.entries(Kind.PROPOSAL):
        body = proven(entry.signed, Kind.PROPOSAL, directory)
        proposal = _model(Proposal.model_validate, body)
        if proposal is not None and proposal.action.mission == record.started.mission:
            found[entry.event_id] = (entry.signed.digest, proposal)
    return found


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
        settlement = verified_settlement(entry, directory)
        if settlement is None or settlement.mission != record.started.mission:
            continue
        if settlement.head.trouble(record.chain) is None:
            found[entry.event_id] = settlement
    return found


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
