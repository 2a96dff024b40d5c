"""
What nobody but the exporter vouches for: the classes of changes that still verify when somebody signs the checkpoint with the
exporter's own key. docs/audit-format.md §10 lists the same; whatever verifies and is in none of them is a hole.
"""

from __future__ import annotations

from enum import StrEnum

from approvals.proposal import Refusal
from approvals.signed import Kind
from audit.record import Entry
from audit.verification.material import Material
from tests.audit.mutations import Mutant


class Class(StrEnum):
    """Why a change may go unnoticed."""

    CUT = "where each proposal has its end, the rest is cut off and another end put in its place"
    TAIL = "after the last event that something signed by a gate is over: whatever is not itself signed"
    USE = "what a use holds beside the receipts that settlements repeat"
    HINTS = "what `keys.json` says of whom the rail does not name"
    MAKER = "which version of sayso made the archive, and when"


def covered(material: Material) -> int:
    """The last event that something which a pinned gate signed is over."""
    heads = [found.proposal.evidence.through for found in material.proposals.values()]
    heads += [settlement.head.through for settlement in material.settlements.values()]
    heads += [announcement.claim.head.through for announcement in material.announcements.values()]
    heads += [refused for refused in map(_refusal_head, material.record.entries(Kind.REFUSAL)) if refused is not None]
    return max(heads, default=0)


def _refusal_head(entry: Entry) -> int | None:
    evidence = Refusal.model_validate(entry.signed.body).evidence
    return evidence.through if evidence is not None else None


def class_of(mutant: Mutant, covered_through: int, signed: frozenset[int]) -> Class | None:
    """
    The class of a change to a mission's history; None where it must be noticed.

    Args:
        covered_through: See `covered`, of the history as it was.
        signed: The events whose payloads are somebody's signed word.
    """
    if mutant.kind == "truncate and end":
        return Class.CUT
    if mutant.event <= covered_through:
        return None
    return None if mutant.event in signed and "data" in mutant.path else Class.TAIL


def signed_words(material: Material) -> frozenset[int]:
    """The events that carry what a gate or a worker signed, the start and the announcements that count among them."""
    answers = {done.event_id for done in material.record.completed if done.activity in ("read", "reason", "propose", "settle")}
    return frozenset({1, *answers, *(each.event_id for each in material.announcements.values())})
