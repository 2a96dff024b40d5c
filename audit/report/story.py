"""The story of a mission in a few sentences: wanted, read, proposed, decided, done, ended. What is quoted stands apart."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from approvals.proposal import proposal_id
from audit.report.parts import DecisionPart, MissionPart, Outcome, ProposalPart, ReadPart, ReceiptPart, Word
from audit.report.pieces import Piece, Some, Step, Tone, Voice, Who
from audit.report.times import span
from audit.report.values import text_of

MOST_STEPS = 12
MOST_REFUSED = 3
"""So many decisions that did not count are told one by one."""
QUOTE = 200
ONCE, COUNTED = "done, once", "counted"
UNPROVEN = "(not proven to be the gate's word)"


def story(
    mission: MissionPart,
    reads: Sequence[ReadPart],
    answers: Sequence[ReadPart],
    proposals: Sequence[ProposalPart],
    refused: Sequence[Word],
    receipts: Sequence[ReceiptPart],
) -> Some[Step]:
    """The steps, in the order of events."""
    steps = [_wanted(mission), *_read(reads), *_reasoned(answers), *map(_refused, refused)]
    done = {(receipt.proposal, receipt.item): receipt for receipt in reversed(receipts)}
    for proposal in proposals:
        steps += [_proposed(proposal), *_decided(proposal)]
        steps += [_ended(proposal, outcome, done.get((proposal.digest, outcome.item))) for outcome in _told(proposal)]
    steps.sort(key=lambda step: step.event)
    if mission.closed:
        steps.append(_over(mission))
    return (
        Some.of(steps, MOST_STEPS)
        if len(steps) <= MOST_STEPS
        else Some((*steps[: MOST_STEPS - 1], steps[-1]), len(steps) - MOST_STEPS)
    )


def ours(text: str) -> Piece:
    """Our words."""
    return Piece(Voice.OURS, text)


def said(text: str) -> Piece:
    """The archive's words, as far as a sentence holds them."""
    words, left = text_of(text, QUOTE)
    return Piece(Voice.SAID, f"{words}…" if left else words)


def doubted(text: str) -> Piece:
    """A doubt of ours."""
    return Piece(Voice.DOUBT, text)


def _name(by: Who) -> tuple[Piece, ...]:
    if not by.who:
        return (doubted("somebody"),)
    sure = Piece(Voice.NAME, by.who) if by.assurance in ("signed", "attested") else said(by.who)
    return (sure, ours(f"({by.assurance})"))


def _wanted(mission: MissionPart) -> Step:
    by = _name(mission.owner) if mission.owner.who else (doubted("somebody who is not proven"),)
    behalf = (ours("on behalf of"), Piece(Voice.NAME, mission.on_behalf_of)) if mission.on_behalf_of else ()
    what = (ours("started the mission"), said(mission.mission_type), ours("with"), said(mission.wanted))
    return Step("wanted", Tone.PLAIN, mission.began_at, 1, (*by, *behalf, *what))


def _read(reads: Sequence[ReadPart]) -> Iterator[Step]:
    if not reads:
        return
    names = list(dict.fromkeys(read.what for read in reads))
    more = (ours(f"and {len(names) - 4} more"),) if len(names) > 4 else ()
    pieces = (ours(f"{len(reads)} read{_s(reads)}, {_signed(reads)}:"), *map(said, names[:4]), *more)
    yield Step("read", Tone.PLAIN, reads[0].asked_at, reads[0].event, pieces)


def _reasoned(answers: Sequence[ReadPart]) -> Iterator[Step]:
    for model in list(dict.fromkeys(answer.model for answer in answers))[:3]:
        theirs = [answer for answer in answers if answer.model == model]
        purposes = list(dict.fromkeys(answer.what for answer in theirs))[:3]
        pieces = (said(model), ours(f"answered, {_signed(theirs)}, about"), *map(said, purposes))
        yield Step("model", Tone.PLAIN, theirs[0].asked_at, theirs[0].event, pieces)


def _signed(parts: Sequence[ReadPart]) -> str:
    count = sum(part.by.assurance == "signed" for part in parts)
    return "signed" if count == len(parts) else f"{count} of them signed, the others claimed" if count else "claimed"


def _refused(word: Word) -> Step:
    doubt = (doubted(UNPROVEN),) if word.doubt else ()
    return Step(
        "refused", Tone.BAD, word.at, word.event, (said(word.kind), ours("was not even proposed:"), said(word.what), *doubt)
    )


def _proposed(proposal: ProposalPart) -> Step:
    about: tuple[Piece, ...] = ()
    if proposal.asks_about:
        about = (ours(f"what became of proposal {proposal_id(proposal.asks_about)}, whose outcome is unknown:"),)
    elif proposal.amends:
        about = (ours(f"in place of proposal {proposal_id(proposal.amends)}:"),)
    elif len(proposal.outcomes.shown) > 1:
        about = (ours(f"{len(proposal.outcomes.shown) + proposal.outcomes.more} actions as one:"),)
    doubt = (doubted(UNPROVEN),) if proposal.doubt else ()
    what = (*map(said, proposal.operations[:3]), said(proposal.inline), ours(", needs"), said(proposal.needs))
    word = "asked" if proposal.asks_about else "proposed"
    return Step(word, Tone.PLAIN, proposal.at, proposal.event, (*about, *what, *doubt))


def _decided(proposal: ProposalPart) -> Iterator[Step]:
    theirs = proposal.decisions.shown
    counted = [each for each in theirs if each.standing != "did not count"]
    others = [each for each in theirs if each.standing == "did not count"]
    yield from map(_decision, counted)
    yield from map(_decision, others[:MOST_REFUSED])
    more = len(others) - MOST_REFUSED + proposal.decisions.more
    if more > 0:
        last = others[min(MOST_REFUSED, len(others) - 1)]
        yield Step("decided", Tone.PLAIN, last.at, last.event, (ours(f"{more} further decisions: told below"),))


def _decision(part: DecisionPart) -> Step:
    pieces = [*_name(part.by), ours("said")]
    pieces.append(Piece(Voice.NAME, part.verdict) if part.standing == COUNTED else said(part.verdict))
    if part.reason:
        pieces += [ours("with the reason"), said(part.reason)]
    after = f", {span(part.open_seconds)} after the proposal" if part.open_seconds is not None else ""
    pieces.append(ours(f"; it {part.standing}{after}"))
    if part.refused:
        pieces += [ours(":"), said("; ".join(part.refused))]
    if part.doubt:
        pieces.append(doubted(UNPROVEN))
    return Step("decided", part.tone, part.at, part.event, tuple(pieces))


def _told(proposal: ProposalPart) -> Sequence[Outcome]:
    """One outcome where all items ended alike; else each."""
    outcomes = proposal.outcomes.shown
    alike = len({(outcome.kind, outcome.words) for outcome in outcomes}) == 1
    return outcomes[-1:] if alike and outcomes[-1].kind != "done" else outcomes


def _ended(proposal: ProposalPart, outcome: Outcome, receipt: ReceiptPart | None) -> Step:
    number = f"item {outcome.item + 1}: " if len(proposal.outcomes.shown) > 1 else ""
    pieces = [ours(number)] if number else []
    if receipt is not None:
        gate = said(f"gate {receipt.key}") if receipt.doubt else Piece(Voice.NAME, "the gate")
        pieces += [gate, ours("(claimed) sent" if receipt.doubt else "(signed) sent"), said(receipt.operation)]
        pieces += [ours("and was answered"), said(receipt.inline)]
        pieces += [] if outcome.words == ONCE else [ours(";"), said(outcome.words)]
    else:
        pieces += [said(outcome.words)]
        lacked = ", ".join(proposal.lacked)
        wants = proposal.wanting and lacked not in outcome.words
        pieces += [ours("; it still lacked"), said(lacked)] if wants else []
    if outcome.doubt or (receipt is not None and receipt.doubt):
        pieces.append(doubted(UNPROVEN))
    event = outcome.event or proposal.event
    return Step(outcome.kind, outcome.tone, outcome.at or proposal.at, event, tuple(pieces))


def _over(mission: MissionPart) -> Step:
    by = mission.ended_by
    whose: tuple[Piece, ...] = (ours("by"), *_name(by)) if by.who else ()
    if by.who == "the mission":
        whose = (ours("as the mission claims"),)
    return Step("ended", Tone.PLAIN, mission.last_at, mission.events, (said(mission.ending), *whose))


def _s(things: Sequence[object]) -> str:
    return "" if len(things) == 1 else "s"
