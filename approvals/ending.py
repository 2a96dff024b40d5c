"""How a proposal ended, in words: whose say it was, and why."""

from __future__ import annotations

from collections.abc import Iterator

from approvals.decision import ANSWERS, NOES, Verdict
from approvals.proposal import Proposal
from approvals.resolution import Resolution, State

_DID = {
    Verdict.DENY: "denied it",
    Verdict.REVOKE: "revoked it",
    Verdict.WITHDRAW: "withdrew it",
    Verdict.DONE: "found that it was done",
    Verdict.NOT_DONE: "found that it was not done",
    Verdict.RETRY: "wanted it sent once more",
}


def ending(resolution: Resolution, proposal: Proposal) -> tuple[str, ...]:
    """Why the people's say-so on *proposal* does not stand; empty where it does, or may still come."""
    match resolution.state:
        case State.EXPIRED:
            return (f"the proposal expired at {proposal.expires_at.isoformat(timespec='seconds')}",)
        case State.DENIED:
            return tuple(_said(resolution, NOES))
        case State.REVOKED:
            return tuple(_said(resolution, NOES | ANSWERS))
        case State.WITHDRAWN:
            return tuple(_said(resolution, {Verdict.WITHDRAW})) or ("the mission withdrew it",)
        case State.SUPERSEDED if resolution.amendment is not None:
            changed = ", ".join(sorted(resolution.amendment.changes))
            return (f"{resolution.amendment.who} amended {changed}: what takes its place needs its own say-so",)
        case State.ANSWERED if resolution.answer is not None:
            return tuple(_said(resolution, {resolution.answer}))
    return ()


def _said(resolution: Resolution, verdicts: set[Verdict] | frozenset[Verdict]) -> Iterator[str]:
    for vote in resolution.votes:
        if vote.counts and vote.verdict is not None and vote.verdict in verdicts:
            yield f"{vote.by} {_DID[vote.verdict]}: {vote.reason or 'no reason given'}"
