"""The report of one archive, whole: from what a verification examined to the parts of a page."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from approvals.proposal import Proposal
from audit.observation import Observation, ObservationKind
from audit.rail import rail
from audit.report import answered, events, papers, people, sent
from audit.report.drawing import Timeline, drawn
from audit.report.mission import mission_part
from audit.report.papers import Paper
from audit.report.parts import DecisionPart, MissionPart, ProposalPart, ReadPart, ReceiptPart, UsePart, Word
from audit.report.pieces import Some, Step
from audit.report.proposed import Proposed
from audit.report.story import story
from audit.report.strokes import lanes_of
from audit.verification.material import Material
from audit.verification.result import Found, Verification
from audit.verification.verify import UNTOLD, Examined
from policies.action import MissionRef
from policies.canonical import Digest
from policies.directory import Directory

MOST_PROPOSALS = 100
MOST_UNPROVEN = 20
"""Proposals that no pinned gate signed; each may be as large as its forger likes."""
MOST_READS = 100
MOST_WORDS = 200
MOST_EVENTS = 1000
MOST_FINDINGS = 200
MOST_REASONS = 12
_NOTABLE = frozenset(
    {ObservationKind.TROUBLE, ObservationKind.UNVERIFIED, ObservationKind.ENDED, ObservationKind.EVENT, ObservationKind.ASKED}
)


@dataclass(frozen=True)
class Source:
    """Where a report comes from; nothing of it is proven by being here."""

    name: str
    """Of the file."""
    sha256: Digest
    size: int
    trust: str
    """Name of the trust file; empty where there was none."""
    pinned: Directory | None
    made_at: datetime
    version: str
    """Of the sayso that made it."""


@dataclass(frozen=True)
class Story:
    """What the history tells, part by part."""

    mission: MissionPart
    steps: Some[Step]
    timeline: Timeline
    proposals: Some[ProposalPart]
    strays: Some[DecisionPart]
    """What was said about no proposal that is here."""
    reads: Some[ReadPart]
    answers: Some[ReadPart]
    observed: Some[Word]
    refused: Some[Word]
    freezes: Some[Word]
    uses: Some[UsePart]
    receipts: Some[ReceiptPart]
    notable: Some[Word]
    events: Some[Word]
    bundles: tuple[tuple[Digest, str], ...]
    """Policy bundles that were judged by, and whether they are here."""


@dataclass(frozen=True)
class Report:
    """Everything on the page."""

    source: Source
    verification: Verification
    reasons: Some[Found]
    """Why the verdict is no better."""
    findings: Some[Found]
    held: int
    """Findings that hold."""
    named: MissionRef | None
    """The mission as the archive names it."""
    exporter: str
    """Version of sayso that exported it, as the archive says."""
    story: Story | None
    trouble: str
    """Why there is no story; empty where there is one."""


def report_of(examined: Examined, source: Source) -> Report:
    """The report of what was examined."""
    verification = examined.verification
    told, trouble = _story(examined.material) if examined.material else (None, "the history in it could not be read")
    return Report(
        source=source,
        verification=verification,
        reasons=Some.of(verification.reasons(), MOST_REASONS),
        findings=Some.of(verification.findings, MOST_FINDINGS),
        held=sum(found.result == "holds" for found in verification.findings),
        named=verification.mission,
        exporter=examined.material.manifest.sayso if examined.material else "",
        story=told,
        trouble=trouble,
    )


def _story(material: Material) -> tuple[Story | None, str]:
    try:
        return _told(material), ""
    except UNTOLD as error:
        # A verification ends with a verdict whatever an archive holds, and so does a page.
        return None, f"it cannot be told here: {str(error)[:300] or type(error).__name__}"


def _told(material: Material) -> Story:
    observations = rail(material.record, material.trust)
    settled = list(papers.settlements(material))
    announced = list(papers.announcements(material))
    slips = list(papers.slips(material, settled))
    decisions = people.decisions(material, settled, frozenset(paper.event for paper in announced))
    used = frozenset((paper.body.proposal, paper.body.item) for paper in announced if not paper.doubt)
    proposed = Proposed(material, settled, slips, people.by_proposal(decisions), used)
    recorded = _chosen(papers.proposals(material))
    proposals = Some(tuple(map(proposed.part, recorded.shown)), recorded.more)
    here = {part.digest for part in proposals.shown}
    reads, answers = answered.reads(material), answered.answers(material)
    receipts = sent.receipts(slips)
    refused = events.refused(papers.refusals(material))
    mission = mission_part(material, observations)
    return Story(
        mission=mission,
        steps=story(mission, reads, answers, proposals.shown, refused, receipts),
        timeline=drawn(
            lanes_of(mission, [*reads, *answers], answered.works(material), proposals.shown, decisions, observations),
            mission.began_at,
            mission.last_at,
        ),
        proposals=proposals,
        strays=Some.of((each for each in decisions if each.proposal not in here), MOST_WORDS),
        reads=Some.of(reads, MOST_READS),
        answers=Some.of(answers, MOST_READS),
        observed=_some(observations, frozenset({ObservationKind.OBSERVED}), material.trust),
        refused=Some.of(refused, MOST_WORDS),
        freezes=Some.of(events.freezes(settled), MOST_WORDS),
        uses=Some.of(sent.uses(announced, material), MOST_WORDS, lambda use: not use.doubt),
        receipts=Some.of(receipts, MOST_WORDS),
        notable=_some(observations, _NOTABLE, material.trust),
        events=Some.of((events.word(each, material.trust) for each in observations), MOST_EVENTS),
        bundles=_bundles(material),
    )


def _chosen(found: Iterable[Paper[Proposal]]) -> Some[Paper[Proposal]]:
    """Those that a page has room for: a flood of forged ones must not push out what the gate signed."""
    every = list(found)
    proven, forged = [each for each in every if not each.doubt], [each for each in every if each.doubt]
    kept = [*proven[:MOST_PROPOSALS], *forged[:MOST_UNPROVEN]]
    return Some(tuple(sorted(kept, key=lambda paper: paper.event)), len(every) - len(kept))


def _some(observations: Iterable[Observation], kinds: frozenset[ObservationKind], trust: Directory) -> Some[Word]:
    return Some.of(events.of_kind(observations, kinds, trust), MOST_WORDS)


def _bundles(material: Material) -> tuple[tuple[Digest, str], ...]:
    named = {settlement.bundle for settlement in material.settlements.values()}
    named |= {each.proposal.bundle for each in material.proposals.values()}
    found = []
    for name in sorted(named):
        bundle = material.bundles.get(name)
        found.append(
            (name, "not in the archive" if bundle is None else bundle if isinstance(bundle, str) else "in the archive")
        )
    return tuple(found)
