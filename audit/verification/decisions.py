"""
Each settlement judged again: at the head that the gate signed, at its time, with its policy bundle, by the same state machine,
and with the verifier's own directory.
"""

from __future__ import annotations

from collections.abc import Iterator

from approvals.decision import read
from approvals.errors import SignatureError, UnreadableError
from approvals.jws import take_apart
from approvals.settlement import Settlement, SettlementKind
from approvals.votes import Vote
from audit.judgement import Judgement, Point, judge
from audit.law import Law
from audit.verification.material import Material
from audit.verification.result import Found, fails, holds, missing, of
from policies.canonical import Digest

_BY_WORD_ALONE = frozenset({SettlementKind.NOT_SENT, SettlementKind.RECEIPT, SettlementKind.UNKNOWN})
"""What people decided does not tell these apart: `not_sent` may be trouble of the gate, the others follow a use."""

UNHEARD = "a signal refers to a stored payload that is not in the archive"


def check_decisions(material: Material) -> list[Found]:
    """Whether each settlement is what the decisions up to its head come to."""
    found: list[Found] = []
    for event, settlement in material.settlements.items():
        if settlement.proposal not in material.proposals:
            words = "this settlement is about a proposal that no pinned gate made in this run"
            found.append(material.unproposed("decisions", words, event))
            continue
        law = material.unbegun or material.law(settlement.bundle)
        if isinstance(law, str):
            found.append(missing("decisions", f"the decisions cannot be judged: {law}", event))
            continue
        found += _judged(event, settlement, law, material)
    return found or [holds("decisions", f"judged again, and the same: {of(len(material.settlements), 'settlement')}")]


def _judged(event: int, settlement: Settlement, law: Law, material: Material) -> Iterator[Found]:
    point = Point(settlement.proposal, settlement.at, settlement.item, settlement.approvals_this_hour)
    judgement = judge(material.record.before(settlement.head.through + 1), point, law)
    if settlement.kind not in _BY_WORD_ALONE and (judgement.admits or judgement.answer is not settlement.kind):
        came = "approved" if judgement.admits else str(judgement.answer)
        yield _doubt(f"the gate settled `{settlement.kind}`, and the decisions come to `{came}`", event, settlement, material)
    votes = {vote.event_id: vote for vote in judgement.resolution.votes} if judgement.resolution else {}
    for vote in settlement.votes:
        yield from _compared(vote, votes.get(vote.event_id), settlement, material)


def _compared(told: Vote, found: Vote | None, settlement: Settlement, material: Material) -> Iterator[Found]:
    """Where the gate's word about a decision is not the verifier's."""
    if found is not None and _worth(told) == _worth(found):
        return
    if told.event_id in material.unheard:
        yield missing("decisions", "this decision lies in a payload store, and is not in the archive", told.event_id)
        return
    if found is None:
        yield fails("decisions", "the gate judged a decision that the history does not hold", told.event_id)
    elif told.counts and not found.counts:
        words = f"the gate counted this decision of `{told.who}`; by what you pin it does not count: {'; '.join(found.refused)}"
        unsure = not _exactly(settlement, material) and {1, told.event_id} & set(unpinned(settlement.proposal, material))
        yield (missing if unsure else fails)("decisions", words, told.event_id)
    else:
        # The gate was stricter, or knew somebody better. Nothing is admitted by that.
        words = f"by what you pin this decision of `{found.who}` is judged otherwise than the gate did"
        yield (fails if _exactly(settlement, material) else missing)("decisions", words, told.event_id)


def _worth(vote: Vote) -> tuple[object, ...]:
    return (vote.who, vote.assurance, vote.verdict, vote.counts)


def _exactly(settlement: Settlement, material: Material) -> bool:
    """Whether the gate judged by just the directory that the verifier pins: then there is no room for differences."""
    return settlement.directory == material.trust.digest


def _doubt(words: str, event: int, settlement: Settlement, material: Material) -> Found:
    if material.unheard:
        return missing("decisions", f"{words}: {UNHEARD}", material.unheard[0])
    if _exactly(settlement, material):
        return fails("decisions", words, event)
    strangers = unpinned(settlement.proposal, material)
    if strangers:
        return missing("decisions", f"{words}: this is signed with a key that you do not pin", strangers[0])
    return missing("decisions", f"{words}: the gate judged by another directory than you pin", event)


def unpinned(proposal: Digest, material: Material) -> tuple[int, ...]:
    """Events of signed decisions about *proposal* whose key the verifier does not pin, and the start where its key is not."""
    found = [1] if stranger(material.beginning.signed_start, material) else []
    for heard in material.record.signals:
        try:
            decision = read(heard)
        except UnreadableError:
            continue
        token = decision.token
        if token is not None and decision.proposal == proposal and material.trust.holder(token.kid) is None:
            found.append(heard.event_id)
    return tuple(found)


def stranger(text: str | None, material: Material) -> str | None:
    """The key id of the token *text*, where it is nobody's among those that the verifier pins; None where it is no token."""
    try:
        kid = take_apart(text).kid if text is not None else None
    except SignatureError:
        return None
    return kid if kid and material.trust.holder(kid) is None else None


def admits(judgement: Judgement) -> str | None:
    """Why *judgement* does not admit, or None."""
    if judgement.admits:
        return None
    if judgement.settled is not None:
        return f"it was {judgement.settled.kind} before"
    lines = [finding.words for finding in judgement.findings if not finding.holds]
    if judgement.resolution is not None and judgement.resolution.missing:
        lines.append(f"it lacks {', '.join(judgement.resolution.missing)}")
    return "; ".join(lines) or f"it is {judgement.answer}"
