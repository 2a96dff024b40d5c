"""Who said what, over which proposal, how surely, and what it was worth by the gate's last word about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from approvals.decision import NOES, Decision, Heard, Verdict, read
from approvals.errors import UnreadableError
from approvals.settlement import Settlement
from approvals.votes import Vote
from audit.report.papers import Paper
from audit.report.parts import DecisionPart
from audit.report.pieces import Tone, Who
from audit.report.values import value_of
from audit.verification.material import Material
from audit.workload import decided
from policies.canonical import Digest
from policies.directory import Directory
from policies.requirement import Assurance

UNPROVEN = "by a settlement that is not proven to be the gate's"


@dataclass(frozen=True)
class _Judged:
    """A decision with what became of it."""

    vote: Vote
    proposal: Digest
    event: int
    """Of the settlement."""
    open_seconds: float | None
    doubt: str


def decisions(material: Material, settled: list[Paper[Settlement]], but: frozenset[int]) -> list[DecisionPart]:
    """
    Every signal that is a decision or was sent as one, in order.

    Args:
        but: Events of announcements, which are the gate's.
    """
    judged = _judged(material, settled)
    heard = (each for each in material.record.signals if each.event_id not in but)
    return [_part(each, judged.get(each.event_id), material) for each in heard]


def who(name: str | None, assurance: str | None, trust: Directory) -> Who:
    """Somebody, with what the trust file says of them where it is sure that it is they."""
    person = trust.people.get(name or "") if assurance in ("signed", "attested") else None
    if person is None:
        return Who(name or "", (assurance or "") if name else "")
    return Who(name or "", assurance or "", person.name, person.groups)


def _judged(material: Material, settled: list[Paper[Settlement]]) -> dict[int, _Judged]:
    found: dict[int, _Judged] = {}
    last: dict[tuple[int, Digest], int] = {}
    for paper in settled:
        for vote in paper.body.votes:
            last[vote.event_id, paper.body.proposal] = paper.event
            if paper.doubt:
                found[vote.event_id] = _Judged(vote, paper.body.proposal, paper.event, None, f"{UNPROVEN}: {paper.doubt}")
    for each in decided(material.record, material.trust):
        event = last.get((each.vote.event_id, each.proposal), 0)
        found[each.vote.event_id] = _Judged(each.vote, each.proposal, event, each.open_seconds, "")
    return found


def _part(heard: Heard, judged: _Judged | None, material: Material) -> DecisionPart:
    try:
        decision = read(heard)
    except UnreadableError as error:
        return _unread(heard, judged, str(error))
    key = decision.token.kid if decision.token else ""
    if judged is None:
        return _unjudged(heard, decision, key, material)
    vote = judged.vote
    standing, tone = _standing(vote)
    return DecisionPart(
        event=heard.event_id,
        at=heard.at,
        proposal=judged.proposal if vote.counts or decision.proposal == judged.proposal else None,
        by=who(vote.who, "claimed" if judged.doubt or _forged(vote) else vote.assurance, material.trust),
        verdict=str(vote.verdict or decision.verdict),
        reason=vote.reason,
        key=key,
        open_seconds=judged.open_seconds if vote.counts else None,
        standing=standing,
        tone=Tone.WARY if judged.doubt else tone,
        refused=vote.refused,
        changes=value_of(dict(vote.changes), f"event {heard.event_id} in history.json") if vote.changes else None,
        judged_by=judged.event or None,
        doubt=judged.doubt,
    )


def _forged(vote: Vote) -> bool:
    """Whether it names a key that did not sign it: then its name is what a stranger wrote."""
    return vote.assurance is Assurance.SIGNED and vote.iat is None


def _standing(vote: Vote) -> tuple[str, Tone]:
    if not vote.counts:
        return "did not count", Tone.PLAIN
    if vote.late:
        return "came late: the use was taken before", Tone.WARY
    return "counted", Tone.BAD if vote.verdict in NOES else Tone.GOOD if vote.verdict is Verdict.APPROVE else Tone.PLAIN


def _unjudged(heard: Heard, decision: Decision, key: str, material: Material) -> DecisionPart:
    holder = material.trust.holder(key) if key else None
    named = (f"key of {holder[0]}" if holder else f"key {key}") if key else decision.claims_to_be
    return DecisionPart(
        event=heard.event_id,
        at=heard.at,
        proposal=decision.proposal,
        by=Who(named, "claimed" if named else ""),
        verdict=str(decision.verdict),
        reason=decision.reason,
        key=key,
        open_seconds=None,
        standing="was not judged: no settlement speaks of it",
        tone=Tone.PLAIN,
        refused=(),
        changes=None,
        judged_by=None,
        doubt="",
    )


def _unread(heard: Heard, judged: _Judged | None, why: str) -> DecisionPart:
    return DecisionPart(
        event=heard.event_id,
        at=heard.at,
        proposal=None,
        by=Who("", ""),
        verdict=f"signal {heard.name}",
        reason="",
        key="",
        open_seconds=None,
        standing="did not count",
        tone=Tone.PLAIN,
        refused=(f"not readable: {why}",),
        changes=None,
        judged_by=judged.event or None if judged else None,
        doubt="",
    )


def by_proposal(parts: list[DecisionPart]) -> Mapping[Digest, list[DecisionPart]]:
    """*parts* by the proposal they are about, where they are about one."""
    found: dict[Digest, list[DecisionPart]] = {}
    for part in parts:
        if part.proposal is not None:
            found.setdefault(part.proposal, []).append(part)
    return found
