"""
What nobody but the exporter vouches for: the classes of changes that still verify when somebody signs the checkpoint with the
exporter's own key. docs/audit-format.md §10 lists the same; whatever verifies and is in none of them is a hole.
"""

from __future__ import annotations

from enum import StrEnum

from approvals.proposal import Refusal
from approvals.signed import Kind
from audit.verification.material import Material
from tests.audit.mutations import Mutant


class Class(StrEnum):
    """Why a change may go unnoticed."""

    CUT = "where each proposal has its end, what a gate answered after is left out, and all since with it"
    TAIL = "after the last event that something signed by a gate is over: whatever is not itself signed"
    EARLIER = "in an earlier run, where no proposal of this one answers for it: whatever is not itself signed or a link"
    USE = "what a use holds beside the receipts that settlements repeat"
    HINTS = "what `keys.json` says of whom the rail does not name"
    MAKER = "which version of sayso made the archive, and when"


def covered(material: Material, but: int | None = None) -> int:
    """
    The last event that something which a pinned gate signed is over.

    Args:
        but: The event that asked for an answer which is not to be counted.
    """
    hidden = {done.event_id for done in material.record.completed if done.scheduled_event == but}
    heads = {found.event_id: found.proposal.evidence.through for found in material.proposals.values()}
    heads |= {event: settlement.head.through for event, settlement in material.settlements.items()}
    heads |= {each.event_id: each.claim.head.through for each in material.announcements.values()}
    for entry in material.record.entries(Kind.REFUSAL):
        evidence = Refusal.model_validate(entry.signed.body).evidence
        heads[entry.event_id] = evidence.through if evidence is not None else 0
    return max((through for event, through in heads.items() if event not in hidden), default=0)


def class_of(mutant: Mutant, material: Material) -> Class | None:
    """The class of a change to a mission's history, *material* as it was; None where it must be noticed."""
    if mutant.kind == "truncate and end":
        return Class.CUT
    if mutant.path[-2:] == ("activityType", "name"):
        # Under another name it is no gate's answer any more: it was left out, and what only it was over with it.
        return Class.CUT if mutant.event > covered(material, but=mutant.event) else None
    if mutant.event <= covered(material):
        return None
    return None if mutant.event in signed_words(material) and "data" in mutant.path else Class.TAIL


def signed_words(material: Material) -> frozenset[int]:
    """The events that carry what a gate or a worker signed, the start and the announcements that count among them."""
    answers = {done.event_id for done in material.record.completed if done.activity in ("read", "reason", "propose", "settle")}
    return frozenset({1, *answers, *(each.event_id for each in material.announcements.values())})
