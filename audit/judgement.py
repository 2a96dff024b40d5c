"""
Judging a proposal over a mission's own history: what must hold before its decisions matter, then the decisions.

`CHECKS` is the whole list of what must hold of the proposal itself. The gate admits on it, the command line explains with
it, a verifier repeats it. Nothing here asks a server; `now`, bundle and directory are handed in.

Source: docs/decisions/0004-decisions.md
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from pydantic import ValidationError

from approvals import start
from approvals.card import render
from approvals.decision import Heard
from approvals.errors import SignatureError
from approvals.evidence import Evidence
from approvals.proposal import Proposal
from approvals.resolution import Resolution, State, resolve
from approvals.settlement import USED, Claim, Settlement, SettlementKind
from approvals.signed import Kind, Signed, opened
from approvals.votes import Docket
from audit.record import Entry, MissionRecord
from policies.action import Principals
from policies.bundle import Bundle
from policies.canonical import Digest, parse
from policies.directory import Directory
from policies.errors import CanonicalError
from policies.requirement import stricter
from policies.ruling import Finding, Outcome


@dataclass(frozen=True)
class Law:
    """What is judged by: the bundle, and the directory as it is at this moment."""

    bundle: Bundle
    directory: Directory


@dataclass(frozen=True)
class Found:
    """A proposal that a pinned gate key signed, where it stands in the history."""

    proposal: Proposal
    digest: Digest
    event_id: int


@dataclass(frozen=True)
class Announcement:
    """A claim of the gate as it stands in the mission's own history."""

    event_id: int
    digest: Digest
    claim: Claim


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


def judge(record: MissionRecord, digest: Digest, law: Law, now: datetime) -> Judgement:
    """Judges proposal *digest* over *record* at *now* (never earlier than its last event)."""
    head = Evidence(through=record.head, digest=record.chain[-1])
    proposals = signed_proposals(record, law)
    found = proposals.get(digest)
    if found is None:
        return Judgement(head=head, findings=(_not_found(record, digest, law),))
    findings = tuple(
        Finding(check=name, holds=trouble is None, words=trouble or good)
        for name, (check, good) in CHECKS.items()
        for trouble in [check(found.proposal, record, law)]
    )
    docket = docket_of(record, found, law)
    return Judgement(
        head=head,
        findings=findings,
        found=found,
        resolution=resolve(docket, decisions(record, law), now),
        settled=_settled(record, digest, law),
    )


def docket_of(record: MissionRecord, found: Found, law: Law) -> Docket:
    """*found* with everything its decisions are judged by."""
    return Docket(
        proposal=found.proposal,
        digest=found.digest,
        event_id=found.event_id,
        chain=record.chain,
        directory=law.directory,
        rulebook=law.bundle.rulebook,
        siblings=frozenset(signed_proposals(record, law)),
    )


def decisions(record: MissionRecord, law: Law) -> tuple[Heard, ...]:
    """Every signal but the gate's own announcements; a forged announcement is a malformed decision."""
    return tuple(heard for heard in record.signals if _claim(heard, law) is None)


def announcements(record: MissionRecord, law: Law) -> dict[Digest, Announcement]:
    """By proposal, the first of the gate's announcements that its use is taken."""
    found: dict[Digest, Announcement] = {}
    for claim in (_claim(heard, law) for heard in record.signals):
        if claim is not None:
            found.setdefault(claim.claim.proposal, claim)
    return found


def announced(record: MissionRecord, digest: Digest, law: Law) -> Announcement | None:
    """The first of the gate's announcements that the use of proposal *digest* is taken. INVARIANT: only its author sends."""
    for heard in record.signals:
        found = _claim(heard, law)
        if found is not None and found.claim.proposal == digest:
            return found
    return None


def _claim(heard: Heard, law: Law) -> Announcement | None:
    if heard.name != USED or len(heard.values) != 1 or heard.values[0] is None:
        return None
    try:
        signed = Signed.model_validate(parse(heard.values[0]))
        claim = Claim.model_validate(opened(signed, Kind.CLAIM, law.directory.gate))
    except (SignatureError, CanonicalError, ValidationError):
        return None
    return Announcement(heard.event_id, signed.digest, claim)


def signed_proposals(record: MissionRecord, law: Law) -> dict[Digest, Found]:
    """The proposals in *record* that a pinned gate key signed, by recomputed digest, in the order of the history."""
    found: dict[Digest, Found] = {}
    for entry in record.entries(Kind.PROPOSAL):
        try:
            body = opened(entry.signed, Kind.PROPOSAL, law.directory.gate)
            proposal = Proposal.model_validate(body)
        except (SignatureError, ValidationError):
            continue
        found.setdefault(entry.signed.digest, Found(proposal, entry.signed.digest, entry.event_id))
    return found


def principals_of(record: MissionRecord, directory: Directory) -> tuple[Principals, str | None]:
    """Whom the mission acts for, as its signed start proves, and why nobody could be named (None when somebody was)."""
    started = record.started
    if started.signed_start is None:
        return Principals(), "the start was not signed"
    try:
        expected = start.Start(
            namespace=started.mission.namespace,
            mission_type=started.mission.mission_type,
            mission_id=started.mission.mission_id,
            input=start.input_digest(started.input),
            iat=0,
            exp=0,
            jti="",
        )
        owner, on_behalf_of = start.owner(started.signed_start, expected, started.at, directory)
    except (SignatureError, CanonicalError) as error:
        return Principals(), f"the start {error}"
    return Principals(owner=owner, on_behalf_of=on_behalf_of), None


def reset_trouble(record: MissionRecord) -> str | None:
    """Why this run commits nothing, if it repeats or continues another: its card could not tell what that one did."""
    started = record.started
    command = f"sayso start {shlex.quote(started.mission.mission_type)} --succeeds {shlex.quote(record.mission_id)}"
    instead = f"start a successor instead, with `{command}`"
    if started.original_run_id != record.run_id:
        return f"refused: reset. This run repeats run `{started.original_run_id}`; {instead}"
    if started.mission.first_execution_run_id != record.run_id:
        first = started.mission.first_execution_run_id
        return f"refused: continued. This run goes on from run `{first}`; {instead}"
    return None


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


_FINAL = {SettlementKind.DENIED, SettlementKind.EXPIRED, SettlementKind.REVOKED, SettlementKind.SUPERSEDED}


def _settled(record: MissionRecord, digest: Digest, law: Law) -> Settlement | None:
    """A no that the gate gave stays a no, whatever the directory says today."""
    for entry in record.entries(Kind.SETTLEMENT):
        settlement = verified_settlement(entry, law.directory)
        if settlement and settlement.proposal == digest and settlement.kind in _FINAL:
            return settlement
    return None


def verified_settlement(entry: Entry, directory: Directory) -> Settlement | None:
    """The settlement in *entry*, when a pinned gate key signed it."""
    try:
        return Settlement.model_validate(opened(entry.signed, Kind.SETTLEMENT, directory.gate))
    except (SignatureError, ValidationError):
        return None


def _run(proposal: Proposal, record: MissionRecord, law: Law) -> str | None:
    same = proposal.action.mission == record.started.mission
    return None if same else "the proposal was made for another mission run"


def _reset(proposal: Proposal, record: MissionRecord, law: Law) -> str | None:
    return reset_trouble(record)


def _cancelled(proposal: Proposal, record: MissionRecord, law: Law) -> str | None:
    return "somebody asked the mission to cancel" if record.cancel_requested else None


def _evidence(proposal: Proposal, record: MissionRecord, law: Law) -> str | None:
    trouble = proposal.evidence.trouble(record.chain)
    return f"the proposal's evidence {trouble}" if trouble else None


def _card(proposal: Proposal, record: MissionRecord, law: Law) -> str | None:
    same = render(proposal).digest == proposal.card
    return None if same else "the card of the proposal is not the one its action gives"


def _owner(proposal: Proposal, record: MissionRecord, law: Law) -> str | None:
    principals, trouble = principals_of(record, law.directory)
    if principals == proposal.principals:
        return None
    return f"the mission's owner can no longer be proven: {trouble}" if trouble else "the mission's owner is another now"


def _start(proposal: Proposal, record: MissionRecord, law: Law) -> str | None:
    owner, mission_type = proposal.principals.owner, proposal.action.mission.mission_type
    if owner is None:
        return "the mission's owner is unknown; start it with `sayso start`, which signs the start"
    finding = law.bundle.rulebook.may_start(owner, mission_type, law.directory)
    return None if finding.holds else finding.words


def _ruling(proposal: Proposal, record: MissionRecord, law: Law) -> str | None:
    ruling = law.bundle.rule(proposal.action, proposal.principals, law.directory)
    if ruling.outcome is not Outcome.GATE or ruling.requirement is None:
        return "; ".join(ruling.reasons()) or "policy no longer gates this action"
    return stricter(ruling.requirement, proposal.requirement)


Check = Callable[[Proposal, MissionRecord, Law], str | None]

CHECKS: Mapping[str, tuple[Check, str]] = {
    "run": (_run, "the proposal was made for this mission run"),
    "reset": (_reset, "the run is not a reset"),
    "cancelled": (_cancelled, "nobody asked the mission to cancel"),
    "evidence": (_evidence, "the trail up to the proposal is unchanged"),
    "card": (_card, "the card is the one that the action gives"),
    "owner": (_owner, "the owner is proven by the signed start"),
    "start": (_start, "the owner may start such missions"),
    "ruling": (_ruling, "policy still permits the action and asks for no more than before"),
}
