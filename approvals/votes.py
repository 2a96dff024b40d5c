"""
What each decision is worth: who sent it, how surely, what of `approvals.checks` speaks against it. It counts when nothing does.

Source: docs/decisions/0004-decisions.md
"""

from __future__ import annotations

from datetime import datetime

from pydantic import JsonValue

from approvals.checks import CHECKS, NEEDS, changes_of
from approvals.decision import MAX_MOMENT, MAX_REASON, Decision, Heard, Verdict, read
from approvals.docket import Docket, Submission
from approvals.errors import UnreadableError
from policies.canonical import readable
from policies.directory import Directory
from policies.model import Recorded
from policies.requirement import Assurance

MAX_NAME = 200
MAX_WORDS = 500
UNREADABLE, EFFECT = "unreadable", "effect"
_FORGERY = {"person", "signature"}
"""Checks without which a signed decision is nobody's."""


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
    against: tuple[str, ...] = ()
    """The names of the checks that speak against it; `effect` where it came too late to have one."""
    changes: dict[str, JsonValue] | None = None
    """With an `amend` that counts: the new values by path."""
    late: bool = False
    """It came after the use was taken: it is recorded, and stops nothing that was sent."""
    jti: str = ""
    """Of a signed decision whose signature holds, as is the next."""
    iat: int | None = None
    """Seconds since 1970."""

    @property
    def counts(self) -> bool:
        """Whether nothing was found against it."""
        return not self.refused

    @property
    def by(self) -> str:
        """Whom it is from, in words: a name that only the sender gives is not said to be anybody's."""
        return f"somebody who claims to be {self.who}" if self.assurance is Assurance.CLAIMED else str(self.who)


def judged(heard: Heard, docket: Docket, now: datetime) -> Vote | None:
    """The vote that *heard* is; None when it is about another proposal of the same run."""
    try:
        decision = read(heard)
    except UnreadableError as error:
        return Vote(event_id=heard.event_id, at=heard.at, refused=(_words(f"not readable: {error}"),), against=(UNREADABLE,))
    if decision.proposal in docket.siblings and decision.proposal != docket.digest:
        return None
    who, assurance = _sender(decision, heard, docket.directory)
    submission = Submission(decision, heard, who, assurance, now)
    checks = {name: CHECKS[name] for name in NEEDS[decision.verdict] if name in CHECKS}
    said = {name: reason for name, check in checks.items() for reason in [check(submission, docket)] if reason is not None}
    proven = decision.statement if not said.keys() & _FORGERY else None
    amends = decision.verdict is Verdict.AMEND and not said
    return Vote(
        event_id=heard.event_id,
        at=heard.at,
        who=who,
        assurance=assurance,
        verdict=decision.verdict,
        reason=readable(decision.reason[:MAX_REASON]),
        refused=tuple(_words(reason) for reason in said.values()),
        against=tuple(said),
        changes=changes_of(decision) if amends else None,
        late=docket.used_at is not None and heard.event_id > docket.used_at,
        jti=readable(proven.jti[:MAX_NAME]) if proven else "",
        iat=min(max(proven.iat, 0), MAX_MOMENT) if proven else None,
    )


def _words(reason: str) -> str:
    """A reason that can be digested: it may quote what a stranger sent, and no stranger's text may stop a settlement."""
    return readable(reason[:MAX_WORDS])


def _sender(decision: Decision, heard: Heard, directory: Directory) -> tuple[str | None, Assurance]:
    if decision.token is not None:
        holder = directory.holder(decision.token.kid)
        return (holder[0] if holder else None), Assurance.SIGNED
    attested = directory.person_of(heard.principal) if heard.principal and not by_a_workflow(heard) else None
    if attested is not None:
        return attested, Assurance.ATTESTED
    return (readable(decision.claims_to_be[:MAX_NAME]) or None), Assurance.CLAIMED


def by_a_workflow(heard: Heard) -> bool:
    """Whether a workflow sent it. The server stamps its worker then, and any workflow on that worker may send anything."""
    return heard.workflow is not None
