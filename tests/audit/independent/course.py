"""A proposal's way through the table of section 8: who said what, in order, and what is missing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from tests.audit.independent.saying import Body, Decision, moment, when
from tests.audit.independent.strict import Unreadable, canonical

YES, ANSWERS, NOES = ("approve", "done", "not-done", "retry"), ("done", "not-done", "retry"), ("deny", "revoke")
UNENDED = ("open", "approved")


@dataclass
class Vote:
    """What one signal is worth."""

    id: int
    at: datetime
    who: str | None = None
    assurance: str = "claimed"
    verdict: str | None = None
    counts: bool = False
    said: Decision | None = None
    """Only of what a person signed."""
    since: datetime | None = None

    @property
    def worth(self) -> tuple[Any, ...]:
        """What a gate's word about it is compared by."""
        return self.who, self.assurance, self.verdict, self.counts

    @property
    def jti(self) -> str:
        """Of what was signed."""
        return str(self.said.says["jti"]) if self.said else ""

    @property
    def iat(self) -> datetime | None:
        """Of what was signed."""
        return moment(int(self.said.says["iat"])) if self.said else None


class Course:
    """Where a proposal stands, as things are said."""

    def __init__(self, proposal: Body, groups_of: Mapping[str, set[str]], counted: Mapping[str, int]) -> None:
        self.needs, self.groups_of, self.counted = proposal["requirement"], groups_of, counted
        self.expires, self.created = when(proposal, "expires_at"), when(proposal, "created_at")
        self.state = "open"
        self.yes: dict[str, Vote] = {}
        self.noes: set[str] = set()
        self.tokens: set[tuple[str, str]] = set()
        self.signed_at: dict[str, datetime] = {}

    def end(self, state: str) -> None:
        """Moves on; nothing leaves what has ended."""
        self.state = state if self.state in UNENDED else self.state

    def clock(self, until: datetime) -> None:
        """What time does by *until*."""
        holds, met = self.needs.get("vote_seconds"), not self.missing()
        for who, vote in list(self.yes.items()):
            if holds is not None and until >= (vote.since or vote.at) + timedelta(seconds=holds):
                self._take_back(who)
        if met and self.missing():
            self.end("open")
        if until >= self.expires:
            self.end("expired")

    def hear(self, vote: Vote) -> None:
        """One vote; it may turn out not to count after what was said before."""
        who = str(vote.who)
        again = bool(vote.jti) and (who, vote.jti) in self.tokens
        self.tokens.add((who, vote.jti))
        if vote.verdict in (*YES, "amend"):
            older = vote.iat is not None and who in self.signed_at and vote.iat < self.signed_at[who]
            same = who in self.yes and self.yes[who].verdict == vote.verdict
            vote.counts = vote.counts and not (again or older or same)
        if self.state not in UNENDED or (self.state == "open" and vote.verdict in NOES and who in self.noes):
            vote.counts = False
        if vote.counts:
            self._take(who, str(vote.verdict), vote)

    def _take(self, who: str, verdict: str, vote: Vote) -> None:
        if verdict in ("amend", "withdraw"):
            return self.end("superseded" if verdict == "amend" else "withdrawn")
        short, before = bool(self.missing()), self.answer
        self._take_back(who)
        said = vote.at.replace(microsecond=0) if vote.assurance == "attested" else vote.iat
        if said is not None:
            self.signed_at[who] = max(said, self.signed_at.get(who, said))
        if verdict in NOES:
            self.noes.add(who)
            enough = len(self.noes) >= self.needs.get("denies", 1)
            return self.end("revoked" if self.state == "approved" else "denied" if enough else "open")
        if verdict in YES:
            self.noes.discard(who)
            vote.since = vote.at if vote.iat is None else min(vote.at, vote.iat)
            self.yes[who] = vote
        if verdict in ANSWERS and self.state == "approved" and verdict != before:
            return self.end("revoked")
        if self.missing():
            return self.end("open") if verdict == "abstain" and not short else None
        return self.end("approved" if self.answer in (None, "retry") else "revoked" if self.state == "approved" else "answered")

    def _take_back(self, who: str) -> None:
        if who in self.yes:
            self.yes.pop(who).counts = False

    @property
    def answer(self) -> str | None:
        """Of an unknown outcome, what most of the requirement is met by."""
        found = {str(vote.verdict) for vote in self.yes.values()} & set(ANSWERS)
        return min(found, key=lambda verdict: (self._lacking(verdict), verdict), default=None)

    def missing(self) -> int:
        """How much is missing; while somebody says otherwise, a `retry` misses their agreement."""
        lacking = self._lacking(self.answer or "approve")
        if lacking or self.answer != "retry":
            return lacking
        return sum(vote.verdict != "retry" for vote in self.yes.values())

    def _lacking(self, verdict: str) -> int:
        """How many rules lack somebody, when one person fills one place."""
        says = {who: (vote.at - self.created).total_seconds() for who, vote in self.yes.items() if vote.verdict == verdict}
        budget = self.needs.get("budget")
        extra = int(budget is not None and any(self.counted.get(who, 0) >= budget for who in says))
        places = [rule for rule in self.needs["rules"] for _ in range(rule["count"] + extra)]
        taken: dict[int, str] = {}

        def seat(who: str, seen: set[int]) -> bool:
            for place, rule in enumerate(places):
                if place not in seen and self.groups_of[who] & groups(rule, says[who]):
                    seen.add(place)
                    if place not in taken or seat(taken[place], seen):
                        taken[place] = who
                        return True
            return False

        for who in sorted(says):
            seat(who, set())
        return len({(rule["group"], *rule.get("others", [])) for place, rule in enumerate(places) if place not in taken})


def groups(rule: Body, seconds: float) -> set[str]:
    """Whose people may fill a place of *rule*, so long after the proposal."""
    later = [group for step in rule.get("escalations", []) if seconds >= step["after_seconds"] for group in step["groups"]]
    return {rule["group"], *rule.get("others", []), *later}


def amendment(changes: Body | None, proposal: Body) -> bool:
    """Whether *changes* are ones that the requirement allows."""
    arguments = proposal["action"]["arguments"]
    may = {each["path"]: each for each in proposal["requirement"].get("amendable", [])}
    try:
        small = len(canonical(changes)) <= 8 << 10
    except Unreadable:
        return False
    if not changes or proposal.get("more") or len(changes) > 20 or not small or not changes.keys() <= may.keys():
        return False
    if any(other.startswith(f"{path}.") for path in changes for other in changes):
        return False
    new = any(stands(arguments, path) != value for path, value in changes.items())
    return new and all(within(may[path], value, arguments) for path, value in changes.items())


def stands(arguments: Any, path: str) -> Any:
    """What stands at *path*."""
    for key in path.split(".") if path else ():
        arguments = arguments.get(key) if isinstance(arguments, dict) else None
    return arguments


def within(allowed: Body, value: Any, arguments: Body) -> bool:
    """Whether *value* is within its bounds."""
    low, high, path = allowed.get("low"), allowed.get("high"), allowed["path"]
    proposed = stands(arguments, path)
    if not isinstance(stands(arguments, path.rpartition(".")[0]), dict):
        return False
    if low is None and high is None and not allowed.get("not_above"):
        return True
    if not is_number(value) or (allowed.get("not_above") and not (is_number(proposed) and value <= proposed)):
        return False
    return (low is None or value >= low) and (high is None or value <= high)


def is_number(value: Any) -> bool:
    """Whether it is a number."""
    return isinstance(value, int | float) and not isinstance(value, bool)
