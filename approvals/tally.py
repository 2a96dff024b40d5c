"""
The tally: each person's standing say about one proposal, and whether together they meet its requirement.

Pure bookkeeping below the state machine: what a say is worth was judged before, what it does to the proposal is decided after.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from approvals.decision import ANSWERS, NOES, Verdict, moment
from approvals.docket import Docket
from approvals.votes import EFFECT, Vote
from policies.requirement import Assurance, Rule
from policies.strictness import shortfall, stretched

_STOPS = NOES | {Verdict.WITHDRAW, Verdict.ABSTAIN}


@dataclass(frozen=True)
class _Say:
    """A person's standing yes."""

    event_id: int
    at: datetime
    since: datetime
    """When it began to hold."""
    verdict: Verdict


class Tally:
    """Who says yes to what, who says no, and what was said before."""

    def __init__(self, docket: Docket) -> None:
        self._docket = docket
        self._yes: dict[str, _Say] = {}
        self._noes: set[str] = set()
        self._ended: dict[int, str] = {}
        """Why an approval that counted does not stand any more, by its event."""
        self._tokens: set[tuple[str, str]] = set()
        self._signed_at: dict[str, int] = {}
        """When each person signed what they said last, in seconds since 1970."""

    def pointless(self, vote: Vote) -> str | None:
        """Why *vote* adds nothing to what was said before, or None. Whoever has a signed line can send it again, any time."""
        who, token = str(vote.who), (str(vote.who), vote.jti)
        repeated = bool(vote.jti) and token in self._tokens
        self._tokens.add(token)
        if vote.verdict in _STOPS:
            # A no is heard, whatever its sender numbers it and whoever sends it again.
            return None
        if repeated:
            return "it is a copy of an earlier decision"
        if vote.iat is not None and vote.iat < self._signed_at.get(who, 0):
            return f"`{who}` signed it before what they said last, which stands"
        known = self._yes.get(who)
        if known is not None and known.verdict is vote.verdict:
            return f"`{who}` has approved already; one person counts once"
        return None

    def yes(self, vote: Vote) -> None:
        """Enters an approval or an answer; it replaces what the person said before, a no included."""
        who = self._take_back(vote)
        self._noes.discard(who)
        # From when it was signed: held back by somebody, it is no fresher.
        since = vote.at if vote.iat is None else min(vote.at, moment(vote.iat))
        self._yes[who] = _Say(vote.event_id, vote.at, since, vote.verdict or Verdict.APPROVE)

    def no(self, vote: Vote) -> int:
        """Enters a no; how many people say no now."""
        self._noes.add(self._take_back(vote))
        return len(self._noes)

    def denied(self, vote: Vote) -> bool:
        """Whether the person of *vote* says no already."""
        return str(vote.who) in self._noes

    def abstain(self, vote: Vote) -> None:
        """Enters an abstention. It takes back a yes and never a no: it needs less proof than a yes does."""
        self._take_back(vote)

    def lapse(self, until: datetime) -> bool:
        """Ends approvals that hold no longer at *until*; whether the requirement was met before, and is not any more."""
        seconds = self._docket.proposal.requirement.vote_seconds
        if seconds is None:
            return False
        over = {who: say for who, say in self._yes.items() if until >= say.since + timedelta(seconds=seconds)}
        met = not self.missing()
        for who, say in over.items():
            self._ended[say.event_id] = (
                f"it held until {(say.since + timedelta(seconds=seconds)).isoformat(timespec='seconds')}"
            )
            del self._yes[who]
        return bool(over) and met and bool(self.missing())

    @property
    def answer(self) -> Verdict | None:
        """Of an unknown outcome: what most of the requirement is met by. None for an ordinary proposal, and without answers."""
        found = {say.verdict for say in self._yes.values()} & ANSWERS
        # Sorted, so that the same votes give the same answer; only one of them can be complete without the others.
        return min(found, key=lambda verdict: (len(self._lacking(verdict)), verdict), default=None)

    def missing(self) -> tuple[str, ...]:
        """What the requirement still lacks; people who answer otherwise do not stand in for one another."""
        answer = self.answer
        lacking = self._lacking(answer or Verdict.APPROVE)
        if answer is not Verdict.RETRY or lacking:
            return lacking
        # Nothing is sent once more while somebody says that it was done, or is not to be.
        others = sorted((who, say.verdict) for who, say in self._yes.items() if say.verdict is not Verdict.RETRY)
        return tuple(f"agreement of {who}, who says {verdict}" for who, verdict in others)

    def worth(self, vote: Vote) -> Vote:
        """*vote* as it stands in the end."""
        why = self._ended.get(vote.event_id)
        return vote.model_copy(update={"refused": (why,), "against": (EFFECT,)}) if why and vote.counts else vote

    def _lacking(self, verdict: Verdict) -> tuple[str, ...]:
        proposal, people = self._docket.proposal, self._docket.directory.people
        says = {who: say for who, say in self._yes.items() if say.verdict is verdict}
        groups = {who: frozenset(people[who].groups) for who in says if who in people}
        after = {who: proposal.seconds(say.at) for who, say in says.items()}
        return shortfall(self._rules(groups), groups, after)

    def _rules(self, groups: dict[str, frozenset[str]]) -> tuple[Rule, ...]:
        """The rules; beside whoever is over their budget, one more person for each is needed."""
        requirement, given = self._docket.proposal.requirement, self._docket.approvals_this_hour
        if requirement.budget is None:
            return requirement.rules
        tired = any(given.get(who, 0) >= requirement.budget for who in groups)
        return stretched(requirement.rules) if tired else requirement.rules

    def _take_back(self, vote: Vote) -> str:
        """Ends the yes that the person of *vote* gave before, and returns who it is."""
        who = str(vote.who)
        before = self._yes.pop(who, None)
        if before is not None:
            self._ended[before.event_id] = f"`{who}` took it back at event {vote.event_id}"
        # The server's stamp is as good as a signature's time; in a name alone anybody could void what that person signs.
        said = int(vote.at.timestamp()) if vote.iat is None and vote.assurance is Assurance.ATTESTED else vote.iat
        self._signed_at[who] = max(said or 0, self._signed_at.get(who, 0))
        return who
