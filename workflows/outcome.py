"""The outcome of a commit, as a mission's author looks at it: a value, whatever happened."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field, JsonValue, ValidationError

from approvals.decision import Verdict
from approvals.settlement import Receipt, Settlement, SettlementKind
from policies.canonical import Digest
from policies.model import Recorded


class OutcomeKind(StrEnum):
    """How a commit ended."""

    COMMITTED = "committed"
    """It was done: by its receipt, or because people found so of an unknown outcome."""
    FAILED = "failed"
    """It was sent, and did nothing: the tool says so, or people found so of an unknown outcome."""
    REFUSED = "refused"
    """The gate made no proposal of it."""
    DENIED = "denied"
    EXPIRED = "expired"
    SUPERSEDED = "superseded"
    REVOKED = "revoked"
    WITHDRAWN = "withdrawn"
    NOT_SENT = "not_sent"
    UNKNOWN = "unknown"
    """It was sent, or may have been, no answer is known, and nobody could say what happened."""


class Outcome(Recorded):
    """What became of one commit, with the gate's reasons."""

    kind: OutcomeKind
    proposal: Digest | None = None
    reasons: tuple[str, ...] = ()
    result: JsonValue = None
    """What the tool answered, with `committed` and `failed`; None where people found it so."""
    amended: dict[str, JsonValue] | None = None
    """What approvers changed of the arguments, by path; None where they changed nothing."""
    sensitive: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """The values in it that the gate says are of a data class, by class."""


_KINDS = {
    SettlementKind.DENIED: OutcomeKind.DENIED,
    SettlementKind.EXPIRED: OutcomeKind.EXPIRED,
    SettlementKind.SUPERSEDED: OutcomeKind.SUPERSEDED,
    SettlementKind.REVOKED: OutcomeKind.REVOKED,
    SettlementKind.WITHDRAWN: OutcomeKind.WITHDRAWN,
    SettlementKind.NOT_SENT: OutcomeKind.NOT_SENT,
}
ENDS = frozenset(_KINDS) - {SettlementKind.NOT_SENT}
"""With one of these all of a batch that was not used before has ended."""


def of_settlement(settlement: Settlement) -> Outcome:
    """The outcome that a final settlement is. One with a receipt that is none is unknown."""
    proposal, reasons = settlement.proposal, settlement.reasons()
    if settlement.kind is SettlementKind.RECEIPT and settlement.receipt is not None:
        try:
            receipt = Receipt.model_validate(settlement.receipt.body)
        except ValidationError:
            return Outcome(kind=OutcomeKind.UNKNOWN, proposal=proposal, reasons=("the receipt is not readable",))
        kind = OutcomeKind.FAILED if receipt.failed else OutcomeKind.COMMITTED
        said: tuple[str, ...] = (str(receipt.result),) if receipt.failed else ()
        return Outcome(kind=kind, proposal=proposal, reasons=said, result=receipt.result, sensitive=receipt.sensitive)
    if settlement.kind is SettlementKind.ANSWERED and settlement.answer in (Verdict.DONE, Verdict.NOT_DONE):
        kind = OutcomeKind.COMMITTED if settlement.answer is Verdict.DONE else OutcomeKind.FAILED
        return Outcome(kind=kind, proposal=proposal, reasons=reasons)
    return Outcome(kind=_KINDS.get(settlement.kind, OutcomeKind.UNKNOWN), proposal=proposal, reasons=reasons)
