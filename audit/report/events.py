"""What the rail tells beside reads, decisions and proposals: observations, refusals, freezes, trouble, and all in order."""

from __future__ import annotations

from collections.abc import Iterable

from approvals.proposal import Refusal
from approvals.settlement import Settlement
from approvals.thaw import FREEZE_CHECK
from audit.observation import Observation, ObservationKind
from audit.report.papers import Paper
from audit.report.parts import Word
from audit.report.people import who
from audit.report.pieces import Who
from audit.report.values import text_of
from policies.directory import Directory

LONGEST = 600
"""Characters of one event in the table of all; what it says at length stands in its own section."""


def word(observation: Observation, trust: Directory, most: int = LONGEST) -> Word:
    """*observation* in one line."""
    what, left = text_of(observation.what, most)
    judged = f" (judged at event {observation.judged_by})" if observation.judged_by and not left else ""
    return Word(
        event=observation.event_id,
        at=observation.at,
        kind=observation.kind.replace("_", " "),
        by=who(observation.actor, str(observation.assurance) if observation.assurance else None, trust),
        what=what + judged,
        left=left,
        flags=tuple(map(str, observation.marks)),
    )


def of_kind(observations: Iterable[Observation], kinds: frozenset[ObservationKind], trust: Directory) -> list[Word]:
    """Those of *kinds*, at more length."""
    return [word(each, trust, 4 * LONGEST) for each in observations if each.kind in kinds]


def refused(papers: Iterable[Paper[Refusal]]) -> list[Word]:
    """What the gate made no proposal of, and why."""
    found = []
    for paper in papers:
        what, left = text_of("; ".join(paper.body.reasons()) or "no reason is given", 4 * LONGEST)
        gate = Who(f"gate {paper.key}", "claimed" if paper.doubt else "signed")
        found.append(Word(paper.event, paper.at, paper.body.operation, gate, what, left, paper.doubt))
    return found


def freezes(settled: Iterable[Paper[Settlement]]) -> list[Word]:
    """Each time the gate sent nothing because everything was frozen."""
    found = []
    for paper in settled:
        for finding in paper.body.findings:
            if finding.check == FREEZE_CHECK and not finding.holds:
                gate = Who(f"gate {paper.key}", "claimed" if paper.doubt else "signed")
                found.append(Word(paper.event, paper.at, "frozen", gate, finding.words, doubt=paper.doubt))
    return found
