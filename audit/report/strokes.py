"""What stands on the timeline, in time and in lanes; not yet in places."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from approvals.decision import NOES, Verdict
from approvals.proposal import proposal_id
from audit.observation import Observation, ObservationKind
from audit.report.parts import DecisionPart, MissionPart, ProposalPart, ReadPart, Work
from audit.report.pieces import Tone
from audit.report.times import span, stamp

MOST_STROKES = 600
MOST_ROWS = 6
"""Rows of proposals that lie over each other, and rows of people."""
NAME = 18


class Shape(StrEnum):
    """How a stroke is drawn; each kind of thing has its own, so that none is told by colour alone."""

    BAR = "bar"
    RUN = "run"
    READ = "read"
    MODEL = "model"
    GATE = "gate"
    CHECK = "check"
    CROSS = "cross"
    RING = "ring"
    DOT = "dot"
    TICK = "tick"
    TRIANGLE = "triangle"
    DIAMOND = "diamond"


WORK = frozenset({Shape.READ, Shape.MODEL, Shape.GATE})
"""Bars of somebody at work."""


@dataclass(frozen=True)
class Stroke:
    """One thing at a time, or for a time."""

    lane: int
    at: datetime
    until: datetime | None
    shape: Shape
    tone: Tone
    label: str
    title: str
    event: int


@dataclass(frozen=True)
class Lanes:
    """The lanes from above, and what stands on them."""

    names: tuple[str, ...]
    every: tuple[Stroke, ...]
    """In the order of what matters more."""

    @property
    def strokes(self) -> tuple[Stroke, ...]:
        """Those there is room for."""
        return self.every[:MOST_STROKES]


_GATE = {
    ObservationKind.USED: (Shape.TRIANGLE, Tone.PLAIN, "use"),
    ObservationKind.COMMITTED: (Shape.DIAMOND, Tone.GOOD, "receipt"),
    ObservationKind.PENDING: (Shape.RING, Tone.PLAIN, "waits"),
    ObservationKind.ESCALATED: (Shape.RING, Tone.WARY, "escalated"),
    ObservationKind.DENIED: (Shape.CROSS, Tone.BAD, "denied"),
    ObservationKind.REVOKED: (Shape.CROSS, Tone.BAD, "revoked"),
    ObservationKind.EXPIRED: (Shape.CROSS, Tone.WARY, "expired"),
    ObservationKind.AMENDED: (Shape.CROSS, Tone.PLAIN, "amended"),
    ObservationKind.FROZEN: (Shape.RING, Tone.WARY, "frozen"),
    ObservationKind.WITHDRAWN: (Shape.CROSS, Tone.PLAIN, "withdrawn"),
    ObservationKind.ANSWERED: (Shape.DOT, Tone.PLAIN, "answered"),
    ObservationKind.NOT_SENT: (Shape.RING, Tone.WARY, "not sent"),
    ObservationKind.UNKNOWN: (Shape.RING, Tone.WARY, "unknown"),
    ObservationKind.UNVERIFIED: (Shape.CROSS, Tone.BAD, "unverified"),
}
_MISSION = {
    ObservationKind.OBSERVED: (Shape.TICK, Tone.PLAIN, ""),
    ObservationKind.TROUBLE: (Shape.CROSS, Tone.WARY, ""),
    ObservationKind.ENDED: (Shape.CROSS, Tone.WARY, ""),
    ObservationKind.FINISHED: (Shape.DOT, Tone.PLAIN, ""),
    ObservationKind.EVENT: (Shape.TICK, Tone.PLAIN, ""),
    ObservationKind.ASKED: (Shape.RING, Tone.WARY, ""),
}


def lanes_of(
    mission: MissionPart,
    given: Sequence[ReadPart],
    works: Sequence[Work],
    proposals: Sequence[ProposalPart],
    decisions: Sequence[DecisionPart],
    observations: Sequence[Observation],
) -> Lanes:
    """Lanes and strokes of one mission; a lane that nothing would stand on is left out."""
    names = ["mission"]
    strokes = [_run(mission), *_alone(observations, _MISSION, 0)]
    strokes += [_given(each, len(names)) for each in given]
    names += ["reads, model"] if given else []
    rows = _rows(proposals, mission.last_at)
    strokes += [_proposal(each, len(names) + row, mission.last_at) for each, row in zip(proposals, rows, strict=True)]
    names += ["proposals", *[""] * max(rows)] if rows else []
    people = _people(decisions)
    gate = len(names) + len(people)
    strokes += [*(_work(each, gate) for each in works), *_alone(observations, _GATE, gate)]
    # Those that counted are drawn first: a flood of others must not push them out.
    ordered = sorted(decisions, key=lambda each: not each.counts)
    strokes += [_decision(each, len(names) + people.index(_named(each, people))) for each in ordered]
    names += [*people, "gate"]
    return Lanes(tuple(names), tuple(strokes))


def _run(mission: MissionPart) -> Stroke:
    long = span((mission.last_at - mission.began_at).total_seconds())
    words = f"the mission ran {long}, from {stamp(mission.began_at)} to {stamp(mission.last_at)}"
    return Stroke(
        0, mission.began_at, mission.last_at, Shape.RUN, Tone.PLAIN, "", words if mission.closed else f"{words}, and on", 1
    )


def _alone(
    observations: Iterable[Observation], kinds: dict[ObservationKind, tuple[Shape, Tone, str]], lane: int
) -> Iterator[Stroke]:
    for each in observations:
        if each.kind in kinds:
            shape, tone, label = kinds[each.kind]
            title = f"{each.kind.replace('_', ' ')}, event {each.event_id}, {stamp(each.at)}"
            yield Stroke(lane, each.at, None, shape, tone, label, title, each.event_id)


def _given(part: ReadPart, lane: int) -> Stroke:
    kind = f"answer of {part.model}" if part.model else "read"
    title = f"{kind}: {part.what[:200]}, took {span((part.at - part.asked_at).total_seconds())}, event {part.event}"
    shape, label = (Shape.MODEL, "model") if part.model else (Shape.READ, "read")
    return Stroke(lane, part.asked_at, part.at, shape, Tone.PLAIN, label, title, part.event)


def _work(part: Work, lane: int) -> Stroke:
    title = f"{part.what}, took {span((part.at - part.asked_at).total_seconds())}, event {part.event}, {stamp(part.at)}"
    return Stroke(lane, part.asked_at, part.at, Shape.GATE, Tone.PLAIN, "", title, part.event)


def _rows(proposals: Sequence[ProposalPart], last: datetime) -> list[int]:
    """The row of each proposal: the first that is free by then, else the last."""
    free: list[datetime] = []
    found = []
    for each in proposals:
        row = next((index for index, until in enumerate(free) if until <= each.at), len(free))
        row = min(row, MOST_ROWS - 1)
        until = _until(each, last)
        free[row : row + 1] = [until if row >= len(free) else max(until, free[row])]
        found.append(row)
    return found


def _until(proposal: ProposalPart, last: datetime) -> datetime:
    ended = proposal.ended
    return max(ended.at, proposal.at) if ended is not None and ended.at is not None else last


def _proposal(part: ProposalPart, lane: int, last: datetime) -> Stroke:
    until = _until(part, last)
    kinds = list(dict.fromkeys(outcome.kind for outcome in part.outcomes.shown))
    tones = {outcome.tone for outcome in part.outcomes.shown}
    tone = tones.pop() if len(tones) == 1 else Tone.WARY
    label = f"{proposal_id(part.digest)} {' / '.join(kinds)}" + (" (unproven)" if part.doubt else "")
    waited = span((until - part.at).total_seconds())
    title = f"proposal {label}, {waited}, from {stamp(part.at)} to {stamp(until)}, event {part.event}"
    return Stroke(lane, part.at, until, Shape.BAR, tone, label, title, part.event)


def _people(decisions: Sequence[DecisionPart]) -> list[str]:
    """Who has a lane: the first that were named surely, and one lane for everybody else."""
    sure = list(dict.fromkeys(each.by.who for each in decisions if _sure(each)))
    lanes = sure[: MOST_ROWS - 1]
    others = any(not _sure(each) or each.by.who not in lanes for each in decisions)
    return [*lanes, "others"] if others else lanes


def _sure(part: DecisionPart) -> bool:
    return part.by.assurance in ("signed", "attested") and bool(part.by.who)


def _named(part: DecisionPart, lanes: Sequence[str]) -> str:
    return part.by.who if _sure(part) and part.by.who in lanes else "others"


def _decision(part: DecisionPart, lane: int) -> Stroke:
    by = f"{part.by.who} ({part.by.assurance})" if part.by.who else "somebody"
    title = f"{part.verdict[:80]} by {by[:200]}, {part.standing}, event {part.event}, {stamp(part.at)}"
    label = part.verdict if part.standing == "counted" else f"{part.verdict[:NAME]}, {part.standing.partition(':')[0]}"
    return Stroke(lane, part.at, None, _shape(part), part.tone, label, title, part.event)


def _shape(part: DecisionPart) -> Shape:
    if part.standing == "did not count" or part.standing.startswith("was not judged"):
        return Shape.RING
    if part.verdict in NOES:
        return Shape.CROSS
    return Shape.CHECK if part.verdict == Verdict.APPROVE else Shape.DOT
