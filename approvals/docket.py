"""The docket: one proposal before the judge with everything it is judged by, and what is submitted to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from approvals.decision import Decision, Heard
from approvals.proposal import Proposal
from policies.canonical import Digest
from policies.directory import Directory
from policies.requirement import Assurance
from policies.rulebook import Rulebook


@dataclass(frozen=True)
class Docket:
    """One proposal before the judge, with everything it is judged by."""

    proposal: Proposal
    digest: Digest
    event_id: int
    """The event that put the proposal into the history."""
    chain: Sequence[Digest]
    """Digest of the trail through event n at index n - 1."""
    directory: Directory
    """Read anew for this judgement."""
    rulebook: Rulebook
    siblings: frozenset[Digest] = frozenset()
    """Other proposals of the same run: a decision about one of them is not about this one, and no mistake."""
    approvals_this_hour: Mapping[str, int] = field(default_factory=dict)
    """By person, where the requirement sets a budget; who is not in it has given none."""
    used_at: int | None = None
    """The event with which every use of it was taken; what comes later is late."""


@dataclass(frozen=True)
class Submission:
    """A readable decision with who sent it, as the directory knows them, before it is believed."""

    decision: Decision
    heard: Heard
    who: str | None
    assurance: Assurance
    now: datetime
