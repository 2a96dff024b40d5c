"""A proposal: an action, its requirement, its card and its evidence, awaiting decision."""

from __future__ import annotations

from enum import StrEnum

from pydantic import AwareDatetime, JsonValue

from approvals.evidence import Evidence
from policies.action import Action, Principals
from policies.canonical import Digest
from policies.model import Recorded
from policies.requirement import Requirement
from policies.rulebook import Approvable
from policies.ruling import Finding

MAX_NARRATION = 4000


class PriorKind(StrEnum):
    """What the gate found about an earlier proposal."""

    RECEIPT = "receipt"
    UNKNOWN = "unknown"
    NOT_USED = "not used"


class Prior(Recorded):
    """An earlier proposal of this mission or of one that it succeeds, and what was really done of it."""

    proposal: Digest
    operation: str
    arguments: dict[str, JsonValue]
    kind: PriorKind
    mission: str = ""
    """The mission whose run did it; empty where it was this very run."""
    failed: bool = False
    """The tool answered that it could not: its receipt says that nothing was done."""
    same: bool = False
    """Operation and arguments are those of the proposal that lists it."""


class Seen(Recorded):
    """One result the mission had before it proposed: as a service signed it, or as the mission claims."""

    event_id: int
    what: str
    """Begins with the kind of activity."""
    digest: Digest
    by: str = ""
    """The service whose signature over request and result the gate verified; empty for a claim."""


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

    def approvable(self) -> Approvable:
        """The attributes that policies about approvers may name."""
        return approvable(self.action, self.requirement, self.principals)


def approvable(action: Action, requirement: Requirement, principals: Principals) -> Approvable:
    """What policies about approvers are asked with, for *action* under *requirement*."""
    return Approvable(
        mission_type=action.mission.mission_type,
        operation=action.operation,
        groups=tuple(rule.group for rule in requirement.rules),
        principals=principals,
    )


class Refusal(Recorded):
    """Why an action was not even proposed: every reason the gate found."""

    operation: str
    step: str
    findings: tuple[Finding, ...]
    at: AwareDatetime

    def reasons(self) -> tuple[str, ...]:
        """The words of each finding that does not hold."""
        return tuple(finding.words for finding in self.findings if not finding.holds)


def proposal_id(digest: Digest) -> str:
    """What people type: the first 12 digits."""
    return digest[:12]
