"""
Questions about one unknown outcome: which action they go back to, and what is known of it by now.

A question asks about a use whose outcome is unknown. Its own `retry` may end unknown too, and then it is asked about: a line of
uses that goes back to one. However many questions were asked, it is answered once, or sent once more, once.
"""

from __future__ import annotations

from collections.abc import Mapping

from approvals.proposal import Reconciles
from approvals.settlement import SettlementKind
from approvals.signed import Kind
from audit.claims import uses
from audit.law import Law, ever_pinned
from audit.proposals import Found, signed_proposals, verified_settlement
from audit.record import MissionRecord
from policies.canonical import Digest

Use = tuple[Digest, int]
"""A proposal and an item of it."""


def line(asks: Reconciles, proposals: Mapping[Digest, Found]) -> tuple[Use, ...]:
    """The uses that a question goes back to, the nearest first. Each is older than the one before, so it ends."""
    found: list[Use] = [(asks.proposal, asks.item)]
    while True:
        earlier = proposals.get(found[-1][0])
        asked = earlier.proposal.reconciles if earlier else None
        if asked is None or (asked.proposal, asked.item) in found:
            return tuple(found)
        found.append((asked.proposal, asked.item))


def questions(asks: Reconciles, proposals: Mapping[Digest, Found]) -> tuple[Found, ...]:
    """All questions of a run that go back to the same use."""
    root = line(asks, proposals)[-1]
    return tuple(
        found
        for found in proposals.values()
        if found.proposal.reconciles and line(found.proposal.reconciles, proposals)[-1] == root
    )


def known(asks: Reconciles, record: MissionRecord, law: Law, but: Digest | None = None) -> str | None:
    """
    Why the outcome that *asks* is about needs no answer any more, or None.

    Args:
        but: The question itself, which says nothing about itself.
    """
    proposals = signed_proposals(record, law)
    before = line(asks, proposals)
    family = {before[-1], *((found.digest, 0) for found in questions(asks, proposals))} - {(but or Digest(""), 0)}
    ever = ever_pinned(law.directory)
    for entry in record.entries(Kind.SETTLEMENT):
        settlement = verified_settlement(entry, ever)
        if settlement is None or (settlement.proposal, settlement.item) not in family:
            continue
        if settlement.receipt is not None:
            return "the outcome that it asks about is known by now: a receipt is recorded"
        if settlement.kind is SettlementKind.ANSWERED:
            return f"people said what became of it already, in proposal `{settlement.proposal[:12]}`"
    others = [use for use in uses(record, law) if use in family and use not in before]
    if others:
        return f"it was sent once more already, by proposal `{others[0][0][:12]}`: ask about that one"
    return None
