"""What was sent: the uses that gates announced, and the receipts of what came back."""

from __future__ import annotations

from collections.abc import Iterable

from approvals.proposal import use_key
from approvals.settlement import Claim
from audit.report.papers import Paper, Slip
from audit.report.parts import ReceiptPart, UsePart
from audit.report.values import inline, value_of
from audit.verification.material import Material
from policies.canonical import Digest


def uses(announced: Iterable[Paper[Claim]], material: Material) -> list[UsePart]:
    """Every announcement, in order."""
    return [
        UsePart(
            proposal=paper.body.proposal,
            item=paper.body.item,
            event=paper.event,
            at=paper.at,
            key=paper.key,
            head=paper.body.head.through,
            doubt=paper.doubt,
            archived=_archived(paper.body, material),
        )
        for paper in announced
    ]


def _archived(claim: Claim, material: Material) -> str:
    use = material.uses.get(use_key(claim.proposal, claim.item))
    if use is None:
        return "its workflow is not in the archive"
    if use.sealed:
        return "its workflow is sealed"
    count = len(use.receipts)
    return f"its workflow holds {count} receipt{'' if count == 1 else 's'}"


def receipts(slips: Iterable[Slip]) -> list[ReceiptPart]:
    """Every receipt once, with all the places where it is recorded; what a gate signed stands first."""
    found: dict[tuple[Digest, str], list[Slip]] = {}
    for slip in slips:
        found.setdefault((slip.digest, slip.doubt), []).append(slip)
    parts = [_receipt(theirs) for theirs in found.values()]
    return sorted(parts, key=lambda part: bool(part.doubt))


def _receipt(slips: list[Slip]) -> ReceiptPart:
    first = slips[0]
    receipt = first.receipt
    return ReceiptPart(
        digest=first.digest,
        proposal=receipt.proposal,
        item=receipt.item,
        operation=receipt.operation,
        sent=receipt.sent,
        idempotency_key=receipt.idempotency_key,
        admitted=receipt.admitted.through,
        head=receipt.admitted.digest,
        key=first.key,
        failed=receipt.failed,
        result=value_of(receipt.result, first.place),
        inline=inline(receipt.result),
        at=receipt.at,
        places=tuple(dict.fromkeys(slip.place for slip in slips)),
        doubt=first.doubt,
    )
