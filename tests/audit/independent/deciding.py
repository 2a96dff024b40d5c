"""A proposal judged over a history: section 8, without Cedar."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from tests.audit.independent.history import Run, Signal
from tests.audit.independent.saying import (
    FINAL,
    Body,
    Decision,
    actions,
    announcements,
    claim,
    decision,
    evidence,
    moment,
    owner,
    proposals,
    readable,
    settlements,
    when,
)
from tests.audit.independent.strict import Trust, Unreadable, canonical

YES, ANSWERS, NOES = ("approve", "done", "not-done", "retry"), ("done", "not-done", "retry"), ("deny", "revoke")
ENDS = {"open": "pending", "approved": "not_sent"}
RANK = ("claimed", "attested", "signed")


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

    @property
    def worth(self) -> tuple[Any, ...]:
        """What a gate's word about it is compared by."""
        return self.who, self.assurance, self.verdict, self.counts


@dataclass
class Judgement:
    """How an item of a proposal stands."""

    admits: bool
    answer: str
    votes: dict[int, Vote] = field(default_factory=dict)


class Judge:
    """One proposal over one run, up to a moment."""

    def __init__(self, run: Run, mission: Body, trust: Trust, now: datetime, counted: Mapping[str, int]) -> None:
        self.run, self.mission, self.trust, self.now, self.counted = run, mission, trust, now, counted
        self.known = proposals(run, trust)

    def judge(self, name: str, item: int) -> Judgement:
        """Of *item* of proposal *name*."""
        if name not in self.known or not 0 <= item < len(actions(self.known[name][1])):
            return Judgement(False, "not_sent")
        self.name, (self.event, self.proposal) = name, self.known[name]
        self.rules, self.needs = self.proposal["requirement"]["rules"], self.proposal["requirement"]
        self.expires, self.created = when(self.proposal, "expires_at"), when(self.proposal, "created_at")
        barred, proven = self._barred(), self._proven()
        if len(self.run.signals) > 1000:
            return Judgement(False, "not_sent")
        state, votes = Course(self).resolve()
        final = [body["kind"] for _, body in settlements(self.run, self.trust, ever=True) if body["proposal"] == name]
        settled = next((kind for kind in final if kind in FINAL), None)
        admits = state == "approved" and proven and not barred and settled is None
        return Judgement(admits, "not_sent" if barred else settled or ENDS.get(state, state), votes)

    def _barred(self) -> bool:
        here = all(action["mission"] == self.mission for action in actions(self.proposal))
        start = self.run.events[0].says
        first = start.original_execution_run_id == start.first_execution_run_id == self.mission["run_id"]
        cancelled = any(True for _ in self.run.of("WORKFLOW_EXECUTION_CANCEL_REQUESTED"))
        return not here or not first or cancelled or not self.run.has(evidence(self.proposal, "evidence")) or self._answered()

    def _proven(self) -> bool:
        frozen = self.proposal["principals"]
        try:
            found = owner(self.run, self.mission["namespace"], self.mission["mission_id"], self.trust)
        except Unreadable:
            found = None
        return found is not None and found == (frozen.get("owner"), frozen.get("on_behalf_of"))

    def _line(self, asks: Body) -> list[tuple[str, int]]:
        found = [(asks["proposal"], asks.get("item", 0))]
        while (earlier := self.known.get(found[-1][0])) and (asked := earlier[1].get("reconciles")):
            if (asked["proposal"], asked.get("item", 0)) in found:
                break
            found.append((asked["proposal"], asked.get("item", 0)))
        return found

    def _answered(self) -> bool:
        """Whether the outcome that the proposal asks about is known by now."""
        if not self.proposal.get("reconciles"):
            return False
        line = self._line(self.proposal["reconciles"])
        asking = [name for name, (_, body) in self.known.items() if body.get("reconciles")]
        same = {(name, 0) for name in asking if self._line(self.known[name][1]["reconciles"])[-1] == line[-1]}
        family = ({line[-1]} | same) - {(self.name, 0)}
        told = [body for _, body in settlements(self.run, self.trust, ever=True) if (body["proposal"], body["item"]) in family]
        sent = announcements(self.run, self.trust, 1001).keys() & (family - set(line))
        return bool(sent) or any(body["receipt"] is not None or body["kind"] == "answered" for body in told)

    def vote(self, signal: Signal) -> Vote | None:
        """What *signal* is worth by itself; None where it is about another proposal of this run."""
        vote = Vote(signal.id, signal.at)
        try:
            said = decision(signal)
        except Unreadable:
            return vote
        if said.proposal in self.known and said.proposal != self.name:
            return None
        holder = self.trust.holder(said.token.kid) if said.token else None
        attested = [who for who in self.trust.people if signal.principal in self.trust.principals(who)]
        if said.token:
            vote.who, vote.assurance = holder[0] if holder else None, "signed"
        elif signal.principal and attested and not signal.by_workflow:
            vote.who, vote.assurance = attested[0], "attested"
        else:
            vote.who = readable(str(said.says.get("approver", ""))[:200]) or None
        vote.verdict, vote.said = said.verdict, said
        person = vote.who in self.trust.people
        signed = said.token is None or bool(holder and said.token.good("sayso-decision+jws", holder[1]))
        sure = person and signed and said.proposal == self.name and signal.id > self.event
        if not signed:
            vote.said = None
        if said.verdict == "withdraw":
            vote.counts = sure and vote.who == self.proposal["principals"].get("owner")
        elif sure and self._eligible(vote, signal):
            named = said.verdict == "abstain" and vote.assurance == "claimed"
            vote.counts = not named if said.verdict in (*NOES, "abstain") else self._whole(vote, said, signal)
        return vote

    def _eligible(self, vote: Vote, signal: Signal) -> bool:
        own = set(self.trust.people[str(vote.who)].get("groups", []))
        asked = {group for rule in self.rules for group in groups(rule, self.seconds(signal.at))}
        return bool(asked & own) and vote.who not in {self.proposal["principals"].get(n) for n in ("owner", "on_behalf_of")}

    def _whole(self, vote: Vote, said: Decision, signal: Signal) -> bool:
        """Whether all holds that a yes needs beside what a no needs."""
        asks, amends = self.proposal.get("reconciles") is not None, self.proposal.get("amends")
        amenders = (amends.get("amenders") or [amends["amendment"]["who"]]) if amends else []
        holder = self.trust.holder(said.token.kid) if said.token else None
        own, least = set(self.trust.people[str(vote.who)].get("groups", [])), self.needs.get("assurance", "signed")
        checks = [
            holder is None or (holder[1].at(signal.at) and holder[1].at(self.now)),
            RANK.index(vote.assurance) >= max(1, RANK.index(least)),
            not own & set(self.needs.get("excludes", [])),
            said.verdict == "amend" or vote.who not in amenders,
            not self.needs.get("reason") or said.reason.strip(),
            asks == (said.verdict in ANSWERS),
            said.verdict != "amend" or amendment(said.changes, self.proposal),
        ]
        if said.token:
            says, (through, link) = said.says, evidence(said.says, "evidence")
            audience = {"namespace": self.proposal["action"]["mission"]["namespace"], "gate": self.proposal["gate"]}
            checks += [says["aud"] == audience, through >= self.event and self.run.has((through, link))]
            checks += [moment(int(says["iat"])) <= signal.at + timedelta(seconds=120)]
            checks += [moment(int(says["exp"])) > max(signal.at, self.now)]
        return all(checks)

    def seconds(self, at: datetime) -> float:
        """From the proposal to *at*."""
        return (at - self.created).total_seconds()


class Course:
    """A proposal's way through the table of section 8."""

    def __init__(self, judge: Judge) -> None:
        self.judge, self.state = judge, "open"
        self.yes: dict[str, tuple[datetime, datetime, str, Vote]] = {}
        self.noes: set[str] = set()
        self.tokens: set[tuple[str, str]] = set()
        self.signed_at: dict[str, int] = {}

    def resolve(self) -> tuple[str, dict[int, Vote]]:
        """Where it stands, and what each signal was worth."""
        run, votes = self.judge.run, {}
        said: list[tuple[int, datetime, Vote | None]] = [(*each, None) for each in run.withdrawals(self.judge.name)]
        for signal in run.signals:
            vote = None if claim(signal, self.judge.trust) else self.judge.vote(signal)
            if vote is not None:
                votes[vote.id] = vote
                said.append((signal.id, signal.at, vote))
        for _, at, vote in sorted(said, key=lambda each: each[0]):
            self._clock(at)
            if vote is None:
                self._to("withdrawn")
            elif self._heard(vote):
                self._take(vote)
        self._clock(self.judge.now)
        return self.state, votes

    def _to(self, state: str) -> None:
        if self.state in ENDS:
            self.state = state

    def _clock(self, until: datetime) -> None:
        holds, met = self.judge.needs.get("vote_seconds"), not self.missing()
        for who, (_, since, _, vote) in list(self.yes.items()):
            if holds is not None and until >= since + timedelta(seconds=holds):
                vote.counts = False
                del self.yes[who]
        if met and self.missing():
            self._to("open")
        if until >= self.judge.expires:
            self._to("expired")

    def _heard(self, vote: Vote) -> bool:
        """Whether *vote* counts after what was said before."""
        who, jti, iat = str(vote.who), self._signed(vote, "jti"), self._signed(vote, "iat")
        again = bool(jti) and (who, jti) in self.tokens
        self.tokens.add((who, str(jti or "")))
        if vote.counts and vote.verdict not in (*NOES, "withdraw", "abstain"):
            older = iat is not None and min(max(iat, 0), 253_402_300_799) < self.signed_at.get(who, 0)
            vote.counts = not (again or older or (who in self.yes and self.yes[who][2] == vote.verdict))
        if self.state not in ENDS or (self.state == "open" and vote.verdict in NOES and who in self.noes):
            vote.counts = False
        return vote.counts

    def _signed(self, vote: Vote, name: str) -> Any:
        return vote.said.says.get(name) if vote.said and vote.said.token else None

    def _take(self, vote: Vote) -> None:
        who, verdict, short, before = str(vote.who), str(vote.verdict), bool(self.missing()), self.answer
        if verdict == "amend":
            return self._to("superseded")
        if verdict == "withdraw":
            return self._to("withdrawn")
        if who in self.yes:
            self.yes.pop(who)[3].counts = False
        iat = self._signed(vote, "iat")
        stamp = int(vote.at.timestamp()) if iat is None and vote.assurance == "attested" else int(iat or 0)
        self.signed_at[who] = max(stamp, self.signed_at.get(who, 0))
        if verdict in NOES:
            self.noes.add(who)
            if self.state == "approved" or len(self.noes) >= self.judge.needs.get("denies", 1):
                self._to("revoked" if self.state == "approved" else "denied")
            return None
        if verdict in YES:
            self.noes.discard(who)
            since = vote.at if iat is None else min(vote.at, moment(int(iat)))
            self.yes[who] = (vote.at, since, verdict, vote)
        if verdict in ANSWERS and self.state == "approved" and verdict != before:
            return self._to("revoked")
        if self.missing():
            return self._to("open") if verdict == "abstain" and not short else None
        answered = self.answer in ("done", "not-done")
        return self._to("approved" if not answered else "revoked" if self.state == "approved" else "answered")

    @property
    def answer(self) -> str | None:
        """Of an unknown outcome, what most of the requirement is met by."""
        found = {verdict for _, _, verdict, _ in self.yes.values()} & set(ANSWERS)
        return min(found, key=lambda verdict: (self._lacking(verdict), verdict), default=None)

    def missing(self) -> int:
        """How much is missing."""
        lacking = self._lacking(self.answer or "approve")
        if lacking or self.answer != "retry":
            return lacking
        return sum(verdict != "retry" for _, _, verdict, _ in self.yes.values())

    def _lacking(self, verdict: str) -> int:
        """How many rules, by name, lack somebody: each person fills one place."""
        judge, budget = self.judge, self.judge.needs.get("budget")
        says = {who: judge.seconds(at) for who, (at, _, each, _) in self.yes.items() if each == verdict}
        extra = int(budget is not None and any(judge.counted.get(who, 0) >= budget for who in says))
        places = [rule for rule in judge.rules for _ in range(rule["count"] + extra)]
        fits = {who: set(judge.trust.people[who].get("groups", [])) for who in says}
        taken: dict[int, str] = {}

        def seat(who: str, seen: set[int]) -> bool:
            for place, rule in enumerate(places):
                if place not in seen and fits[who] & groups(rule, says[who]):
                    seen.add(place)
                    if place not in taken or seat(taken[place], seen):
                        taken[place] = who
                        return True
            return False

        for who in sorted(says):
            seat(who, set())
        open_places = [rule for place, rule in enumerate(places) if place not in taken]
        return len({(rule["group"], *rule.get("others", [])) for rule in open_places})


def groups(rule: Body, seconds: float) -> set[str]:
    """Whose people may fill a place of *rule*, so long after the proposal."""
    later = [group for step in rule.get("escalations", []) if seconds >= step["after_seconds"] for group in step["groups"]]
    return {rule["group"], *rule.get("others", []), *later}


def amendment(changes: Body | None, proposal: Body) -> bool:
    """Whether *changes* are ones that the requirement allows."""
    arguments, may = proposal["action"]["arguments"], {each["path"]: each for each in proposal["requirement"]["amendable"]}
    try:
        settled = len(canonical(changes)) <= 8 << 10
    except Unreadable:
        return False
    if not changes or proposal.get("more") or len(changes) > 20 or not settled or not changes.keys() <= may.keys():
        return False
    if any(other.startswith(f"{path}.") for path in changes for other in changes):
        return False
    return any(at(arguments, path) != value for path, value in changes.items()) and all(
        within(may[path], value, arguments, path) for path, value in changes.items()
    )


def at(arguments: Any, path: str) -> Any:
    """What stands at *path*."""
    for key in path.split(".") if path else ():
        arguments = arguments.get(key) if isinstance(arguments, dict) else None
    return arguments


def within(allowed: Body, value: Any, arguments: Body, path: str) -> bool:
    """Whether *value* at *path* is within its bounds."""
    low, high, proposed = allowed.get("low"), allowed.get("high"), at(arguments, path)
    if not isinstance(at(arguments, path.rpartition(".")[0]), dict):
        return False
    if low is None and high is None and not allowed.get("not_above"):
        return True
    if not is_number(value) or (allowed.get("not_above") and not (is_number(proposed) and value <= proposed)):
        return False
    return (low is None or value >= low) and (high is None or value <= high)


def is_number(value: Any) -> bool:
    """Whether it is a number."""
    return isinstance(value, int | float) and not isinstance(value, bool)
