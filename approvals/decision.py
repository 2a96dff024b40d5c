"""
Decisions: what a named person says over one proposal's digests.

A signed decision is a compact JWS. An unsigned one is a JSON object; it is `attested` when the Temporal server stamped a
principal on its event, else `claimed`. Here a decision is only read; what it is worth is judged in `approvals.votes`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from pydantic import JsonValue, ValidationError

from approvals.errors import SignatureError, UnreadableError
from approvals.evidence import Evidence
from approvals.jws import Signer, Token, take_apart
from approvals.proposal import Proposal
from policies.canonical import Digest, parse
from policies.errors import CanonicalError
from policies.model import Recorded, Written

TYP = "sayso-decision+jws"
SIGNAL = "decide"
MAX_REASON = 2000
MAX_MOMENT = 253_402_300_799
"""Seconds since 1970 of the last second that a calendar holds."""
CLOCK_SKEW = timedelta(minutes=2)
"""How far a signer's clock may run ahead of the server's."""


class Verdict(StrEnum):
    """What the person says."""

    APPROVE = "approve"
    DENY = "deny"
    REVOKE = "revoke"
    """A no that is meant for an approval which may stand already."""
    ABSTAIN = "abstain"
    """Neither; it takes back what the same person said before."""
    AMEND = "amend"
    """Not this, but the same with other arguments: supersedes the proposal, and the new one needs its own say-so."""
    WITHDRAW = "withdraw"
    """The mission's owner does not want it any more."""
    DONE = "done"
    """Of an unknown outcome: it was done."""
    NOT_DONE = "not-done"
    """Of an unknown outcome: it was not done, and is not to be."""
    RETRY = "retry"
    """Of an unknown outcome: it was not done, and is to be sent once more."""


ANSWERS = frozenset({Verdict.DONE, Verdict.NOT_DONE, Verdict.RETRY})
"""What can be said about an unknown outcome."""
NOES = frozenset({Verdict.DENY, Verdict.REVOKE})


class Audience(Written):
    """Where a decision counts: one namespace, one gate."""

    namespace: str
    gate: str


class Statement(Written):
    """The payload of a signed decision."""

    aud: Audience
    proposal: Digest
    evidence: Evidence
    verdict: Verdict
    reason: str = ""
    changes: dict[str, JsonValue] | None = None
    """With `amend`: new values by path."""
    iat: int
    """Seconds since 1970, as are the next."""
    exp: int
    jti: str


class Unsigned(Recorded):
    """What may be sent without a key, for example pasted into the Temporal UI."""

    proposal: Digest
    verdict: Verdict
    approver: str = ""
    reason: str = ""
    changes: dict[str, JsonValue] | None = None


@dataclass(frozen=True)
class Withdrawal:
    """The mission itself asked the gate to withdraw a proposal, as it stands in the history."""

    event_id: int
    at: datetime


@dataclass(frozen=True)
class Heard:
    """One signal as it stands in the history: values as sent, in order; None for one that could not be opened."""

    event_id: int
    at: datetime
    name: str
    values: tuple[bytes | None, ...]
    principal: str | None = None
    """`type:name` as the server stamped it."""
    workflow: str | None = None
    """Id of the workflow that sent it; its principal is then a worker's, whoever that worker obeys."""


@dataclass(frozen=True)
class Decision:
    """A decision as it was sent, not yet believed."""

    proposal: Digest
    verdict: Verdict
    reason: str
    token: Token | None = None
    statement: Statement | None = None
    claims_to_be: str = ""
    changes: Mapping[str, JsonValue] | None = None


def make(
    proposal: Proposal,
    digest: Digest,
    evidence: Evidence,
    verdict: Verdict,
    *,
    reason: str,
    now: datetime,
    jti: str,
    changes: Mapping[str, JsonValue] | None = None,
) -> Statement:
    """The statement an approver signs: good until the proposal expires."""
    return Statement(
        aud=Audience(namespace=proposal.action.mission.namespace, gate=proposal.gate),
        proposal=digest,
        evidence=evidence,
        verdict=verdict,
        reason=reason[:MAX_REASON],
        changes=None if changes is None else dict(changes),
        iat=int(now.timestamp()),
        exp=int(proposal.expires_at.timestamp()),
        jti=jti,
    )


def sign(statement: Statement, signer: Signer) -> str:
    """*statement* as a compact JWS."""
    # What is not said is left out, so that a gate from before it could be said still reads the rest.
    unsaid = {"changes"} if statement.changes is None else set[str]()
    return signer.sign(TYP, statement.model_dump(mode="json", exclude=unsaid))


def read(heard: Heard) -> Decision:
    """
    The decision in *heard*.

    Raises:
        UnreadableError: Not a decision; says what it is instead.
    """
    value = _value(heard)
    if isinstance(value, dict) and isinstance(value.get("jws"), str):
        value = value["jws"]
    if isinstance(value, str):
        return _signed(value)
    try:
        unsigned = Unsigned.model_validate(value)
    except ValidationError as error:
        raise UnreadableError("it is neither a signed decision nor `{proposal, verdict, approver}`") from error
    return Decision(
        unsigned.proposal, unsigned.verdict, unsigned.reason, claims_to_be=unsigned.approver, changes=unsigned.changes
    )


def _value(heard: Heard) -> JsonValue:
    if heard.name != SIGNAL:
        raise UnreadableError(f"signal `{heard.name[:80]}` is not one this mission takes; decisions are sent as `{SIGNAL}`")
    if len(heard.values) != 1:
        raise UnreadableError(f"it carries {len(heard.values)} values where one is expected")
    data = heard.values[0]
    if data is None:
        raise UnreadableError("its payload could not be opened")
    try:
        return parse(data)
    except CanonicalError as error:
        raise UnreadableError(f"its payload is not JSON with one reading: {error}") from error


def _signed(text: str) -> Decision:
    try:
        token = take_apart(text)
        statement = Statement.model_validate(token.payload)
    except SignatureError as error:
        raise UnreadableError(f"it {error}") from error
    except ValidationError as error:
        raise UnreadableError(f"its signed payload is not a decision ({error.error_count()} fields wrong)") from error
    return Decision(
        statement.proposal, statement.verdict, statement.reason, token=token, statement=statement, changes=statement.changes
    )


def moment(seconds: int) -> datetime:
    """Aware UTC from seconds since 1970; times no calendar holds become the nearest end of it."""
    return datetime.fromtimestamp(max(0, min(seconds, MAX_MOMENT)), tz=UTC)
