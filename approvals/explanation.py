"""Why policy answers an action as it does, and who could say so to it: a ruling with everything a person asks next."""

from __future__ import annotations

from dataclasses import dataclass

from approvals.docket import Docket
from approvals.rehearsal import BEGAN, Stage, decided, proposed
from approvals.votes import judged
from policies.action import Action, Principals
from policies.ruling import Finding, Ruling
from policies.scenario import Said
from policies.source import Source, sources
from policies.strictness import shortfall


@dataclass(frozen=True)
class Candidate:
    """A person, and what an approval signed by them right after the proposal would be worth."""

    who: str
    groups: tuple[str, ...]
    refused: tuple[str, ...]
    """Why it would not count; empty when it would."""


@dataclass(frozen=True)
class Explanation:
    """A ruling taken apart."""

    action: Action
    principals: Principals
    start: Finding
    """Whether the owner may start such missions; the gate makes no proposal where this does not hold."""
    ruling: Ruling
    policies: tuple[Source, ...]
    """The determining policies."""
    candidates: tuple[Candidate, ...] = ()
    """Everyone in the directory, where somebody's say-so is asked for."""
    missing: tuple[str, ...] = ()
    """What would be missing if everyone who could approve did."""


def explain(action: Action, principals: Principals, stage: Stage) -> Explanation:
    """Why *stage*'s bundle rules on *action* as it does."""
    ruling = stage.bundle.rule(action, principals, stage.directory)
    texts = tuple(policy for policy in sources(stage.bundle.rulebook.text) if policy.name in ruling.policies)
    start = _start(action, principals, stage)
    docket = proposed(action, principals, ruling, stage)
    if docket is None:
        return Explanation(action, principals, start, ruling, texts)
    candidates = tuple(_candidate(docket, who, stage) for who in sorted(stage.directory.people))
    able = {candidate.who: frozenset(candidate.groups) for candidate in candidates if not candidate.refused}
    missing = shortfall(docket.proposal.requirement.rules, able)
    return Explanation(action, principals, start, ruling, texts, candidates, missing)


def _start(action: Action, principals: Principals, stage: Stage) -> Finding:
    if principals.owner is None:
        return Finding(check="start", holds=False, words="the owner is unknown, and then the gate proposes nothing")
    return stage.bundle.rulebook.may_start(principals.owner, action.mission.mission_type, stage.directory)


def _candidate(docket: Docket, who: str, stage: Stage) -> Candidate:
    said = Said(who=who, verdict="approve", assurance=docket.proposal.requirement.assurance)
    votes = (judged(heard, docket, BEGAN) for heard in decided(docket, [said], stage))
    refused = tuple(reason for vote in votes if vote is not None for reason in vote.refused)
    return Candidate(who, stage.directory.people[who].groups, refused)
