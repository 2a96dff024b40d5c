"""The gate's receipts: which one a proposal has, and what of a tool's answer can stand in one."""

from __future__ import annotations

from pydantic import JsonValue, ValidationError

from activities.ports import Uses
from approvals.errors import SignatureError
from approvals.proposal import use_key
from approvals.settlement import Receipt
from approvals.signed import Kind, Signed, opened
from audit.law import Law
from audit.proposals import verified_settlement
from audit.record import MissionRecord
from policies.canonical import Digest, canonical, readable
from policies.errors import CanonicalError

MAX_RESULT = 64 * 1024
RESULT_STANDS = 4
"""How deep a tool's answer stands in a settlement."""


async def receipt_of(proposal: Digest, uses: Uses, record: MissionRecord, law: Law, item: int = 0) -> Signed | None:
    """
    The receipt that the gate signed for *item* of *proposal*, from its use or from an earlier settlement of this run.

    Raises:
        Unreachable: The Temporal server does not answer.
    """
    use = await uses.find(use_key(proposal, item))
    earlier = (verified_settlement(entry, law.directory) for entry in record.entries(Kind.SETTLEMENT))
    recorded = [settlement.receipt for settlement in earlier if settlement is not None]
    for signed in (*(use.receipts if use else ()), *recorded):
        receipt = verified_receipt(signed, law) if signed is not None else None
        if receipt is not None and (receipt.proposal, receipt.item) == (proposal, item):
            return signed
    return None


def verified_receipt(signed: Signed, law: Law) -> Receipt | None:
    """The receipt in *signed*, when a pinned gate key signed it."""
    try:
        return Receipt.model_validate(opened(signed, Kind.RECEIPT, law.directory.gate))
    except (SignatureError, ValidationError):
        return None


def recordable(result: JsonValue) -> JsonValue:
    """*result*, or why it cannot be signed: whatever a tool answers, that it was called must be recorded."""
    try:
        size = len(canonical(result, RESULT_STANDS))
    except CanonicalError as error:
        return {"not_recorded": readable(str(error)[:500])}
    return result if size <= MAX_RESULT else {"not_recorded": f"the answer is larger than {MAX_RESULT} bytes"}
