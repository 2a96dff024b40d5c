"""
One commit's way: propose, wait for people, ask the gate what became of it, follow where it leads.

INVARIANT: nothing here judges. An amendment and a question about an unknown outcome are proposals like any other: the gate
makes them from its own word in the history, and this code only asks for them.
"""

from __future__ import annotations

import re
from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from pydantic import JsonValue, ValidationError

    from activities.commit import CommitActivities, SettleRequest
    from activities.grounds import ProposeRequest
    from approvals.proposal import Proposal, Refusal, proposal_id
    from approvals.settlement import Settlement, SettlementKind
    from approvals.signed import Kind, Signed
    from policies.canonical import Digest
    from workflows.asking import COMMITS, asked
    from workflows.board import LONGEST, Board
    from workflows.errors import Misunderstood
    from workflows.outcome import ENDS, Outcome, OutcomeKind, of_settlement

SOON = timedelta(seconds=1)
MAX_AMENDMENTS = 20
MAX_QUESTIONS = 3
"""So often people are asked about one unknown outcome: each `retry` may end unknown again."""
_HEX = re.compile(r"[0-9a-f]{64}")


class News:
    """What a mission was told: how many signals came, and whether it wants nothing any more."""

    def __init__(self) -> None:
        self.heard = 0
        self.withdrawn = False


class Commitment:
    """One commit of a mission, with all items of its card."""

    def __init__(self, board: Board, news: News, within: timedelta | None) -> None:
        """
        Args:
            within: After so long the mission withdraws what is not used.
        """
        self._board = board
        self._news = news
        self._until = workflow.now() + within if within is not None else None

    async def outcomes(self, request: ProposeRequest) -> tuple[Outcome, ...]:
        """What became of each action of *request*, in its order."""
        changed: dict[str, JsonValue] = {}
        for _ in range(MAX_AMENDMENTS):
            heard = self._news.heard
            proposed = await self._proposed(request)
            if isinstance(proposed, Outcome):
                return tuple(proposed for _ in request.wanted)
            proposal, digest = proposed
            if proposal.amends is not None:
                changed |= proposal.amends.amendment.changes
            found = await self._settled(proposal, digest, heard)
            if [outcome.kind for outcome in found] != [OutcomeKind.SUPERSEDED]:
                return tuple(outcome.model_copy(update={"amended": changed or None}) for outcome in found)
            request = ProposeRequest(step=request.step, because=request.because, amends=digest)
        return (Outcome(kind=OutcomeKind.REFUSED, reasons=(f"it was amended {MAX_AMENDMENTS} times",)),)

    async def _proposed(self, request: ProposeRequest) -> tuple[Proposal, Digest] | Outcome:
        """The proposal that the gate makes of *request*, or the outcome where it makes none, or none in time."""
        what = request.operation or ("an amendment" if request.amends else "a question about an unknown outcome")
        summary = f"propose {what}" + (f" and {len(request.more)} more" if request.more else "")
        within = max(self._until - workflow.now(), SOON) if self._until is not None else None
        try:
            answer = await asked(CommitActivities.propose, request, Signed, COMMITS, summary=summary, within=within)
            if answer.kind is not Kind.PROPOSAL:
                reasons = Refusal.model_validate(answer.body).reasons()
                return Outcome(kind=OutcomeKind.REFUSED, reasons=reasons)
            return Proposal.model_validate(answer.body), _digest(answer.digest)
        except (Misunderstood, ValidationError):
            return Outcome(kind=OutcomeKind.REFUSED, reasons=("what came back is no proposal of a gate",))
        except ActivityError as error:
            final = isinstance(error.cause, ApplicationError) and error.cause.non_retryable
            if within is None or final or is_cancelled_exception(error):
                raise
            return Outcome(kind=OutcomeKind.REFUSED, reasons=("the gate made no proposal of it in the time that was left",))

    async def _settled(self, proposal: Proposal, digest: Digest, heard: int) -> tuple[Outcome, ...]:
        """The outcome of each item. One after the other: what ends the proposal in between ends the rest."""
        found: list[Outcome] = []
        self._board.show(proposal, digest)
        try:
            for item in range(len(proposal.actions)):
                settlement = await self._final(proposal, digest, heard, item)
                found.append(_outcome(settlement, digest))
                if settlement is not None and settlement.kind in ENDS:
                    found += [found[-1]] * (len(proposal.actions) - len(found))
                    break
        finally:
            self._board.take_down(digest)
        return tuple([await self._answered(outcome, proposal, item) for item, outcome in enumerate(found)])

    async def _answered(self, outcome: Outcome, proposal: Proposal, item: int) -> Outcome:
        """*outcome*, or what people say happened where it is unknown."""
        digest = outcome.proposal
        for _ in range(MAX_QUESTIONS):
            if outcome.kind is not OutcomeKind.UNKNOWN or digest is None or self._news.withdrawn:
                return outcome
            heard = self._news.heard
            proposed = await self._proposed(ProposeRequest(step=proposal.action.step, reconciles=digest, item=item))
            if isinstance(proposed, Outcome):
                return outcome.model_copy(update={"reasons": (*outcome.reasons, *proposed.reasons)})
            question, digest, item = *proposed, 0
            self._board.show(question, digest)
            try:
                answer = _outcome(await self._final(question, digest, heard, item), digest)
            finally:
                self._board.take_down(digest)
            if answer.kind not in (OutcomeKind.COMMITTED, OutcomeKind.FAILED, OutcomeKind.UNKNOWN):
                # Nobody could say: that a question ended so tells nothing about what was sent.
                words = f"people were asked what happened, and that was {answer.kind}"
                return outcome.model_copy(update={"reasons": (*outcome.reasons, words, *answer.reasons)})
            outcome = answer
        return outcome

    async def _final(self, proposal: Proposal, digest: Digest, heard: int, item: int) -> Settlement | None:
        """Asks the gate on every signal and timer until it gives a final answer; None where it gave none that can be read."""
        # The first item's say-so is that of all: the others are asked about at once.
        wait = None if item else proposal.next_moment(workflow.now()) - workflow.now()
        while True:
            if wait is not None:
                await self._wait(heard, wait)
            # Several signals that came at once make one call.
            heard = self._news.heard
            settlement = await _settle(SettleRequest(proposal=digest, item=item, withdraw=self._unwanted()))
            match settlement:
                case Settlement(kind=SettlementKind.PENDING):
                    self._board.show(proposal, digest, settlement.asked)
                    again = settlement.ask_again_at or proposal.expires_at
                    wait = again - workflow.now()
                case Settlement(kind=SettlementKind.NOT_SENT, retry_seconds=float(seconds)):
                    wait = timedelta(seconds=seconds) if 0 <= seconds <= LONGEST.total_seconds() else LONGEST
                case _:
                    return settlement

    def _unwanted(self) -> bool:
        return self._news.withdrawn or (self._until is not None and workflow.now() >= self._until)

    async def _wait(self, heard: int, wait: timedelta) -> None:
        if self._unwanted():
            return
        if self._until is not None:
            wait = min(wait, self._until - workflow.now())
        try:
            await workflow.wait_condition(
                lambda: self._news.heard != heard or self._news.withdrawn, timeout=min(max(wait, SOON), LONGEST)
            )
        except TimeoutError:
            return


async def _settle(request: SettleRequest) -> Settlement | None:
    summary = f"settle {proposal_id(request.proposal)}" + (f" item {request.item + 1}" if request.item else "")
    try:
        answer = await asked(CommitActivities.settle, request, Signed, COMMITS, summary=summary)
        return Settlement.model_validate(answer.body)
    except (ActivityError, Misunderstood, ValidationError) as error:
        if is_cancelled_exception(error):
            raise
        return None


def _outcome(settlement: Settlement | None, digest: Digest) -> Outcome:
    if settlement is None:
        return Outcome(kind=OutcomeKind.UNKNOWN, proposal=digest, reasons=("the gate gave no answer",))
    return of_settlement(settlement)


def _digest(text: str) -> Digest:
    if not _HEX.fullmatch(text):
        raise Misunderstood("`propose` answered with a digest that is none")
    return Digest(text)
