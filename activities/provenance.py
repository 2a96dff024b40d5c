"""What a card says of where a proposal comes from: where its values stand, and which passages it cites."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from activities.grounds import Grounds
from approvals.amendment import Amends
from approvals.citation import Citation
from approvals.origin import Origin
from audit.citations import citations
from audit.law import Law
from audit.proposals import Found, signed_proposals
from audit.provenance import origins
from audit.record import MissionRecord
from policies.canonical import Digest
from policies.ruling import Finding


@dataclass(frozen=True)
class Provenance:
    """What was found about a proposal's values and citations."""

    finding: Finding
    """Whether the mission has read all that it cites."""
    cites: tuple[Citation, ...]
    origins: tuple[Origin, ...]


async def provenance(
    found: Grounds, cites: Sequence[str], record: MissionRecord, earlier: Sequence[MissionRecord], law: Law
) -> Provenance:
    """
    Of the proposal that *found* becomes. A reconciliation asks about what people approved before: nothing is told of it anew.

    Args:
        cites: What the mission asks to cite; for an amendment, what the amended proposal cited counts instead.
        earlier: The runs before *record*, the nearest first.
    """
    if found.reconciles is not None:
        return Provenance(Finding(check="cites", holds=True, words="it cites nothing anew"), (), ())
    # In a thread: a long history takes a while, and other missions' heartbeats must go on.
    return await asyncio.to_thread(_told, found, cites, record, earlier, law)


def _told(
    found: Grounds, cites: Sequence[str], record: MissionRecord, earlier: Sequence[MissionRecord], law: Law
) -> Provenance:
    proposals = signed_proposals(record, law)
    if found.amends is not None and found.amends.proposal in proposals:
        cites = [citation.passage.id for citation in proposals[found.amends.proposal].proposal.cites]
    finding, passages = citations(cites, record, earlier, law.directory)
    changed = _changed(found.amends, proposals)
    return Provenance(finding, passages, origins(found.actions, record, earlier, law.directory, changed))


def _changed(amends: Amends | None, proposals: Mapping[Digest, Found]) -> dict[str, str]:
    """Who changed which path, over all amendments that led here; the last one counts."""
    changed: dict[str, str] = {}
    while amends is not None:
        changed = {path: amends.amendment.who for path in amends.amendment.changes} | changed
        before = proposals.get(amends.proposal)
        amends = before.proposal.amends if before is not None else None
    return changed
