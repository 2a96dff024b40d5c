"""
Judging a proposal over a mission's own history: what must hold of it (`audit.standing`), then what people decided.

Nothing here asks a server; `now`, bundle and directory are handed in.

Source: docs/decisions/0004-decisions.md
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from approvals.docket import Docket
from approvals.errors import SignatureError
from approvals.evidence import Evidence
from approvals.resolution import Resolution, State, resolve
from approvals.settlement import Settlement, SettlementKind
from approvals.signed import Kind, opened
from audit.claims import said, uses
from audit.law import Law, ever_pinned
from audit.proposals import FINAL, Found, signed_proposals, verified_settlement
from audit.record import MissionRecord
from audit.standing import CHECKS, Question
from policies.canonical import Digest
from policies.ruling import Finding

PERMANENT = frozenset({"proposal", "run", "reset", "cancelled", "flood", "evidence", "card", "outcome"})
"""Checks that no waiting mends."""
ENDINGS = {
    State.OPEN: SettlementKind.PENDING,
    State.DENIED: SettlementKind.DENIED,
    State.EXPIRED: SettlementKind.EXPIRED,
    State.SUPERSEDED: SettlementKind.SUPERSEDED,
    State.REVOKED: SettlementKind.REVOKED,
    State.WITHDRAWN: SettlementKind.WITHDRAWN,
    State.ANSWERED: SettlementKind.ANSWERED,
}


@dataclass(frozen=True)
class Judgement:
    """What was found about one proposal at one moment."""

    head: Evidence
    findings: tuple[Finding, ...]
    found: Found | None = None
    resolution: Resolution | None = None
    settled: Settlement | None = None
    """The final answer that the gate gave before, if any: it stands."""

    @property
    def admits(self) -> bool:
        """Whether everything holds and the people's say-so stands, as far as the history can tell."""
        approved = self.resolution is not None and self.resolution.state is State.APPROVED
        return approved and self.settled is None and all(finding.holds for finding in self.findings)

    @property
    def barred(self) -> bool:
        """Whether something is found that no waiting mends."""
        return any(finding.check in PERMANENT and not finding.holds for finding in self.findings)

    @property
    def answer(self) -> SettlementKind:
        """What the gate answers where the history alone says no."""
        if self.barred:
            return SettlementKind.NOT_SENT
        if self.settled is not None:
            return self.settled.kind
        if self.resolution is not None and self.resolution.state is not State.APPROVED:
            return ENDINGS[self.resolution.state]
        return SettlementKind.NOT_SENT


@dataclass(frozen=True)
class Point:
    """What is judged: one item of a proposal, at a moment."""

    proposal: Digest
    now: datetime
    """Never earlier than the record's last event."""
    item: int = 0
    approvals_this_hour: Mapping[str, int] = field(default_factory=dict)
    """By person, as the gate counted them; matters only where the requirement sets a budget."""


def judge(record: MissionRecord, point: Point, law: Law) -> Judgement:
    """Judges what *point* names over *record*."""
    head = Evidence(through=record.head, digest=record.chain[-1])
    found = signed_proposals(record, law).get(point.proposal)
    if found is None:
        return Judgement(head=head, findings=(_not_found(record, point.proposal, law),))
    if not 0 <= point.item < len(found.proposal.actions):
        words = f"the proposal `{point.proposal[:12]}` has no item {point.item}"
        return Judgement(head=head, findings=(Finding(check="proposal", holds=False, words=words),))
    question = Question(found.proposal, found.digest, point.item, record, law)
    findings = tuple(
        Finding(check=name, holds=trouble is None, words=trouble or good)
        for name, (check, good) in CHECKS.items()
        for trouble in [check(question)]
    )
    # INVARIANT: a flood costs nobody more work than its count: where that check fails, no signature is looked at.
    flooded = any(finding.check == "flood" and not finding.holds for finding in findings)
    docket = None if flooded else docket_of(record, found, law, point.approvals_this_hour)
    return Judgement(
        head=head,
        findings=findings,
        found=found,
        resolution=resolve(docket, said(record, found.digest, law), point.now) if docket else None,
        settled=_settled(record, point.proposal, law),
    )


def docket_of(record: MissionRecord, found: Found, law: Law, approvals_this_hour: Mapping[str, int] | None = None) -> Docket:
    """*found* with everything its decisions are judged by."""
    taken_uses = uses(record, law)
    items = range(len(found.proposal.actions))
    taken = [taken_uses[found.digest, item].event_id for item in items if (found.digest, item) in taken_uses]
    return Docket(
        proposal=found.proposal,
        digest=found.digest,
        event_id=found.event_id,
        chain=record.chain,
        directory=law.directory,
        rulebook=law.bundle.rulebook,
        siblings=frozenset(signed_proposals(record, law)),
        approvals_this_hour=approvals_this_hour or {},
        used_at=max(taken) if len(taken) == len(items) else None,
    )


def _not_found(record: MissionRecord, digest: Digest, law: Law) -> Finding:
    for entry in record.entries(Kind.PROPOSAL):
        if entry.signed.digest != digest:
            continue
        try:
            opened(entry.signed, Kind.PROPOSAL, law.directory.gate)
        except SignatureError as error:
            words = f"the proposal `{digest[:12]}` in this mission's history (event {entry.event_id}) {error}"
            return Finding(check="proposal", holds=False, words=words)
    words = f"the history of this mission run holds no proposal `{digest[:12]}` of the gate"
    return Finding(check="proposal", holds=False, words=words)


def _settled(record: MissionRecord, digest: Digest, law: Law) -> Settlement | None:
    """A no that the gate gave stays a no, whatever the directory says today."""
    ever = ever_pinned(law.directory)
    for entry in record.entries(Kind.SETTLEMENT):
        body = entry.signed.body
        if body.get("proposal") != digest or body.get("kind") not in tuple(FINAL):
            # Told apart before a signature is looked at: a long mission has many answers, and each is judged over all before.
            continue
        settlement = verified_settlement(entry, ever)
        if settlement and settlement.proposal == digest and settlement.kind in FINAL:
            return settlement
    return None
