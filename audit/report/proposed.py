"""Proposals with their cards as shown, what people said about each, and how each of its items ended by the gate's word."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from approvals.card import Card, render
from approvals.proposal import Proposal
from approvals.settlement import Receipt, Settlement, SettlementKind
from audit.errors import AuditError
from audit.judgement import Point, judge
from audit.proposals import FINAL
from audit.report.papers import Paper, Slip
from audit.report.parts import DecisionPart, Outcome, ProposalPart
from audit.report.pieces import Row, Shown, Some, Tone
from audit.report.values import inline
from audit.verification.material import Material
from policies.canonical import Digest
from policies.errors import CanonicalError

MOST_DECISIONS = 200
MOST_ITEMS = 200
_TONES = {
    SettlementKind.DENIED: Tone.BAD,
    SettlementKind.REVOKED: Tone.BAD,
    SettlementKind.EXPIRED: Tone.WARY,
    SettlementKind.UNKNOWN: Tone.WARY,
    SettlementKind.NOT_SENT: Tone.WARY,
}


class Proposed:
    """One archive's proposals against the gate's answers about them."""

    def __init__(
        self,
        material: Material,
        settled: Iterable[Paper[Settlement]],
        slips: Iterable[Slip],
        said: Mapping[Digest, list[DecisionPart]],
        used: frozenset[tuple[Digest, int]],
    ) -> None:
        """
        Args:
            said: What people said, by proposal.
            used: Proposals and items whose use was announced.
        """
        self._material = material
        self._said = said
        self._used = used
        self._settled: dict[Digest, list[Paper[Settlement]]] = defaultdict(list)
        self._slips: dict[tuple[Digest, int], list[Slip]] = defaultdict(list)
        for paper in settled:
            self._settled[paper.body.proposal].append(paper)
        for slip in slips:
            self._slips[slip.receipt.proposal, slip.receipt.item].append(slip)

    def part(self, paper: Paper[Proposal]) -> ProposalPart:
        """The part of *paper*."""
        proposal = paper.body
        card = render(proposal)
        return ProposalPart(
            digest=paper.digest,
            event=paper.event,
            at=paper.at,
            key=paper.key,
            doubt=paper.doubt,
            operations=tuple(dict.fromkeys(action.operation for action in proposal.actions)),
            inline=_inline(proposal),
            needs=proposal.requirement.words(),
            title=Shown(card.title),
            facts=tuple(map(Row.of, card.facts)),
            heading=card.heading,
            arguments=tuple(map(Row.of, card.arguments)),
            origins=tuple(map(Row.of, card.origins)),
            cites=tuple(map(Row.of, card.cites)),
            seen=tuple(map(Row.of, card.seen)),
            untrusted=tuple(map(Shown, card.untrusted)),
            card=proposal.card,
            card_trouble=_card_trouble(proposal, card),
            bundle=proposal.bundle,
            lacked=self._lacked(paper),
            outcomes=Some.of((self._outcome(paper, item) for item in range(len(proposal.actions))), MOST_ITEMS),
            decisions=Some.of(self._said.get(paper.digest, ()), MOST_DECISIONS, lambda said: said.counts),
            asks_about=proposal.reconciles.proposal if proposal.reconciles else None,
            amends=proposal.amends.proposal if proposal.amends else None,
        )

    def _outcome(self, paper: Paper[Proposal], item: int) -> Outcome:
        """How an item ended: by the last answer about it, or one that ended its whole proposal; else by its use."""
        about = [each for each in self._settled[paper.digest] if not each.doubt or paper.doubt]
        own = [each for each in about if each.body.item == item or each.body.kind in FINAL]
        slip = next((slip for slip in self._slips[paper.digest, item] if not slip.doubt or paper.doubt), None)
        last = _closing(own) or (own[-1] if own else None)
        told = last.body.kind if last else None
        if slip is not None and told not in (SettlementKind.RECEIPT, SettlementKind.ANSWERED):
            return _receipted(item, slip, last)
        if last is not None:
            return _settled(item, last, slip.receipt if slip else None)
        if (paper.digest, item) in self._used:
            return Outcome(item, "unknown", Tone.WARY, "its use was taken, and no answer is recorded", None, None, "")
        return Outcome(item, "open", Tone.WARY, "the gate signed no answer about it", None, None, "")

    def _lacked(self, paper: Paper[Proposal]) -> tuple[str, ...]:
        """What was missing by the gate's last word about it; where it gave none, by what the decisions come to here."""
        about = [each for each in self._settled[paper.digest] if not each.doubt]
        if about:
            return about[-1].body.missing
        law = self._material.law(paper.body.bundle)
        if isinstance(law, str) or paper.doubt:
            return ()
        record = self._material.record
        try:
            judgement = judge(record, Point(paper.digest, record.last_event_at), law)
        except AuditError:
            return ()
        return judgement.resolution.missing if judgement.resolution else ()


def _closing(about: Sequence[Paper[Settlement]]) -> Paper[Settlement] | None:
    """The answer that ended it: its first receipt, else the first of the kind that was said last."""
    ends = [each for each in about if not each.body.open]
    if not ends:
        return None
    kinds = {each.body.kind for each in ends}
    kind = SettlementKind.RECEIPT if SettlementKind.RECEIPT in kinds else ends[-1].body.kind
    return next(each for each in ends if each.body.kind is kind)


def _inline(proposal: Proposal, most: int = 3) -> str:
    found: Sequence[str] = [inline(dict(action.arguments)) for action in proposal.actions[:most]]
    more = len(proposal.actions) - most
    return "; ".join(found) + (f"; and {more} more" if more > 0 else "")


def _card_trouble(proposal: Proposal, card: Card) -> str:
    try:
        same = card.digest == proposal.card
    except CanonicalError:
        same = False
    return "" if same else "the proposal names another card than the one that its action gives"


def _receipted(item: int, slip: Slip, last: Paper[Settlement] | None) -> Outcome:
    """An item whose receipt stands in its use alone, whatever the mission was told."""
    told = f"; the mission was told: {last.body.kind.replace('_', ' ')}" if last else ""
    did = "answered with an error" if slip.receipt.failed else "done"
    tone = Tone.WARY if slip.receipt.failed or slip.doubt else Tone.GOOD
    event, at = (last.event, last.at) if last else (None, None)
    return Outcome(item, _sent(slip.receipt), tone, f"{did}, by the receipt in its use{told}", event, at, slip.doubt)


def _settled(item: int, paper: Paper[Settlement], receipt: Receipt | None) -> Outcome:
    settlement = paper.body
    kind, tone = settlement.kind.replace("_", " "), _TONES.get(settlement.kind, Tone.PLAIN)
    words = "; ".join(settlement.reasons())
    match settlement.kind:
        case SettlementKind.RECEIPT:
            kind = _sent(receipt)
            words = "answered with an error: it says that it did nothing" if receipt and receipt.failed else "done, once"
            tone = Tone.WARY if receipt is None or receipt.failed else Tone.GOOD
        case SettlementKind.PENDING:
            kind, tone = "open", Tone.WARY
            words = f"waits for {', '.join(settlement.missing) or 'the gate'}"
    tone = Tone.WARY if paper.doubt else tone
    return Outcome(item, kind, tone, words, paper.event, None if settlement.open else paper.at, paper.doubt)


def _sent(receipt: Receipt | None) -> str:
    if receipt is None:
        return "sent, by a receipt that is not proven"
    return "sent, failed" if receipt.failed else "done"
