"""
How a proposal ends: the one state machine. The gate settles on it, the command line explains with it, a verifier judges by it.

Theory of operation. A proposal starts OPEN. What people decided is taken in the order of its events; each was judged by
`approvals.votes` with the directory of this moment, so a group or key that was lost since takes its vote along. A decision that
counts, a withdrawal and the clock are the only stimuli:

    state      YES_SHORT  YES_MET   ANSWER_MET  STEP_BACK  NO_SHORT  NO       CONTRADICT  AMEND       WITHDRAW   EXPIRE
    OPEN       OPEN       APPROVED  ANSWERED    OPEN       OPEN      DENIED   OPEN        SUPERSEDED  WITHDRAWN  EXPIRED
    APPROVED   APPROVED   APPROVED  REVOKED     OPEN       REVOKED   REVOKED  REVOKED     SUPERSEDED  WITHDRAWN  EXPIRED
    DENIED, EXPIRED, SUPERSEDED, REVOKED, WITHDRAWN, ANSWERED: stay as they are

Each person has one say: the last they gave. An approval is taken back by the same person's abstention or no (STEP_BACK where
something is missing without it), and lapses where the requirement bounds how long it holds. So many noes as the requirement
names end an open proposal; an approved one is revoked by the first. Of an unknown outcome people say what they found: `retry`
is the yes that sends once more, the others end it ANSWERED; whoever disagrees after a `retry` was approved stops it
(CONTRADICT).

EXPIRE is fed before everything whose event is not earlier than `expires_at`, and once more with `now`: expiry beats a
late approval, and an approval that is not used by then is void. Nothing leaves a final state, and nothing but APPROVED
admits. YES_MET is fed, also by an abstention, only where the requirement is met at that moment, and APPROVED is left when it
is met no more.

Source: docs/decisions/0004-decisions.md, docs/decisions/0013-whole-life.md
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum

from approvals.amendment import Amendment
from approvals.decision import ANSWERS, NOES, Heard, Verdict, Withdrawal
from approvals.docket import Docket
from approvals.tally import Tally
from approvals.votes import EFFECT, Vote, judged
from policies.model import Recorded


class State(StrEnum):
    """Where a proposal stands."""

    OPEN = "open"
    APPROVED = "approved"
    DENIED = "denied"
    EXPIRED = "expired"
    SUPERSEDED = "superseded"
    REVOKED = "revoked"
    WITHDRAWN = "withdrawn"
    ANSWERED = "answered"

    @property
    def final(self) -> bool:
        """Whether nothing can change it any more."""
        return self not in (State.OPEN, State.APPROVED)


class Stimulus(StrEnum):
    """What can happen to a proposal."""

    YES_SHORT = "an approval that leaves something missing"
    YES_MET = "an approval that meets the requirement"
    ANSWER_MET = "an answer that meets the requirement: done, or not done"
    STEP_BACK = "an approval that is taken back or lapses, and leaves something missing"
    NO_SHORT = "a no, fewer than end it"
    NO = "a no, as many as end it"
    CONTRADICT = "an answer that is another than the one before"
    AMEND = "an amendment"
    WITHDRAW = "the mission or its owner withdraws it"
    EXPIRE = "the proposal's time is over"


_OPEN, _APPROVED = State.OPEN, State.APPROVED
TABLE: dict[tuple[State, Stimulus], State] = {
    (_OPEN, Stimulus.YES_SHORT): _OPEN,
    (_OPEN, Stimulus.YES_MET): _APPROVED,
    (_OPEN, Stimulus.ANSWER_MET): State.ANSWERED,
    (_OPEN, Stimulus.STEP_BACK): _OPEN,
    (_OPEN, Stimulus.NO_SHORT): _OPEN,
    (_OPEN, Stimulus.NO): State.DENIED,
    (_OPEN, Stimulus.CONTRADICT): _OPEN,
    (_OPEN, Stimulus.AMEND): State.SUPERSEDED,
    (_OPEN, Stimulus.WITHDRAW): State.WITHDRAWN,
    (_OPEN, Stimulus.EXPIRE): State.EXPIRED,
    (_APPROVED, Stimulus.YES_SHORT): _APPROVED,
    (_APPROVED, Stimulus.YES_MET): _APPROVED,
    (_APPROVED, Stimulus.ANSWER_MET): State.REVOKED,
    (_APPROVED, Stimulus.STEP_BACK): _OPEN,
    (_APPROVED, Stimulus.NO_SHORT): State.REVOKED,
    (_APPROVED, Stimulus.NO): State.REVOKED,
    (_APPROVED, Stimulus.CONTRADICT): State.REVOKED,
    (_APPROVED, Stimulus.AMEND): State.SUPERSEDED,
    (_APPROVED, Stimulus.WITHDRAW): State.WITHDRAWN,
    (_APPROVED, Stimulus.EXPIRE): State.EXPIRED,
}


def follow(state: State, stimulus: Stimulus) -> State:
    """The next state. Final states follow nothing."""
    return state if state.final else TABLE[state, stimulus]


class Resolution(Recorded):
    """Where a proposal stands at one moment, what each decision was worth, and what is missing."""

    state: State
    votes: tuple[Vote, ...]
    missing: tuple[str, ...]
    """`1 of finance`; empty when the requirement is met."""
    asked: tuple[str, ...] = ()
    """The groups whose say-so is asked for at this moment."""
    amendment: Amendment | None = None
    """What superseded it."""
    answer: Verdict | None = None
    """What people found, once answered; `retry` where that was approved."""


def resolve(docket: Docket, said: Sequence[Heard | Withdrawal], now: datetime) -> Resolution:
    """
    How the proposal of *docket* stands at *now*.

    Args:
        said: All signals of the mission run, and its own withdrawals of this proposal, in the order of their events.
        now: Aware UTC, the gate's or the verifier's; never earlier than any event.
    """
    course = _Course(docket, now)
    for each in said:
        course.take(each)
    course.pass_time(now)
    return course.resolution()


class _Course:
    """A proposal's way through the table."""

    def __init__(self, docket: Docket, now: datetime) -> None:
        self._docket = docket
        self._now = now
        self._tally = Tally(docket)
        self._state = State.OPEN
        self._votes: list[Vote] = []
        self._amendment: Amendment | None = None

    def take(self, said: Heard | Withdrawal) -> None:
        """One thing that was said."""
        if isinstance(said, Withdrawal):
            self.pass_time(said.at)
            self._state = follow(self._state, Stimulus.WITHDRAW)
            return
        vote = judged(said, self._docket, self._now)
        if vote is None:
            return
        self.pass_time(said.at)
        vote = self._placed(vote)
        self._votes.append(vote)
        if vote.counts:
            self._state = follow(self._state, self._stimulus(vote))

    def pass_time(self, until: datetime) -> None:
        """What the clock does by *until*."""
        if self._tally.lapse(until):
            self._state = follow(self._state, Stimulus.STEP_BACK)
        if until >= self._docket.proposal.expires_at:
            self._state = follow(self._state, Stimulus.EXPIRE)

    def resolution(self) -> Resolution:
        """Where it stands."""
        proposal = self._docket.proposal
        return Resolution(
            state=self._state,
            votes=tuple(self._tally.worth(vote) for vote in self._votes),
            missing=self._tally.missing(),
            asked=tuple(sorted(proposal.requirement.groups(proposal.seconds(self._now)))),
            amendment=self._amendment,
            answer=self._tally.answer if proposal.reconciles and not self._tally.missing() else None,
        )

    def _placed(self, vote: Vote) -> Vote:
        """*vote*, refused when what came before it leaves it no effect."""
        pointless = self._tally.pointless(vote)
        if not vote.counts:
            return vote
        why = f"it came after the proposal was {self._state}" if self._state.final else pointless
        if why is None and self._state is State.OPEN and vote.verdict in NOES and self._tally.denied(vote):
            why = f"`{vote.who}` has denied already; one person counts once"
        return vote.model_copy(update={"refused": (why,), "against": (EFFECT,), "changes": None}) if why else vote

    def _stimulus(self, vote: Vote) -> Stimulus:
        """What *vote*, which counts, does; it is entered into the tally."""
        short = bool(self._tally.missing())
        match vote.verdict:
            case Verdict.APPROVE | Verdict.RETRY | Verdict.DONE | Verdict.NOT_DONE as verdict:
                before = self._tally.answer
                self._tally.yes(vote)
                if verdict in ANSWERS and self._state is State.APPROVED and verdict is not before:
                    return Stimulus.CONTRADICT
                return self._yes()
            case Verdict.ABSTAIN:
                self._tally.abstain(vote)
                # Whoever answered otherwise, or was over their budget, may have been all that stood in the way of the others.
                return Stimulus.STEP_BACK if not short and self._tally.missing() else self._yes()
            case Verdict.AMEND:
                self._amendment = Amendment(event_id=vote.event_id, who=str(vote.who), changes=vote.changes or {})
                return Stimulus.AMEND
            case Verdict.WITHDRAW:
                return Stimulus.WITHDRAW
        # Whatever else counts is a no: there is no verdict that eases by being unknown.
        enough = self._tally.no(vote) >= self._docket.proposal.requirement.denies
        return Stimulus.NO if enough or vote.verdict not in NOES else Stimulus.NO_SHORT

    def _yes(self) -> Stimulus:
        """What the standing yeses amount to."""
        if self._tally.missing():
            return Stimulus.YES_SHORT
        return Stimulus.YES_MET if self._tally.answer in (None, Verdict.RETRY) else Stimulus.ANSWER_MET
