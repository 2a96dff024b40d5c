"""What a mission's own history says of freezes: its gate's signed answers outlive a freeze that somebody deletes."""

from __future__ import annotations

from datetime import datetime

from approvals.settlement import Settlement
from approvals.signed import Kind
from approvals.thaw import FREEZE_CHECK
from audit.claims import announcements
from audit.law import Law
from audit.proposals import verified_settlement
from audit.record import MissionRecord


def told_of_freeze(record: MissionRecord, law: Law) -> datetime | None:
    """
    When the gate last said in this mission that everything is frozen; None where it never did, or has taken a use since.

    The time of a claim is that of the look before it: what is later than the gate's word was admitted after it.
    """
    found = (verified_settlement(entry, law.directory) for entry in record.entries(Kind.SETTLEMENT))
    mine = (settlement for settlement in found if settlement is not None and settlement.mission == record.started.mission)
    said = [settlement.at for settlement in mine if names_freeze(settlement)]
    if not said:
        return None
    since = any(use.claim.at > max(said) for use in announcements(record, law.directory).values())
    return None if since else max(said)


def names_freeze(settlement: Settlement) -> bool:
    """Whether the gate says in *settlement* that everything is frozen."""
    return any(finding.check == FREEZE_CHECK and not finding.holds for finding in settlement.findings)
