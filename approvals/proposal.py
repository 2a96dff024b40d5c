"""
A proposal: an action, its requirement, its card and its evidence, awaiting decision.

A batch is one proposal of several actions: one card, one say-so, and each item used on its own. An amendment's proposal
names the one it takes the place of. A reconciliation's asks what became of an action whose outcome is unknown.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum

from pydantic import AwareDatetime, JsonValue

from approvals.amendment import Amends
from approvals.citation import Citation
from approvals.evidence import Evidence, RunHead
from approvals.origin import Origin
from policies.action import Action, MissionRef, Principals
from policies.canonical import Digest
from policies.model import Recorded
from policies.notation import MAX_EXPIRY
from policies.requirement import Requirement
from policies.rulebook import Approvable
from policies.ruling import Finding

MAX_NARRATION = 4000


class PriorKind(StrEnum):
    """What the gate found about an earlier proposal."""

    RECEIPT = "receipt"
    UNKNOWN = "unknown"
    NOT_USED = "not used"
    FOUND_DONE = "found done"
    """The outcome was unknown, and people found that it was done."""
    FOUND_NOT_DONE = "found not done"


class Prior(Recorded):
    """An earlier proposal of this mission or of one that it succeeds, and what was really done of it."""

    proposal: Digest
    operation: str
    arguments: dict[str, JsonValue]
    kind: PriorKind
    mission: str = ""
    """The other mission that did it; empty where it was this very one."""
    failed: bool = False
    """The tool answered that it could not: its receipt says that nothing was done."""
    same: bool = False
    """Operation and arguments are those of the proposal that lists it."""
    run: str = ""
    """The earlier run of this mission that did it; empty where it was this very run, or another mission."""


class Seen(Recorded):
    """One result the mission had before it proposed: as a service signed it, or as the mission claims."""

    event_id: int
    what: str
    """Begins with the kind of activity."""
    digest: Digest
    by: str = ""
    """The service whose signature over request and result the gate verified; empty for a claim."""


class Reconciles(Recorded):
    """Which action's outcome is unknown, and what is known of it."""

    proposal: Digest
    item: int = 0
    used_at: AwareDatetime
    """When the gate took the use, just before it sent."""
    idempotency_key: str
    known: tuple[str, ...]
    """The gate's own findings, when it called the outcome unknown."""


class Proposal(Recorded):
    """Everything an approver decides about. Its digest covers action, requirement, card and evidence."""

    action: Action
    principals: Principals
    requirement: Requirement
    policies: tuple[str, ...]
    bundle: Digest
    because: str
    """The mission's narration. Untrusted: a model may have written it."""
    seen: tuple[Seen, ...]
    prior: tuple[Prior, ...]
    evidence: Evidence
    """The trail when the gate was asked."""
    created_at: AwareDatetime
    expires_at: AwareDatetime
    gate: str
    """Key id of the gate; decisions are addressed to it."""
    card: Digest
    """Digest of the card; whoever shows or judges the proposal renders it again."""
    more: tuple[Action, ...] = ()
    """The further actions of a batch, in order."""
    amends: Amends | None = None
    reconciles: Reconciles | None = None
    earlier: tuple[RunHead, ...] = ()
    """The whole trail of each run before this one that its card answers for, the nearest first."""
    cites: tuple[Citation, ...] = ()
    """The passages that it rests on, each of which the mission has read."""
    origins: tuple[Origin, ...] = ()
    """Where the arguments' values can be found."""

    @property
    def actions(self) -> tuple[Action, ...]:
        """All actions, by item."""
        return (self.action, *self.more)

    def approvables(self, at: datetime) -> tuple[Approvable, ...]:
        """For each operation in it, the attributes that policies about approvers may name at *at*."""
        seconds = self.seconds(at)
        actions = {action.operation: action for action in self.actions}.values()
        return tuple(approvable(action, self.requirement, self.principals, seconds) for action in actions)

    def seconds(self, at: datetime) -> float:
        """Seconds from the proposal to *at*."""
        return (at - self.created_at).total_seconds()

    def next_moment(self, now: datetime) -> datetime:
        """When something about it changes by time alone: the next escalation after *now*, else its expiry."""
        # In seconds from now: a mission asks this of proposals that may be forged, with times that no calendar holds.
        passed = self.seconds(now)
        steps = (min(after, 2 * MAX_EXPIRY) for after in self.requirement.escalations())
        waits = [after - passed for after in steps if after > passed]
        return min(self.expires_at, now + timedelta(seconds=min(*waits, MAX_EXPIRY))) if waits else self.expires_at


def approvable(action: Action, requirement: Requirement, principals: Principals, seconds: float = 0) -> Approvable:
    """What policies about approvers are asked with, for *action* under *requirement*, so long after the proposal."""
    return Approvable(
        mission_type=action.mission.mission_type,
        operation=action.operation,
        groups=tuple(sorted(requirement.groups(seconds))),
        principals=principals,
    )


def use_key(proposal: Digest, item: int = 0) -> str:
    """The name of the one use of an item: the digest alone for the first, as it is where there is only one."""
    return f"{proposal}.{item}" if item else proposal


class Refusal(Recorded):
    """Why an action was not even proposed: every reason the gate found."""

    operation: str
    step: str
    findings: tuple[Finding, ...]
    at: AwareDatetime
    mission: MissionRef | None = None
    """The run that asked; None only in what older gates signed, which proves nothing about any run."""
    evidence: Evidence | None = None
    """The trail when the gate was asked."""

    def reasons(self) -> tuple[str, ...]:
        """The words of each finding that does not hold."""
        return tuple(finding.words for finding in self.findings if not finding.holds)


def proposal_id(digest: Digest) -> str:
    """What people type: the first 12 digits."""
    return digest[:12]
