"""Settlements: the gate's answer to `settle`, over a proposal and the history head it judged."""

from __future__ import annotations

from enum import StrEnum

from pydantic import AwareDatetime, Field, JsonValue

from approvals.amendment import Amendment
from approvals.decision import Verdict
from approvals.evidence import Evidence
from approvals.signed import Signed
from approvals.votes import Vote
from policies.action import MissionRef
from policies.canonical import Digest
from policies.model import Recorded
from policies.ruling import Finding

NO_DIRECTORY = Digest("0" * 64)
USED = "used"
"""Signal with which the gate tells a mission, before it sends, that the one use of a proposal is taken."""


class SettlementKind(StrEnum):
    """What became of a proposal."""

    PENDING = "pending"
    DENIED = "denied"
    EXPIRED = "expired"
    SUPERSEDED = "superseded"
    REVOKED = "revoked"
    WITHDRAWN = "withdrawn"
    ANSWERED = "answered"
    """People said what became of an action whose outcome was unknown; nothing is sent."""
    NOT_SENT = "not_sent"
    RECEIPT = "receipt"
    UNKNOWN = "unknown"


class Settlement(Recorded):
    """The body of a signed settlement."""

    kind: SettlementKind
    proposal: Digest
    mission: MissionRef
    head: Evidence
    """The trail that was judged."""
    at: AwareDatetime
    findings: tuple[Finding, ...]
    """Everything that was checked, in order; each that does not hold is a reason."""
    missing: tuple[str, ...] = ()
    votes: tuple[Vote, ...] = ()
    receipt: Signed | None = None
    """A signed `Receipt`, exactly when the kind is `receipt`."""
    retry_seconds: float | None = None
    """With `not_sent`: when to ask again; None where asking again is of no use."""
    bundle: Digest
    directory: Digest = NO_DIRECTORY
    """Of the approver directory that was judged by; it is read anew each time."""
    item: int = 0
    """Which action of the proposal it is about."""
    asked: tuple[str, ...] = ()
    """The groups whose say-so is asked for at this time, escalations included."""
    ask_again_at: AwareDatetime | None = None
    """With `pending`: when something changes by time alone."""
    amendment: Amendment | None = None
    """With `superseded`: what takes its place is proposed with this."""
    answer: Verdict | None = None
    """With `answered`: what people found."""
    approvals_this_hour: dict[str, int] = Field(default_factory=dict)
    """What each approver's budget was counted at, where the requirement sets one."""

    @property
    def open(self) -> bool:
        """Whether it is no final answer: the gate is to be asked again."""
        waits = self.kind is SettlementKind.NOT_SENT and self.retry_seconds is not None
        return waits or self.kind is SettlementKind.PENDING

    def reasons(self) -> tuple[str, ...]:
        """The words of each finding that does not hold."""
        return tuple(finding.words for finding in self.findings if not finding.holds)


class Claim(Recorded):
    """The input of a `use` workflow: what the gate was about to send when it took the one use."""

    proposal: Digest
    mission: MissionRef
    action: Digest
    idempotency_key: str
    head: Evidence
    at: AwareDatetime
    nonce: str = ""
    """Makes each attempt's claim another: the first in the mission's history wins."""
    item: int = 0


class Receipt(Recorded):
    """What came back from a commit."""

    proposal: Digest
    action: Digest
    operation: str
    sent: Digest
    """Digest of operation and arguments as they were sent."""
    idempotency_key: str
    admitted: Evidence
    """The head on which the gate admitted it."""
    failed: bool
    """The tool answered with an error: it says that it did nothing."""
    result: JsonValue
    at: AwareDatetime
    item: int = 0
    sensitive: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """The values in `result` that the catalogue says are of a data class, by class; left out where there are none."""
