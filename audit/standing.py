"""
What must hold of a proposal itself before its decisions matter. `CHECKS` is the whole list: the gate admits on it, the command
line explains with it, a verifier repeats it.

Source: docs/decisions/0004-decisions.md
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from approvals.batch import trouble as batch_trouble
from approvals.card import render
from approvals.proposal import Proposal
from audit.claims import MAX_SIGNALS
from audit.law import Law
from audit.outcomes import known
from audit.principals import principals_of, reset_trouble
from audit.record import MissionRecord
from policies.canonical import Digest
from policies.ruling import Outcome
from policies.strictness import stricter


@dataclass(frozen=True)
class Question:
    """One item of a proposal, before the checks."""

    proposal: Proposal
    digest: Digest
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
    return known(asks, question.record, question.law, question.digest) if asks else None


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
