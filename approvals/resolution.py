"""
How a proposal ends: the one state machine. The gate settles on it, the command line explains with it, a verifier judges by it.

Theory of operation. A proposal starts OPEN. Its decisions are taken in the order of their events; each was judged by
`approvals.votes` with the directory of this moment, so a group or key that was lost since takes its vote along. A vote that
counts and the clock are the only stimuli:

    state      APPROVE_SHORT  APPROVE_MET  DENY      EXPIRE
    OPEN       OPEN           APPROVED     DENIED    EXPIRED
    APPROVED   APPROVED       APPROVED     REVOKED   EXPIRED
    DENIED, EXPIRED, SUPERSEDED, REVOKED, WITHDRAWN: stay as they are

EXPIRE is fed before every decision whose event is not earlier than `expires_at`, and once more with `now`: expiry beats a
late approval, and an approval that is not used by then is void. Nothing leaves a final state, and nothing but APPROVED
admits. SUPERSEDED and WITHDRAWN are listed because a proposal can end so; no stimulus of this version leads there.

Source: docs/decisions/0004-decisions.md
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum

from approvals.decision import Heard, Verdict
from approvals.votes import Docket, Vote, judged
from policies.model import Recorded
from policies.strictness import shortfall


class State(StrEnum):
    """Where a proposal stands."""

    OPEN = "open"
    APPROVED = "approved"
    DENIED = "denied"
    EXPIRED = "expired"
    SUPERSEDED = "superseded"
    REVOKED = "revoked"
    WITHDRAWN = "withdrawn"

    @property
    def final(self) -> bool:
        """Whether nothing can change it any more."""
        return self not in (State.OPEN, State.APPROVED)


class Stimulus(StrEnum):
    """What can happen to a proposal."""

    APPROVE_SHORT = "an approval that leaves something missing"
    APPROVE_MET = "an approval that meets the requirement"
    DENY = "a deny"
    EXPIRE = "the proposal's time is over"


TABLE: dict[tuple[State, Stimulus], State] = {
    (State.OPEN, Stimulus.APPROVE_SHORT): State.OPEN,
    (State.OPEN, Stimulus.APPROVE_MET): State.APPROVED,
    (State.OPEN, Stimulus.DENY): State.DENIED,
    (State.OPEN, Stimulus.EXPIRE): State.EXPIRED,
    (State.APPROVED, Stimulus.APPROVE_SHORT): State.APPROVED,
    (State.APPROVED, Stimulus.APPROVE_MET): State.APPROVED,
    (State.APPROVED, Stimulus.DENY): State.REVOKED,
    (State.APPROVED, Stimulus.EXPIRE): State.EXPIRED,
}


def follow(state: State, stimulus: Stimulus) -> State:
    """The next state. Final states follow nothing."""
    return state if state.final else TABLE[state, stimulus]


class Resolution(Recorded):
    """Where a proposal stands at one moment, what each decision was worth, and what is missing."""

    state: State
    votes: tuple[Vote, ...]
    missing: tuple[str, ...]
    """`1 of finance`; empty when the requirement is met."""


def resolve(docket: Docket, decisions: Sequence[Heard], now: datetime) -> Resolution:
    """
    How the proposal of *docket* stands at *now*.

    Args:
        decisions: All signals of the mission run, in the order of their events.
        now: Aware UTC, the gate's or the verifier's; never earlier than any event.
    """
    state, votes = State.OPEN, list[Vote]()
    approvers: dict[str, frozenset[str]] = {}
    used_tokens: set[str] = set()
    for heard in decisions:
        vote = judged(heard, docket, now)
        if vote is None:
            continue
        if heard.at >= docket.proposal.expires_at:
            state = follow(state, Stimulus.EXPIRE)
        vote = _placed(vote, state, approvers, used_tokens, heard)
        votes.append(vote)
        if vote.counts:
            state = follow(state, _stimulus(vote, docket, approvers))
    if now >= docket.proposal.expires_at:
        state = follow(state, Stimulus.EXPIRE)
    return Resolution(state=state, votes=tuple(votes), missing=shortfall(docket.proposal.requirement.rules, approvers))


def _placed(vote: Vote, state: State, approvers: dict[str, frozenset[str]], used_tokens: set[str], heard: Heard) -> Vote:
    """*vote*, refused when what came before it leaves it no effect."""
    if not vote.counts:
        return vote
    token = repr(heard.values)
    if state.final:
        return vote.model_copy(update={"refused": (f"it came after the proposal was {state}",)})
    if token in used_tokens:
        return vote.model_copy(update={"refused": ("it is a copy of an earlier decision",)})
    if vote.verdict is Verdict.APPROVE and vote.who in approvers:
        return vote.model_copy(update={"refused": (f"`{vote.who}` has approved already; one person counts once",)})
    used_tokens.add(token)
    return vote


def _stimulus(vote: Vote, docket: Docket, approvers: dict[str, frozenset[str]]) -> Stimulus:
    """What *vote*, which counts, does; an approval is added to *approvers*."""
    if vote.verdict is not Verdict.APPROVE or vote.who is None:
        return Stimulus.DENY
    approvers[vote.who] = frozenset(docket.directory.people[vote.who].groups)
    met = not shortfall(docket.proposal.requirement.rules, approvers)
    return Stimulus.APPROVE_MET if met else Stimulus.APPROVE_SHORT
