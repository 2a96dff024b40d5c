"""One question before the gate, and the signed answers to it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from pydantic import JsonValue

from approvals.decision import MAX_REASON, Verdict
from approvals.ending import ending
from approvals.jws import Signer
from approvals.proposal import Proposal, use_key
from approvals.resolution import State
from approvals.settlement import Claim, Receipt, Settlement, SettlementKind
from approvals.signed import Kind, Signed, seal
from approvals.votes import Vote
from audit.claims import Announcement, announced, uses
from audit.judgement import Judgement, Point
from audit.law import Law, ever_pinned
from audit.proposals import verified_settlement
from audit.record import MissionRecord
from policies.action import Action
from policies.canonical import Digest, readable
from policies.classes import classed
from policies.errors import CanonicalError
from policies.ruling import Finding

RETRY_SECONDS = 5.0
MAX_RETRY_SECONDS = 300.0
REFUSED_BYTES = 64 * 1024
SHORT_REASON = 100
"""Characters of a reason where all of them would be too many; the decisions themselves stay whole in the history."""
MAX_ENDINGS = 20
_YES = {Verdict.APPROVE, Verdict.RETRY}


@dataclass(frozen=True)
class Case:
    """One item of a proposal as judged at one moment over one head of its mission's history."""

    record: MissionRecord
    point: Point
    judgement: Judgement
    law: Law
    signer: Signer

    @property
    def digest(self) -> Digest:
        """The proposal's."""
        return self.point.proposal

    @property
    def now(self) -> datetime:
        """The moment."""
        return self.point.now

    @property
    def use(self) -> str:
        """The name of the item's one use."""
        return use_key(self.point.proposal, self.point.item)

    @property
    def proposal(self) -> Proposal:
        """The proposal. Only asked for where the judgement found one."""
        if self.judgement.found is None:
            raise LookupError(f"proposal `{self.digest}` was not found")
        return self.judgement.found.proposal

    @property
    def action(self) -> Action:
        """The item's action."""
        return self.proposal.actions[self.point.item]

    @property
    def announced(self) -> Announcement | None:
        """The item's one use, where it was taken."""
        return announced(self.record, self.point.proposal, self.law, self.point.item)

    @property
    def called_unknown(self) -> bool:
        """Whether the gate said before that the outcome of this item is unknown."""
        mine = {"kind": SettlementKind.UNKNOWN, "proposal": self.digest, "item": self.point.item}
        ever = ever_pinned(self.law.directory)
        entries = (entry for entry in self.record.entries(Kind.SETTLEMENT) if verified_settlement(entry, ever))
        return any({"item": 0, **_names(entry.signed.body)}.items() >= mine.items() for entry in entries)

    @property
    def begun(self) -> bool:
        """Whether the use of this item, or of another of the same proposal, was taken: its approvals are counted already."""
        return any(proposal == self.digest for proposal, _ in uses(self.record, self.law))

    @property
    def approvers(self) -> tuple[str, ...]:
        """The people whose say-so counts, in the order of their decisions."""
        votes = self.judgement.resolution.votes if self.judgement.resolution else ()
        return tuple(vote.who for vote in votes if vote.counts and vote.verdict in _YES and vote.who is not None)

    @property
    def foreign(self) -> bool:
        """Whether the proposal was made for another run than the one that asks."""
        return any(finding.check == "run" and not finding.holds for finding in self.judgement.findings)

    def not_admitted(self) -> Signed:
        """The answer where the history alone says no."""
        judgement, kind = self.judgement, self.judgement.answer
        if judgement.barred:
            return self.answer(kind)
        if judgement.settled is not None:
            words = f"it was {kind} before, and that stands"
            return self.answer(kind, Finding(check="settled", holds=False, words=words))
        if judgement.resolution is not None and judgement.resolution.state is not State.APPROVED:
            ended = ending(judgement.resolution, self.proposal)
            findings = [Finding(check="resolution", holds=False, words=line) for line in ended[:MAX_ENDINGS]]
            return self.answer(kind, *findings)
        return self.answer(kind, retry=self._retry())

    def _retry(self) -> float:
        """When to ask again, longer each time: every question leaves a dozen events, and a history has room for 51,200."""
        bodies = (entry.signed.body for entry in self.record.entries(Kind.SETTLEMENT))
        mine = {"kind": SettlementKind.NOT_SENT, "proposal": self.digest, "item": self.point.item}
        tries = sum({"item": 0, **body}.items() >= mine.items() for body in map(_names, bodies))
        return min(RETRY_SECONDS * (1 << min(tries, 10)), MAX_RETRY_SECONDS)

    def not_sent(self, finding: Finding) -> Signed:
        """The answer to trouble before sending: the approval stands."""
        return self.answer(SettlementKind.NOT_SENT, finding, retry=self._retry())

    def unknown(self, *findings: Finding) -> Signed:
        """The answer where the use is taken and no outcome is known."""
        words = "the one use was taken and no outcome is recorded: a person must find out what happened"
        return self.answer(SettlementKind.UNKNOWN, *findings, Finding(check="use", holds=False, words=words))

    def answer(
        self,
        kind: SettlementKind,
        *findings: Finding,
        receipt: Signed | None = None,
        retry: float | None = None,
    ) -> Signed:
        """A signed settlement of *kind* over this case."""
        resolution = self.judgement.resolution
        found = (*self.judgement.findings, *findings)
        settlement = Settlement(
            kind=kind,
            proposal=self.digest,
            mission=self.record.started.mission,
            head=self.judgement.head,
            at=self.now,
            findings=tuple(finding.model_copy(update={"words": readable(finding.words)}) for finding in found),
            missing=resolution.missing if resolution else (),
            votes=_told(resolution.votes) if resolution else (),
            receipt=receipt,
            retry_seconds=retry,
            item=self.point.item,
            asked=resolution.asked if resolution else (),
            ask_again_at=self.proposal.next_moment(self.now) if kind is SettlementKind.PENDING else None,
            amendment=resolution.amendment if resolution and kind is SettlementKind.SUPERSEDED else None,
            answer=resolution.answer if resolution and kind is SettlementKind.ANSWERED else None,
            approvals_this_hour=dict(self.point.approvals_this_hour),
            bundle=self.law.bundle.digest,
            directory=self.law.directory.digest,
        )
        try:
            return seal(Kind.SETTLEMENT, settlement.model_dump(mode="json"), self.signer)
        except CanonicalError:
            # INVARIANT: there is always an answer. Whatever was said is in the history; what was done must be told.
            words = "what was said about it is too large to be told here: it is in the history"
            told = Finding(check="told", holds=True, words=words)
            short = settlement.model_copy(update={"votes": (), "findings": (told, *_briefly(found))})
            return seal(Kind.SETTLEMENT, short.model_dump(mode="json"), self.signer)

    def receipt(self, result: JsonValue, *, failed: bool, at: datetime) -> Signed:
        """The signed receipt over what was sent for this case, and what came back."""
        action = self.action
        operation = self.law.bundle.catalogue.find(action.operation)
        receipt = Receipt(
            proposal=self.digest,
            action=action.digest,
            operation=action.operation,
            sent=action.sent_digest,
            item=self.point.item,
            idempotency_key=action.idempotency_key,
            admitted=self.judgement.head,
            failed=failed,
            result=result,
            at=at,
            sensitive=classed(result, operation[2].classes) if operation else {},
        )
        # What has no such value reads as it always did.
        without = {"sensitive"} if not receipt.sensitive else None
        return seal(Kind.RECEIPT, receipt.model_dump(mode="json", exclude=without), self.signer)

    def claim(self, nonce: str) -> Signed:
        """The signed claim that this case's admission takes the one use with; *nonce* tells attempts apart."""
        claim = Claim(
            proposal=self.digest,
            mission=self.record.started.mission,
            action=self.action.digest,
            item=self.point.item,
            idempotency_key=self.action.idempotency_key,
            head=self.judgement.head,
            at=self.now,
            nonce=nonce,
        )
        return seal(Kind.CLAIM, claim.model_dump(mode="json"), self.signer)


def _names(body: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    return {name: body[name] for name in ("kind", "proposal", "item") if name in body}


def _told(votes: tuple[Vote, ...]) -> tuple[Vote, ...]:
    """
    All votes that decide something, and the last of the others: whatever people send, the answer can be signed and recorded.

    What decides is bounded by the directory: each person has one say. Refused votes and abstentions are not.
    """
    longest = MAX_REASON if sum(_size(vote) for vote in votes if _decides(vote)) <= REFUSED_BYTES else SHORT_REASON
    space, kept = REFUSED_BYTES, list[Vote]()
    for vote in reversed(votes):
        if _decides(vote):
            kept.append(vote if len(vote.reason) <= longest else vote.model_copy(update={"reason": vote.reason[:longest]}))
            continue
        space -= _size(vote)
        if space >= 0:
            kept.append(vote)
    return tuple(reversed(kept))


def _decides(vote: Vote) -> bool:
    return vote.counts and vote.verdict is not Verdict.ABSTAIN


def _size(vote: Vote) -> int:
    return len(vote.model_dump_json().encode())


def _briefly(findings: Sequence[Finding]) -> Iterator[Finding]:
    for finding in findings[:MAX_ENDINGS]:
        yield finding.model_copy(update={"words": readable(finding.words[:SHORT_REASON])})
