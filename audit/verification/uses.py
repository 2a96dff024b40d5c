"""
Single use and receipts: what was sent was admitted, by an announcement that stands before it in the mission's own history,
once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pydantic import ValidationError

from approvals.proposal import Proposal, use_key
from approvals.settlement import Receipt, Settlement, SettlementKind
from approvals.signed import Kind, Signed
from audit.claims import Announcement, began_for, claimed_use
from audit.export import use_keys
from audit.judgement import Point, judge
from audit.proposals import FINAL
from audit.record import when
from audit.verification.answers import standing
from audit.verification.decisions import UNHEARD, admits, unpinned
from audit.verification.material import Material, UseRecord
from audit.verification.result import Found, fails, holds, missing, of
from policies.canonical import Digest

Item = tuple[Digest, int]


@dataclass(frozen=True)
class Paper:
    """A receipt with where it stands: in a settlement, or in the use."""

    receipt: Receipt
    digest: Digest
    item: Item
    event: int | None
    settlement: Settlement | None


def check_uses(material: Material) -> list[Found]:
    """Whether each use was taken once, by a gate whose key is pinned, and is here."""
    found: list[Found] = []
    for (name, item), announcement in material.announcements.items():
        key = use_key(name, item)
        if not material.ours(announcement.claim.mission):
            # A stranger's copy, or taken over by a reset: of another run, it says nothing about this one.
            continue
        if name not in material.proposals:
            words = f"the use of a proposal that no pinned gate made in this run was announced: `{name[:12]}`"
            found.append(material.unproposed("uses", words, announcement.event_id))
            continue
        trouble = announcement.claim.head.trouble(material.record.chain[: announcement.event_id - 1])
        if trouble is not None:
            found.append(fails("uses", f"the head of this announcement {trouble}", announcement.event_id))
        if key not in material.uses:
            found.append(missing("uses", f"the workflow `{_name(key)}` is not in the archive", announcement.event_id))
        elif material.uses[key].sealed:
            found.append(missing("uses", f"the workflow `{_name(key)}` is sealed", announcement.event_id))
        elif material.uses[key].begun and not began_for(
            material.uses[key].begun, announcement, material.record, material.trust
        ):
            words = (
                f"the workflow `{_name(key)}` here is not the one that was announced: what was recorded in that is not known"
            )
            found.append(missing("uses", words, announcement.event_id))
    named = use_keys(material.record)
    for key, use in material.uses.items():
        if key not in named:
            found.append(material.nameless("uses", f"the workflow `{_name(key)}`"))
        elif use.trouble is not None:
            found.append(fails("uses", f"of the workflow `{_name(key)}`, {use.trouble}"))
    found += _unannounced(material)
    return found or [holds("uses", f"announced before anything was sent: {of(len(material.announcements), 'use')}")]


def _begun(use: UseRecord, announcement: Announcement, material: Material) -> bool:
    """Whether a gate began *use* for what was announced; of one without events something worse is said."""
    return not use.begun or began_for(use.begun, announcement, material.record, material.trust)


def _unannounced(material: Material) -> Iterator[Found]:
    """An outcome is unknown only where something may have been sent, and nothing is sent that was not announced."""
    for event, settlement in material.settlements.items():
        item = (settlement.proposal, settlement.item)
        announcement = material.announcements.get(item)
        if settlement.kind is not SettlementKind.UNKNOWN or (announcement and announcement.event_id < event):
            continue
        yield _never_announced("uses", f"the gate called the outcome of `{item[0][:12]}` unknown", item, event, material)


def _never_announced(check: str, words: str, item: Item, event: int | None, material: Material) -> Found:
    """Fails; missing where a gate whose key is not pinned announced it, or says so."""
    for heard in material.record.signals:
        claimed = claimed_use(heard)
        if claimed is not None and claimed.item == item and material.trust.gate(claimed.kid) is None:
            return missing(
                check, f"{words}, and its use was announced by `{claimed.kid}`, which is not a gate you pin", heard.event_id
            )
    if material.unheard:
        return missing(check, f"{words}, and whether its use was announced cannot be told: {UNHEARD}", material.unheard[0])
    return fails(check, f"{words}, and its use was never announced in this history", event)


def _name(key: str) -> str:
    digest, _, item = key.partition(".")
    return f"use/{digest[:12]}…{'.' if item else ''}{item}"


def check_receipts(material: Material) -> list[Found]:
    """Whether everything that was sent was announced before, admitted by the decisions before it, and sent as approved."""
    found: list[Found] = []
    papers: dict[Item, list[Paper]] = {}
    for paper in _papers(material, found):
        papers.setdefault(paper.item, []).append(paper)
    for item, theirs in papers.items():
        found += _item(item, theirs, material)
    return found or [holds("receipts", f"sent as approved, once: {of(len(papers), 'action')}")]


def check_ends(material: Material) -> list[Found]:
    """Whether the gate signed how each action of each proposal ended."""
    found: list[Found] = []
    answered = {(paper.receipt.proposal, paper.receipt.item) for paper in _papers(material, [])}
    over = {settlement.proposal for settlement in material.settlements.values() if settlement.kind in FINAL}
    closed = {(settlement.proposal, settlement.item) for settlement in material.settlements.values() if not settlement.open}
    for name, proposed in material.proposals.items():
        for item in range(len(proposed.proposal.actions)):
            if name in over or (name, item) in closed | answered:
                continue
            number = f", item {item + 1}," if proposed.proposal.more else ""
            words = f"the gate signed no end of proposal `{name[:12]}`{number} in this history"
            found.append(missing("ends", words, proposed.event_id))
    return found or [holds("ends", f"with an end that a gate signed: {of(len(material.proposals), 'proposal')}")]


def _papers(material: Material, troubles: list[Found]) -> Iterator[Paper]:
    """Every receipt that a pinned gate signed, from settlements and uses; what is none goes to *troubles*."""
    for event, settlement in material.settlements.items():
        if settlement.receipt is None:
            if settlement.kind is SettlementKind.RECEIPT:
                troubles.append(fails("receipts", "this settlement says that it was sent, and holds no receipt", event))
            continue
        receipt = _receipt(settlement.receipt, material, event, troubles)
        if receipt is not None:
            if (receipt.proposal, receipt.item) != (settlement.proposal, settlement.item):
                troubles.append(fails("receipts", "the receipt in this settlement is of another action", event))
            item = (settlement.proposal, settlement.item)
            yield Paper(receipt, settlement.receipt.digest, item, event, settlement)
    items = {(name, item) for name, each in material.proposals.items() for item in range(len(each.proposal.actions))}
    for use in material.uses.values():
        for signed in use.receipts:
            # Anyone may signal a use: what no gate signed there is nobody's receipt, and proves nothing. What a gate signed is
            # the receipt of what it names, wherever somebody put it; of another run, it says nothing about this one.
            receipt = _receipt(signed, material, None, [])
            if receipt is not None and (receipt.proposal, receipt.item) in items:
                yield Paper(receipt, signed.digest, (receipt.proposal, receipt.item), None, None)


def _receipt(signed: Signed, material: Material, event: int | None, troubles: list[Found]) -> Receipt | None:
    unsure = standing(signed, Kind.RECEIPT, material, "receipts", event)
    if unsure is not None:
        troubles.append(unsure)
        return None
    try:
        return Receipt.model_validate(signed.body)
    except ValidationError:
        troubles.append(fails("receipts", "the gate signed a receipt that this version cannot read: update sayso", event))
        return None


def _item(item: Item, papers: list[Paper], material: Material) -> Iterator[Found]:
    name, number = item
    event = papers[0].event
    proposed = material.proposals.get(name)
    if proposed is None:
        return
    announcement = material.announcements.get(item)
    if announcement is None:
        yield _never_announced("receipts", f"something was sent for `{name[:12]}`", item, event, material)
        return
    yield from _as_approved(item, papers, proposed.proposal, announcement, material)
    yield from _admitted(item, papers, announcement, material)
    distinct = {paper.digest for paper in papers}
    if len(distinct) > 1 and not _idempotent(proposed.proposal.actions[number].operation, papers, material):
        yield fails("receipts", f"there are {len(distinct)} different receipts for one use of `{name[:12]}`", event)


def _as_approved(
    item: Item, papers: Iterable[Paper], proposal: Proposal, announcement: Announcement, material: Material
) -> Iterator[Found]:
    action = proposal.actions[item[1]]
    expected = (action.digest, action.operation, action.sent_digest, action.idempotency_key)
    claim = announcement.claim
    if (claim.action, claim.idempotency_key) != (action.digest, action.idempotency_key):
        yield fails("receipts", "the announced use is of another action than the proposal's", announcement.event_id)
    for paper in papers:
        receipt = paper.receipt
        if (receipt.action, receipt.operation, receipt.sent, receipt.idempotency_key) != expected:
            yield fails("receipts", "what was sent is not what was approved", paper.event)
        trouble = receipt.admitted.trouble(material.record.chain)
        if trouble is not None or receipt.admitted.through < announcement.event_id - 1:
            words = trouble or "is before the announcement of its use"
            yield fails("receipts", f"the head that this was admitted on {words}", paper.event)


def _admitted(item: Item, papers: list[Paper], announcement: Announcement, material: Material) -> Iterator[Found]:
    """Whether everything before the announcement admits, judged again."""
    name, number = item
    told = next((paper.settlement for paper in papers if paper.settlement is not None), None)
    bundle = told.bundle if told is not None else material.proposals[name].proposal.bundle
    law = material.unbegun or material.law(bundle)
    event = papers[0].event or announcement.event_id
    if isinstance(law, str):
        yield missing("receipts", f"whether it was admitted cannot be judged: {law}", event)
        return
    at = when(material.record.raw[announcement.event_id - 1].event_time)
    counted = told.approvals_this_hour if told is not None and told.head.through == announcement.event_id - 1 else {}
    judgement = judge(material.record.before(announcement.event_id), Point(name, at, number, counted), law)
    trouble = admits(judgement)
    if trouble is not None:
        words = f"this was sent, and by what you pin it was not admitted: {trouble}"
        unsure = unpinned(name, material) or material.unheard
        yield (missing if unsure else fails)("receipts", words, event)


def _idempotent(operation: str, papers: Iterable[Paper], material: Material) -> bool:
    for paper in papers:
        law = material.law(paper.settlement.bundle) if paper.settlement is not None else ""
        found = law.bundle.catalogue.find(operation) if not isinstance(law, str) else None
        if found is not None:
            return found[2].idempotency is not None
    return False
