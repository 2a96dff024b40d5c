"""
What is recorded as the gate's, each with why it is not proven to be, where it is not.

A report tells the story also to who pins no keys, or of a history that somebody wrote into: then the words are there, and so is
the doubt. What is too large or has no canonical form is nobody's paper.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from pydantic import BaseModel, ValidationError

from approvals.errors import SignatureError
from approvals.jws import take_apart
from approvals.proposal import Proposal, Refusal
from approvals.settlement import USED, Claim, Receipt, Settlement
from approvals.signed import Kind, Signed
from audit.claims import MAX_CLAIM
from audit.record import Entry
from audit.verification.answers import standing
from audit.verification.material import Material
from policies.canonical import Digest, digest, parse
from policies.errors import CanonicalError

MOST = 2000
"""So many papers of one kind are looked at."""
ELSEWHERE = "the gate signed it for another mission run, or over another history"
_T = TypeVar("_T", bound=BaseModel)


@dataclass(frozen=True)
class Paper(Generic[_T]):
    """One answer or announcement, as it stands."""

    event: int
    at: datetime
    body: _T
    digest: Digest
    """Computed here."""
    key: str
    """Id of the key that it names; nothing is proven by that."""
    doubt: str
    """Empty where a pinned gate signed it, for this run and over its trail."""


@dataclass(frozen=True)
class Slip:
    """A receipt, and where it is recorded."""

    receipt: Receipt
    digest: Digest
    key: str
    doubt: str
    place: str
    event: int | None


def proposals(material: Material) -> Iterator[Paper[Proposal]]:
    """Every proposal, once, in order."""
    seen = set[Digest]()
    for paper in _papers(material, Kind.PROPOSAL, Proposal):
        if paper.digest in seen:
            continue
        seen.add(paper.digest)
        known = material.proposals.get(paper.digest)
        yield paper if known or paper.doubt else _doubted(paper)


def settlements(material: Material) -> Iterator[Paper[Settlement]]:
    """Every settlement, in order."""
    for paper in _papers(material, Kind.SETTLEMENT, Settlement):
        yield paper if paper.event in material.settlements or paper.doubt else _doubted(paper)


def refusals(material: Material) -> Iterator[Paper[Refusal]]:
    """Every refusal, in order."""
    return _papers(material, Kind.REFUSAL, Refusal)


def announcements(material: Material) -> Iterator[Paper[Claim]]:
    """Every announcement of a use, forged ones too, in order."""
    first = {announcement.event_id for announcement in material.announcements.values()}
    for heard in material.record.signals[:MOST]:
        value = heard.values[0] if heard.name == USED and len(heard.values) == 1 else None
        if value is None or len(value) > MAX_CLAIM:
            continue
        try:
            signed = Signed.model_validate(parse(value))
        except (CanonicalError, ValidationError):
            continue
        paper = _paper(Entry(heard.event_id, heard.at, signed), Kind.CLAIM, Claim, material)
        if paper is None:
            continue
        # Of a revoked key an announcement still counts: it can only stop.
        if not paper.doubt and not material.ours(paper.body.mission):
            paper = _doubted(paper)
        counts = heard.event_id in first
        yield paper if counts and not paper.doubt else _doubted(paper, paper.doubt or "it is not the first of its use")


def slips(material: Material, settled: list[Paper[Settlement]]) -> Iterator[Slip]:
    """Every receipt, in settlements and then in uses."""
    for paper in settled:
        if paper.body.receipt is not None:
            yield from _slip(paper.body.receipt, material, f"settlement at event {paper.event}", paper.event)
    for key, use in material.uses.items():
        for signed in use.receipts[:MOST]:
            yield from _slip(signed, material, f"workflow use/{key}", None)


def _slip(signed: Signed, material: Material, place: str, event: int | None) -> Iterator[Slip]:
    try:
        receipt, found = Receipt.model_validate(signed.body), digest(Kind.RECEIPT, signed.body)
    except (ValidationError, CanonicalError):
        return
    unsure = standing(signed, Kind.RECEIPT, material, "receipts", event)
    # Anyone may signal a use: a gate's receipt of another run tells nothing of this one.
    doubt = unsure.words if unsure else "" if _ours(receipt, material) else ELSEWHERE
    yield Slip(receipt, found, key_of(signed.jws), doubt, place, event)


def _ours(receipt: Receipt, material: Material) -> bool:
    found = material.proposals.get(receipt.proposal)
    return found is not None and 0 <= receipt.item < len(found.proposal.actions)


def _papers(material: Material, kind: Kind, model: type[_T]) -> Iterator[Paper[_T]]:
    for entry in material.record.entries(kind)[:MOST]:
        paper = _paper(entry, kind, model, material)
        if paper is not None:
            yield paper


def _paper(entry: Entry, kind: Kind, model: type[_T], material: Material) -> Paper[_T] | None:
    signed = entry.signed
    try:
        body, found = model.model_validate(signed.body), digest(kind, signed.body)
    except (ValidationError, CanonicalError):
        return None
    unsure = standing(signed, kind, material, "answers", entry.event_id)
    return Paper(entry.event_id, entry.at, body, found, key_of(signed.jws), unsure.words if unsure else "")


def _doubted(paper: Paper[_T], why: str = ELSEWHERE) -> Paper[_T]:
    return Paper(paper.event, paper.at, paper.body, paper.digest, paper.key, why)


def key_of(jws: str) -> str:
    """The key id that a signature names; empty where it is none."""
    try:
        return take_apart(jws).kid
    except SignatureError:
        return ""
