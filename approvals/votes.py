"""
What each decision is worth: every check by name, every reason it fails.

An approve counts only when all checks hold. A deny needs fewer: doubt about time, assurance or trail must never keep
a no from being heard. `CHECKS` is the whole list; the gate, the command line and the verifier use this one.

Source: docs/decisions/0004-decisions.md
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from approvals.decision import CLOCK_SKEW, MAX_REASON, TYP, Decision, Heard, Verdict, moment, read
from approvals.errors import SignatureError, UnreadableError
from approvals.jws import verify
from approvals.proposal import Proposal
from policies.canonical import Digest, readable
from policies.directory import Directory
from policies.model import Recorded
from policies.requirement import Assurance
from policies.rulebook import Rulebook

MAX_NAME = 200
MAX_WORDS = 500


@dataclass(frozen=True)
class Docket:
    """One proposal before the judge, with everything it is judged by."""

    proposal: Proposal
    digest: Digest
    event_id: int
    """The event that put the proposal into the history."""
    chain: Sequence[Digest]
    """Digest of the trail through event n at index n - 1."""
    directory: Directory
    """Read anew for this judgement."""
    rulebook: Rulebook
    siblings: frozenset[Digest] = frozenset()
    """Other proposals of the same run: a decision about one of them is not about this one, and no mistake."""


class Vote(Recorded):
    """A decision and what it is worth: it counts exactly when `refused` is empty."""

    event_id: int
    at: datetime
    who: str | None = None
    """Person id from the directory; None when nobody could be named."""
    assurance: Assurance = Assurance.CLAIMED
    verdict: Verdict | None = None
    reason: str = ""
    refused: tuple[str, ...] = ()

    @property
    def counts(self) -> bool:
        """Whether nothing was found against it."""
        return not self.refused

    @property
    def by(self) -> str:
        """Whom it is from, in words: a name that only the sender gives is not said to be anybody's."""
        return f"somebody who claims to be {self.who}" if self.assurance is Assurance.CLAIMED else str(self.who)


@dataclass(frozen=True)
class Submission:
    """A readable decision with who sent it, as the directory knows them, before it is believed."""

    decision: Decision
    heard: Heard
    who: str | None
    assurance: Assurance
    now: datetime


Check = Callable[[Submission, Docket], str | None]
"""Why the decision is refused, or None."""


def judged(heard: Heard, docket: Docket, now: datetime) -> Vote | None:
    """The vote that *heard* is; None when it is about another proposal of the same run."""
    try:
        decision = read(heard)
    except UnreadableError as error:
        return Vote(event_id=heard.event_id, at=heard.at, refused=(_words(f"not readable: {error}"),))
    if decision.proposal in docket.siblings and decision.proposal != docket.digest:
        return None
    who, assurance = _sender(decision, heard, docket.directory)
    submission = Submission(decision, heard, who, assurance, now)
    checks = CHECKS if decision.verdict is Verdict.APPROVE else {name: CHECKS[name] for name in FOR_A_NO}
    reasons = (check(submission, docket) for check in checks.values())
    return Vote(
        event_id=heard.event_id,
        at=heard.at,
        who=who,
        assurance=assurance,
        verdict=decision.verdict,
        reason=readable(decision.reason[:MAX_REASON]),
        refused=tuple(_words(reason) for reason in reasons if reason is not None),
    )


def _words(reason: str) -> str:
    """A reason that can be digested: it may quote what a stranger sent, and no stranger's text may stop a settlement."""
    return readable(reason[:MAX_WORDS])


def _sender(decision: Decision, heard: Heard, directory: Directory) -> tuple[str | None, Assurance]:
    if decision.token is not None:
        holder = directory.holder(decision.token.kid)
        return (holder[0] if holder else None), Assurance.SIGNED
    attested = directory.person_of(heard.principal) if heard.principal and not _by_a_workflow(heard) else None
    if attested is not None:
        return attested, Assurance.ATTESTED
    return (readable(decision.claims_to_be[:MAX_NAME]) or None), Assurance.CLAIMED


def _by_a_workflow(heard: Heard) -> bool:
    """Whether a workflow sent it. The server stamps its worker then, and any workflow on that worker may send anything."""
    return heard.workflow is not None


def _person(submission: Submission, docket: Docket) -> str | None:
    who = submission.who
    if who is None:
        kid = submission.decision.token.kid if submission.decision.token else ""
        return f"key `{kid}` is nobody's in the directory" if kid else "it names nobody"
    if who in docket.directory.services:
        return f"`{who}` is a service; only people decide"
    return None if who in docket.directory.people else f"`{who}` is not in the directory"


def _signature(submission: Submission, docket: Docket) -> str | None:
    token = submission.decision.token
    holder = docket.directory.holder(token.kid) if token else None
    if token is None or holder is None:
        return None
    try:
        verify(token, TYP, holder[1])
    except SignatureError as error:
        return f"its token {error}"
    return None


def _key(submission: Submission, docket: Docket) -> str | None:
    token = submission.decision.token
    holder = docket.directory.holder(token.kid) if token else None
    return (holder[1].trouble(submission.heard.at) or holder[1].trouble(submission.now)) if holder else None


def _assurance(submission: Submission, docket: Docket) -> str | None:
    least = max((docket.proposal.requirement.assurance, Assurance.ATTESTED), key=lambda assurance: assurance.rank)
    if submission.assurance.rank >= least.rank:
        return None
    sender = f" (workflow `{submission.heard.workflow}` sent it)" if _by_a_workflow(submission.heard) else ""
    return f"it is `{submission.assurance}`{sender}; an approval of this must be `{least}`"


def _audience(submission: Submission, docket: Docket) -> str | None:
    statement, proposal = submission.decision.statement, docket.proposal
    if statement is None:
        return None
    if statement.aud.namespace != proposal.action.mission.namespace:
        return f"it is for namespace `{statement.aud.namespace}`"
    return None if statement.aud.gate == proposal.gate else f"it is for gate `{statement.aud.gate}`"


def _proposal(submission: Submission, docket: Docket) -> str | None:
    found = submission.decision.proposal
    return None if found == docket.digest else f"it is about proposal `{found[:12]}`, which is not this one"


def _evidence(submission: Submission, docket: Docket) -> str | None:
    statement = submission.decision.statement
    if statement is None:
        return None
    if statement.evidence.through < docket.event_id:
        return f"its evidence ends at event {statement.evidence.through}, before the proposal (event {docket.event_id})"
    trouble = statement.evidence.trouble(docket.chain)
    return f"its evidence {trouble}" if trouble else None


def _order(submission: Submission, docket: Docket) -> str | None:
    if submission.heard.event_id > docket.event_id:
        return None
    return f"it came before the proposal (event {docket.event_id})"


def _time(submission: Submission, docket: Docket) -> str | None:
    statement = submission.decision.statement
    if statement is None:
        return None
    if moment(statement.iat) > submission.heard.at + CLOCK_SKEW:
        return f"it is signed for the future ({moment(statement.iat).isoformat()}); check the signer's clock"
    if moment(statement.exp) <= max(submission.heard.at, submission.now):
        return f"its signature lapsed at {moment(statement.exp).isoformat()}"
    return None


def _eligible(submission: Submission, docket: Docket) -> str | None:
    if submission.who is None or submission.who not in docket.directory.people:
        return None
    groups = {rule.group for rule in docket.proposal.requirement.rules}
    if not groups & set(docket.directory.people[submission.who].groups):
        return f"`{submission.who}` is in none of the groups asked for ({', '.join(sorted(groups))})"
    finding = docket.rulebook.may_approve(submission.who, docket.proposal.approvable(), docket.directory)
    return None if finding.holds else finding.words


CHECKS: dict[str, Check] = {
    "person": _person,
    "signature": _signature,
    "key": _key,
    "assurance": _assurance,
    "audience": _audience,
    "proposal": _proposal,
    "evidence": _evidence,
    "order": _order,
    "time": _time,
    "eligible": _eligible,
}
FOR_A_NO = ("person", "signature", "proposal", "order", "eligible")
"""What a deny needs. Its key may have lapsed and its trail may be old: it still means no."""
