"""
Judging a proposal over a mission's own history: what must hold before its decisions matter, then the decisions.

`CHECKS` is the whole list of what must hold of the proposal itself. The gate admits on it, the command line explains with
it, a verifier repeats it. Nothing here asks a server; `now`, bundle and directory are handed in.

Source: docs/decisions/0004-decisions.md
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from pydantic import ValidationError

from approvals import start
from approvals.batch import trouble as batch_trouble
from approvals.card import render
from approvals.decision import Heard, Withdrawal
from approvals.docket import Docket
from approvals.errors import SignatureError
from approvals.evidence import Evidence
from approvals.proposal import Proposal
from approvals.resolution import Resolution, State, resolve
from approvals.settlement import USED, Claim, Settlement, SettlementKind
from approvals.signed import Kind, Signed, opened
from audit.record import Entry, MissionRecord, Started
from policies.action import Principals, scope_of
from policies.bundle import Bundle
from policies.canonical import Digest, parse
from policies.directory import Directory
from policies.errors import CanonicalError
from policies.ruling import Finding, Outcome
from policies.strictness import stricter

MAX_SIGNALS = 1000
"""So many signals to one run are judged. A flood may stop a mission; it can not make anybody work without end."""


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
    """A claim of the gate as it stands in the mission's own history: the use of one item of a proposal."""

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
    question = Question(found.proposal, point.item, record, law)
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
    uses = [announced(record, found.digest, law, item) for item in range(len(found.proposal.actions))]
    taken = [use.event_id for use in uses if use is not None]
    return Docket(
        proposal=found.proposal,
        digest=found.digest,
        event_id=found.event_id,
        chain=record.chain,
        directory=law.directory,
        rulebook=law.bundle.rulebook,
        siblings=frozenset(signed_proposals(record, law)),
        approvals_this_hour=approvals_this_hour or {},
        used_at=max(taken) if len(taken) == len(uses) else None,
    )


def said(record: MissionRecord, proposal: Digest, law: Law) -> tuple[Heard | Withdrawal, ...]:
    """Every signal but the gate's own announcements, and the mission's withdrawals of *proposal*, in order."""
    withdrawn = [Withdrawal(event_id, at) for event_id, at in record.withdrawals(proposal)]
    return tuple(sorted((*decisions(record, law), *withdrawn), key=lambda each: each.event_id))


def decisions(record: MissionRecord, law: Law) -> tuple[Heard, ...]:
    """Every signal but the gate's own announcements; a forged announcement is a malformed decision."""
    return tuple(heard for heard in record.signals if _claim(heard, law) is None)


def announced(record: MissionRecord, digest: Digest, law: Law, item: int = 0) -> Announcement | None:
    """
    The first of the gate's announcements that the use of *item* of proposal *digest* is taken.

    INVARIANT: only its author sends.
    """
    # One with more signals before it does not admit, and sent nothing: forgeries beyond it make nobody verify them.
    for heard in record.signals[: MAX_SIGNALS + 1]:
        found = _claim(heard, law)
        if found is not None and (found.claim.proposal, found.claim.item) == (digest, item):
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


def open_proposals(record: MissionRecord, law: Law, now: datetime) -> tuple[Found, ...]:
    """The run's proposals that people could still decide about: not ended by the gate's word, and in time."""
    ended = set[Digest]()
    for entry in record.entries(Kind.SETTLEMENT):
        known = verified_settlement(entry, law.directory)
        if known is not None and not known.open:
            ended.add(known.proposal)
    proposals = signed_proposals(record, law).items()
    return tuple(found for name, found in proposals if name not in ended and now < found.proposal.expires_at)


def principals_of(record: MissionRecord, directory: Directory) -> tuple[Principals, str | None]:
    """Whom the mission acts for, as its signed start proves, and why nobody could be named (None when somebody was)."""
    return acting_for(record.started, directory)


def acting_for(started: Started, directory: Directory) -> tuple[Principals, str | None]:
    """The answer of `principals_of`, from the start alone."""
    scope = scope_of(started.input)
    if started.signed_start is None:
        return Principals(scope=scope), "the start was not signed"
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
        return Principals(scope=scope), f"the start {error}"
    return Principals(owner=owner, on_behalf_of=on_behalf_of, scope=scope), None


def reset_trouble(record: MissionRecord) -> str | None:
    """Why this run commits nothing, if it repeats or continues another: its card could not tell what that one did."""
    started = record.started
    if started.original_run_id != record.run_id:
        return f"refused: reset. This run repeats run `{started.original_run_id}`; start a successor instead"
    if started.mission.first_execution_run_id != record.run_id:
        first = started.mission.first_execution_run_id
        return f"refused: continued. This run goes on from run `{first}`; start a successor instead"
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


_FINAL = {
    SettlementKind.DENIED,
    SettlementKind.EXPIRED,
    SettlementKind.REVOKED,
    SettlementKind.SUPERSEDED,
    SettlementKind.WITHDRAWN,
    SettlementKind.ANSWERED,
}


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


@dataclass(frozen=True)
class Question:
    """One item of a proposal, before the checks."""

    proposal: Proposal
    item: int
    record: MissionRecord
    law: Law


def _run(question: Question) -> str | None:
    here = question.record.started.mission
    same = all(action.mission == here for action in question.proposal.actions)
    return None if same else "the proposal was made for another mission run"


def _reset(question: Question) -> str | None:
    return reset_trouble(question.record)


def _cancelled(question: Question) -> str | None:
    return "somebody asked the mission to cancel" if question.record.cancel_requested else None


def _flood(question: Question) -> str | None:
    count = len(question.record.signals)
    if count <= MAX_SIGNALS:
        return None
    return f"more than {MAX_SIGNALS} signals were sent to this mission, too many to judge; start a successor instead"


def _evidence(question: Question) -> str | None:
    trouble = question.proposal.evidence.trouble(question.record.chain)
    return f"the proposal's evidence {trouble}" if trouble else None


def _card(question: Question) -> str | None:
    same = render(question.proposal).digest == question.proposal.card
    return None if same else "the card of the proposal is not the one its action gives"


def _owner(question: Question) -> str | None:
    principals, trouble = principals_of(question.record, question.law.directory)
    # Not the scope: proposals made before there was one have none, and the ruling takes today's.
    frozen = question.proposal.principals
    if (principals.owner, principals.on_behalf_of) == (frozen.owner, frozen.on_behalf_of):
        return None
    return f"the mission's owner can no longer be proven: {trouble}" if trouble else "the mission's owner is another now"


def _start(question: Question) -> str | None:
    owner, mission_type = question.proposal.principals.owner, question.proposal.action.mission.mission_type
    if owner is None:
        return "the mission's owner is unknown; start it with `sayso start`, which signs the start"
    finding = question.law.bundle.rulebook.may_start(owner, mission_type, question.law.directory)
    return None if finding.holds else finding.words


def _ruling(question: Question) -> str | None:
    proposal, law = question.proposal, question.law
    principals, _ = principals_of(question.record, law.directory)
    ruling = law.bundle.rule(proposal.actions[question.item], principals, law.directory)
    if ruling.outcome is not Outcome.GATE or ruling.requirement is None:
        return "; ".join(ruling.reasons()) or "policy no longer gates this action"
    return stricter(ruling.requirement, proposal.requirement) or batch_trouble(proposal.actions, ruling.requirement.batch)


def _outcome(question: Question) -> str | None:
    asks = question.proposal.reconciles
    if asks is None:
        return None
    for entry in question.record.entries(Kind.SETTLEMENT):
        known = verified_settlement(entry, question.law.directory)
        if known is not None and (known.proposal, known.item) == (asks.proposal, asks.item) and known.receipt is not None:
            return "the outcome that it asks about is known by now: a receipt is recorded"
    return None


Check = Callable[[Question], str | None]

CHECKS: Mapping[str, tuple[Check, str]] = {
    "run": (_run, "the proposal was made for this mission run"),
    "reset": (_reset, "the run is not a reset"),
    "cancelled": (_cancelled, "nobody asked the mission to cancel"),
    "flood": (_flood, "few enough signals came to judge each"),
    "evidence": (_evidence, "the trail up to the proposal is unchanged"),
    "card": (_card, "the card is the one that the action gives"),
    "owner": (_owner, "the owner is proven by the signed start"),
    "start": (_start, "the owner may start such missions"),
    "ruling": (_ruling, "policy still permits the action and asks for no more than before"),
    "outcome": (_outcome, "no outcome is known that makes it needless"),
}
