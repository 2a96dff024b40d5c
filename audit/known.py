"""
What is proven of one run so far: the gate's proposals, settlements, receipts and announced uses, by signature, for this run,
over heads that its history has. It grows event by event, and nothing in it is anybody's claim.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from pydantic import ValidationError

from approvals.decision import Heard
from approvals.proposal import Proposal
from approvals.settlement import USED, Claim, Receipt, Settlement, SettlementKind
from approvals.signed import Kind, Signed
from approvals.votes import Vote
from audit.claims import MAX_CLAIM
from audit.freezing import names_freeze
from audit.proposals import FINAL
from audit.proven import proposal_in, proven, receipt_of, settlement_in
from audit.record import Entry
from policies.action import MissionRef
from policies.canonical import Digest, parse
from policies.directory import Directory
from policies.errors import CanonicalError

Use = tuple[Digest, int]
"""A proposal and an item of it."""


class Known:
    """One run's proven words of its gate."""

    def __init__(self, mission: MissionRef, directory: Directory) -> None:
        self.directory = directory
        self._mission = mission
        self.proposals: dict[int, tuple[Digest, Proposal]] = {}
        """With their digests, by event."""
        self.places: dict[Digest, int] = {}
        """Where each proposal entered the history first."""
        self.since: dict[Digest, datetime] = {}
        """When it did."""
        self.settlements: dict[int, Settlement] = {}
        """By event."""
        self.receipts: dict[int, Receipt] = {}
        """By the event of the settlement that carries it."""
        self.votes: dict[int, tuple[Vote, int, Digest]] = {}
        """By event of the decision: what it was worth, the settlement that said so last, and the proposal of that."""
        self.uses: dict[Use, int] = {}
        """The event that announced each use first."""
        self.escalated: dict[int, tuple[str, ...]] = {}
        """The groups that are asked for the first time, by the event of the settlement that says so."""
        self.thawed: set[int] = set()
        """Outcomes of what was frozen before."""
        self._asked: dict[Digest, set[str]] = {}
        self._frozen: set[Use] = set()
        self._settled: dict[Digest, set[int]] = {}
        self._waiting: dict[Digest, None] = {}
        """In order. Kept, not counted anew at every event that lists the mission: copies are cheap to make."""

    def named(self, digest: Digest) -> Proposal | None:
        """The proposal *digest*, if it is proven."""
        place = self.places.get(digest)
        return self.proposals[place][1] if place is not None else None

    def before(self, digest: Digest, event_id: int) -> tuple[int, Proposal] | None:
        """Where the proposal *digest* entered the history, and it; None where that is not proven before *event_id*."""
        place = self.places.get(digest)
        return (place, self.proposals[place][1]) if place is not None and place < event_id else None

    @property
    def waiting(self) -> Collection[Digest]:
        """The proposals of which some item has no final answer yet, each once, in the order in which they came."""
        return self._waiting.keys()

    def learn_answer(self, entry: Entry, chain: Sequence[Digest]) -> tuple[int, ...]:
        """
        Takes in what somebody recorded as the gate's answer. Nothing happens where it is not proven.

        Args:
            chain: The trail as far as it is there and can be digested.

        Returns:
            The events of decisions that it judges.
        """
        match entry.signed.kind:
            case Kind.PROPOSAL:
                proposal = proposal_in(entry, self._mission, self.directory)
                if proposal is not None:
                    self.proposals[entry.event_id] = (entry.signed.digest, proposal)
                    self.places.setdefault(entry.signed.digest, entry.event_id)
                    self.since.setdefault(entry.signed.digest, entry.at)
                    self._note(entry.signed.digest, proposal)
            case Kind.SETTLEMENT:
                settlement = settlement_in(entry, self._mission, chain, self.directory)
                if settlement is not None:
                    return self._settle(entry.event_id, settlement)
        return ()

    def learn_use(self, event_id: int, claim: Claim) -> None:
        """Takes in an announcement of the gate."""
        self.uses.setdefault((claim.proposal, claim.item), event_id)

    def claim_in(self, heard: Heard) -> tuple[Claim, Signed] | None:
        """The gate's own announcement; None where *heard* is anything else, a forged announcement included."""
        value = heard.values[0] if heard.name == USED and len(heard.values) == 1 else None
        if value is None or len(value) > MAX_CLAIM:
            return None
        try:
            signed = Signed.model_validate(parse(value))
            body = proven(signed, Kind.CLAIM, self.directory)
            claim = Claim.model_validate(body)
        except (CanonicalError, ValidationError):
            return None
        return (claim, signed) if claim.mission == self._mission else None

    def _settle(self, event_id: int, settlement: Settlement) -> tuple[int, ...]:
        self.settlements[event_id] = settlement
        receipt = receipt_of(settlement, self.directory)
        if receipt is not None:
            self.receipts[event_id] = receipt
        use = (settlement.proposal, settlement.item)
        if names_freeze(settlement):
            self._frozen.add(use)
        elif settlement.kind in (SettlementKind.RECEIPT, SettlementKind.UNKNOWN) and use in self._frozen:
            self._frozen.discard(use)
            self.thawed.add(event_id)
        self._end(settlement)
        self._escalate(event_id, settlement)
        return tuple(vote.event_id for vote in settlement.votes if self._judge(vote, event_id, settlement))

    def _end(self, settlement: Settlement) -> None:
        proposal = self.named(settlement.proposal)
        if settlement.kind in FINAL and proposal is not None:
            self._settled[settlement.proposal] = set(range(len(proposal.actions)))
        elif not settlement.open:
            self._settled.setdefault(settlement.proposal, set()).add(settlement.item)
        if proposal is not None:
            self._note(settlement.proposal, proposal)

    def _note(self, digest: Digest, proposal: Proposal) -> None:
        """Whether the proposal *digest* still waits."""
        if self._settled.get(digest, set()) >= set(range(len(proposal.actions))):
            self._waiting.pop(digest, None)
        else:
            self._waiting.setdefault(digest)

    def _escalate(self, event_id: int, settlement: Settlement) -> None:
        known = self._asked.setdefault(settlement.proposal, set())
        further = set(settlement.asked) - known if known else set()
        if further and settlement.kind is SettlementKind.PENDING:
            self.escalated[event_id] = tuple(sorted(further))
        known.update(settlement.asked)

    def _judge(self, vote: Vote, event_id: int, settlement: Settlement) -> bool:
        """Whether what *settlement* says of the decision is what it is worth now."""
        if not 0 < vote.event_id <= settlement.head.through:
            return False
        known = self.votes.get(vote.event_id)
        # What no proposal can be found for is refused in the settlements of all; where it counted, it was about that one.
        if known is not None and known[0].counts and not vote.counts and known[2] != settlement.proposal:
            return False
        self.votes[vote.event_id] = (vote, event_id, settlement.proposal)
        return True
