"""
What is checked of a decision: every check by name, and which of them a verdict needs.

What could let an action out counts only when every check holds that `NEEDS` names for it. A no needs fewer: doubt about time,
assurance or trail must never keep a no from being heard. `CHECKS` is the whole list; the gate, the command line and the
verifier use this one.

Source: docs/decisions/0004-decisions.md
"""

from __future__ import annotations

from collections.abc import Callable

from pydantic import JsonValue

from approvals import amendment
from approvals.decision import ANSWERS, CLOCK_SKEW, TYP, Decision, Verdict, moment
from approvals.docket import Docket, Submission
from approvals.errors import SignatureError
from approvals.jws import verify
from policies.action import MAX_ARGUMENTS
from policies.canonical import canonical, settled
from policies.errors import CanonicalError
from policies.requirement import Assurance

CHANGES_STAND = 8
"""How deep an amendment's values stand in a settlement and in a proposal, at most."""
Check = Callable[[Submission, Docket], str | None]
"""Why the decision is refused, or None."""


def changes_of(decision: Decision) -> dict[str, JsonValue] | None:
    """As the gate would send them. Raises CanonicalError."""
    found = settled(dict(decision.changes or {}), CHANGES_STAND)
    return found if isinstance(found, dict) else None


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
    sender = f" (workflow `{submission.heard.workflow}` sent it)" if submission.heard.workflow else ""
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
    proposal, at = docket.proposal, submission.heard.at
    asked, own = proposal.requirement.groups(proposal.seconds(at)), set(docket.directory.people[submission.who].groups)
    if not asked & own:
        later = own & proposal.requirement.groups(float("inf"))
        when = f"; {', '.join(sorted(later))} is asked later" if later else ""
        return f"`{submission.who}` is in none of the groups asked for ({', '.join(sorted(asked))}){when}"
    findings = (docket.rulebook.may_approve(submission.who, what, docket.directory) for what in proposal.approvables(at))
    return next((finding.words for finding in findings if not finding.holds), None)


def _excluded(submission: Submission, docket: Docket) -> str | None:
    person = docket.directory.people.get(submission.who or "")
    shut = sorted(set(docket.proposal.requirement.excludes) & set(person.groups)) if person else []
    return f"`{submission.who}` is of {', '.join(shut)}, whose people do not approve this" if shut else None


def _amender(submission: Submission, docket: Docket) -> str | None:
    amends = docket.proposal.amends
    if amends is None or submission.who not in amends.who:
        return None
    return f"`{submission.who}` amended it, and nobody approves what they changed themselves"


def _reason(submission: Submission, docket: Docket) -> str | None:
    if not docket.proposal.requirement.reason or submission.decision.reason.strip():
        return None
    return "it gives no reason, and policy asks for one"


def _question(submission: Submission, docket: Docket) -> str | None:
    verdict, asks = submission.decision.verdict, docket.proposal.reconciles is not None
    if asks and verdict not in ANSWERS:
        return f"this asks what became of an action: answer {', '.join(sorted(ANSWERS))}, or deny"
    if verdict in ANSWERS and not asks:
        return f"`{verdict}` answers what became of an action, and this asks for a say-so"
    return None


def _amendment(submission: Submission, docket: Docket) -> str | None:
    proposal, decision = docket.proposal, submission.decision
    if proposal.more:
        return "a batch is not amended; deny it, and let the mission propose another"
    try:
        changes = changes_of(decision)
    except CanonicalError as error:
        return f"its changes have no single form: {error}"
    if changes is not None and len(canonical(changes)) > MAX_ARGUMENTS:
        return f"its changes are larger than {MAX_ARGUMENTS} bytes"
    found = amendment.trouble(changes, proposal.action.arguments, proposal.requirement.amendable)
    return f"it cannot be amended so: {found}" if found else None


def _named(submission: Submission, docket: Docket) -> str | None:
    if submission.assurance is not Assurance.CLAIMED:
        return None
    return "an abstention takes a yes back, and in somebody's name alone it counts for nothing: sign it"


def _owner(submission: Submission, docket: Docket) -> str | None:
    owner = docket.proposal.principals.owner
    if owner is not None and submission.who == owner:
        return None
    return "only the mission's owner withdraws it; whoever is asked may deny it"


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
    "excluded": _excluded,
    "amender": _amender,
    "reason": _reason,
    "question": _question,
    "amendment": _amendment,
    "named": _named,
    "owner": _owner,
}
FOR_A_YES = (
    "person", "signature", "key", "assurance", "audience", "proposal", "evidence", "order", "time", "eligible", "excluded",
    "amender", "reason", "question",
)  # fmt: skip
FOR_A_NO = ("person", "signature", "proposal", "order", "eligible")
"""What a deny needs. Its key may have lapsed and its trail may be old: it still means no."""
NEEDS: dict[Verdict, tuple[str, ...]] = {
    Verdict.APPROVE: FOR_A_YES,
    Verdict.DONE: FOR_A_YES,
    Verdict.NOT_DONE: FOR_A_YES,
    Verdict.RETRY: FOR_A_YES,
    Verdict.AMEND: (*(name for name in FOR_A_YES if name != "amender"), "amendment"),
    Verdict.DENY: FOR_A_NO,
    Verdict.REVOKE: FOR_A_NO,
    Verdict.ABSTAIN: (*FOR_A_NO, "named"),
    Verdict.WITHDRAW: ("person", "signature", "proposal", "order", "owner"),
}
