"""
How much each person decided, and how long they had each card: a picture of fatigue, not a judgement of anybody.

It is read from votes in settlements that the gate signed. A decision is one signal: however many settlements mention it, it
counts once, as the last of them judged it. Nobody is charged with what only claims to be theirs.

Source: docs/decisions/0012-workload.md
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

from pydantic import AwareDatetime

from approvals.decision import Verdict
from approvals.votes import Vote
from audit.proven import entered, proposed, settlements
from audit.record import MissionRecord, when
from policies.canonical import Digest
from policies.directory import Directory
from policies.model import Recorded
from policies.requirement import Assurance

HASTY = timedelta(seconds=10)
"""A card that was open for less was hardly read."""


@dataclass(frozen=True)
class Decided:
    """One decision as the gate judged it last."""

    proposal: Digest
    at: datetime
    vote: Vote
    open_seconds: float | None
    """From the event that put the proposal into the history to that of the decision; None where there is no such time."""


class Workload(Recorded):
    """What one person decided. Times are of cards whose decision counted."""

    who: str
    decisions: int
    """That counted: approved, denied and others together."""
    approved: int
    denied: int
    other: int
    refused: int
    """That bear the person's name and did not count; anybody may have sent them. Not among `decisions`."""
    approved_share: float | None
    """Of `decisions`, from 0 to 1; None where there are none."""
    median_open_seconds: float | None
    shortest_open_seconds: float | None
    hasty: int
    """Cards that were open for less than ten seconds."""
    first_at: AwareDatetime
    last_at: AwareDatetime


def decided(record: MissionRecord, directory: Directory) -> tuple[Decided, ...]:
    """The judged decisions of *record*, in the order of their events."""
    found: dict[int, Decided] = {}
    since = entered(record, proposed(record, directory))
    for settlement in settlements(record, directory).values():
        for vote in settlement.votes:
            if not 0 < vote.event_id <= settlement.head.through:
                continue
            at = when(record.raw[vote.event_id - 1].event_time)
            opened = open_seconds(since.get(settlement.proposal), at)
            known = found.get(vote.event_id)
            # What no proposal can be found for is refused in the settlements of all; where it counted, it was about that one.
            if known is None or vote.counts or known.proposal == settlement.proposal or not known.vote.counts:
                found[vote.event_id] = Decided(settlement.proposal, at, vote, opened)
    return tuple(found[key] for key in sorted(found))


def open_seconds(since: datetime | None, at: datetime) -> float | None:
    """How long a card that is there *since* was open *at* a decision; None where it was not there yet."""
    return (at - since).total_seconds() if since is not None and at >= since else None


def workloads(decisions: Iterable[Decided], since: datetime | None = None) -> tuple[Workload, ...]:
    """
    What each person decided, most decisions first, then by name.

    Args:
        decisions: Of any number of missions, each mission once.
        since: Aware; earlier decisions are left out.
    """
    by_person: dict[str, list[Decided]] = {}
    for decision in decisions:
        vote = decision.vote
        if vote.who is None or vote.assurance is Assurance.CLAIMED or (since is not None and decision.at < since):
            continue
        by_person.setdefault(vote.who, []).append(decision)
    found = (_of(who, theirs) for who, theirs in by_person.items())
    return tuple(sorted(found, key=lambda workload: (-workload.decisions, -workload.refused, workload.who)))


def _of(who: str, theirs: list[Decided]) -> Workload:
    counted = [decision for decision in theirs if decision.vote.counts]
    verdicts = [decision.vote.verdict for decision in counted]
    approved, denied = verdicts.count(Verdict.APPROVE), verdicts.count(Verdict.DENY)
    times = [decision.open_seconds for decision in counted if decision.open_seconds is not None]
    return Workload(
        who=who,
        decisions=len(counted),
        approved=approved,
        denied=denied,
        other=len(counted) - approved - denied,
        refused=len(theirs) - len(counted),
        approved_share=approved / len(counted) if counted else None,
        median_open_seconds=median(times) if times else None,
        shortest_open_seconds=min(times, default=None),
        hasty=sum(seconds < HASTY.total_seconds() for seconds in times),
        first_at=min(decision.at for decision in theirs),
        last_at=max(decision.at for decision in theirs),
    )
