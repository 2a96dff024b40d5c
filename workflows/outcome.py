"""The outcome of a commit, as a mission's author looks at it: a value, whatever happened."""

from __future__ import annotations

from enum import StrEnum

from pydantic import JsonValue

from approvals.settlement import Receipt, Settlement, SettlementKind
from policies.canonical import Digest
from policies.model import Recorded


class OutcomeKind(StrEnum):
    """How a commit ended."""

    COMMITTED = "committed"
    FAILED = "failed"
    """It was sent once, and the tool says that it did nothing."""
    REFUSED = "refused"
    """The gate made no proposal of it."""
    DENIED = "denied"
    EXPIRED = "expired"
    SUPERSEDED = "superseded"
    REVOKED = "revoked"
    NOT_SENT = "not_sent"
    UNKNOWN = "unknown"
    """It was sent, or may have been, and no answer is known. A person must find out."""


class Outcome(Recorded):
    """What became of one commit, with the gate's reasons."""

    kind: OutcomeKind
    proposal: Digest | None = None
    reasons: tuple[str, ...] = ()
    result: JsonValue = None
    """What the tool answered, with `committed` and `failed`."""


_KINDS = {
    SettlementKind.DENIED: OutcomeKind.DENIED,
    SettlementKind.EXPIRED: OutcomeKind.EXPIRED,
    SettlementKind.SUPERSEDED: OutcomeKind.SUPERSEDED,
    SettlementKind.REVOKED: OutcomeKind.REVOKED,
    SettlementKind.NOT_SENT: OutcomeKind.NOT_SENT,
}


def of_settlement(settlement: Settlement) -> Outcome:
    """The outcome that a final settlement is."""
    if settlement.kind is SettlementKind.RECEIPT and settlement.receipt is not None:
        receipt = Receipt.model_validate(settlement.receipt.body)
        kind = OutcomeKind.FAILED if receipt.failed else OutcomeKind.COMMITTED
        said: tuple[str, ...] = (str(receipt.result),) if receipt.failed else ()
        return Outcome(kind=kind, proposal=settlement.proposal, reasons=said, result=receipt.result)
    return Outcome(
        kind=_KINDS.get(settlement.kind, OutcomeKind.UNKNOWN), proposal=settlement.proposal, reasons=settlement.reasons()
    )
