"""Settlements: the gate's answer to `settle`, over a proposal and the history head it judged."""

from __future__ import annotations

from enum import StrEnum

from pydantic import AwareDatetime, JsonValue

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
