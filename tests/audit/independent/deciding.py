"""A proposal judged over a history: section 8, without Cedar."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tests.audit.independent import saying
from tests.audit.independent.course import ANSWERS, NOES, Course, Vote, amendment, groups
from tests.audit.independent.history import Run, Signal
from tests.audit.independent.saying import Body, Decision, actions, evidence, moment
from tests.audit.independent.strict import Key, Trust, Unreadable

ENDS = {"open": "pending", "approved": "not_sent"}
RANK = ("claimed", "attested", "signed")


@dataclass
class Judgement:
    """How an item of a proposal stands."""

    admits: bool
    answer: str
    votes: dict[int, Vote] = field(default_factory=dict)


class Judge:
    """One run up to a moment."""

    def __init__(self, run: Run, first: Run | None, mission: Body, trust: Trust, now: datetime) -> None:
        """*first*: the run that was started, where *run* goes on from it."""
        self.run, self.first, self.mission, self.trust, self.now = run, first, mission, trust, now
        self.known = saying.proposals(run, trust)
        self.told = saying.settlements(run, trust, ever=True)

    def judge(self, name: str, item: int, counted: Mapping[str, int]) -> Judgement:
        """Of *item* of proposal *name*; *counted*: what the budgets of people were counted at."""
        if name not in self.known or not 0 <= item < len(actions(self.known[name][1])):
            return Judgement(False, "not_sent")
        self.name, (self.event, self.proposal) = name, self.known[name]
        self.frozen = self.proposal["principals"].get("owner"), self.proposal["principals"].get("on_behalf_of")
        barred = self._barred()
        if len(self.run.signals) > 1000:
            return Judgement(False, "not_sent")
        of = {who: self._groups(who) for who in self.trust.people}
        state, votes = self._resolve(Course(self.proposal, of, counted))
        final = (body["kind"] for _, body in self.told if body["proposal"] == name and body["kind"] in saying.FINAL)
        settled = next(final, None)
        admits = state == "approved" and not barred and settled is None and self._owned()
        return Judgement(admits, "not_sent" if barred else settled or ENDS.get(state, state), votes)

    def _resolve(self, course: Course) -> tuple[str, dict[int, Vote]]:
        votes = {}
        said: list[tuple[int, datetime, Vote | None]] = [(*each, None) for each in self.run.withdrawals(self.name)]
        for signal in self.run.signals:
            vote = None if saying.claim(signal, self.trust) else self._vote(signal)
            if vote is not None:
                votes[vote.id] = vote
                said.append((signal.id, signal.at, vote))
        for _, at, vote in sorted(said, key=lambda each: each[0]):
            course.clock(at)
            course.end("withdrawn") if vote is None else course.hear(vote)
        course.clock(self.now)
        return course.state, votes

    def _barred(self) -> bool:
        """Whether something is found that no waiting mends."""
        here = all(action["mission"] == self.mission for action in actions(self.proposal))
        start = self.run.events[0].says
        own = start.original_execution_run_id == self.mission["run_id"]
        first = own and (start.first_execution_run_id == self.mission["run_id"] or self.first is not None)
        cancelled = any(True for _ in self.run.of("WORKFLOW_EXECUTION_CANCEL_REQUESTED"))
        return not here or not first or cancelled or not self.run.has(evidence(self.proposal, "evidence")) or self._answered()

    def _owned(self) -> bool:
        try:
            found = saying.owner(self.first or self.run, self.mission["namespace"], self.mission["mission_id"], self.trust)
        except Unreadable:
            return False
        return found == self.frozen

    def _line(self, asks: Body) -> list[tuple[str, int]]:
        """The uses that a question goes back to, the nearest first."""
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
        asking = {name: body["reconciles"] for name, (_, body) in self.known.items() if body.get("reconciles")}
        same = {(name, 0) for name, asks in asking.items() if self._line(asks)[-1] == line[-1]}
        family = ({line[-1]} | same) - {(self.name, 0)}
        told = [body for _, body in self.told if (body["proposal"], body["item"]) in family]
        sent = saying.announcements(self.run, self.trust, 1001).keys() & (family - set(line))
        return bool(sent) or any(body["receipt"] is not None or body["kind"] == "answered" for body in told)

    def _groups(self, who: str | None) -> set[str]:
        return set(self.trust.people.get(who or "", {}).get("groups", []))

    def _vote(self, signal: Signal) -> Vote | None:
        """What *signal* is worth by itself; None where it is about another proposal of this run."""
        vote = Vote(signal.id, signal.at)
        try:
            said = saying.decision(signal)
        except Unreadable:
            return vote
        if said.proposal in self.known and said.proposal != self.name:
            return None
        vote.verdict = said.verdict
        key = self._sender(vote, said, signal)
        signed = key is not None and said.token is not None and said.token.good("sayso-decision+jws", key)
        sure = vote.who in self.trust.people and (signed or said.token is None)
        vote.said = said if sure and said.token else None
        if sure and said.proposal == self.name and signal.id > self.event:
            vote.counts = self._worth(vote, said, key)
        return vote

    def _sender(self, vote: Vote, said: Decision, signal: Signal) -> Key | None:
        """Enters who sent it and how surely; returns the key."""
        attested = [who for who in self.trust.people if signal.principal in self.trust.principals(who)]
        if said.token:
            who, key = self.trust.holder(said.token.kid) or (None, None)
            vote.who, vote.assurance = who, "signed"
            return key
        if signal.principal and attested and not signal.by_workflow:
            vote.who, vote.assurance = attested[0], "attested"
        else:
            vote.who = saying.readable(str(said.says.get("approver", ""))[:200]) or None
        return None

    def _worth(self, vote: Vote, said: Decision, key: Key | None) -> bool:
        """Whether *vote*, a person's about this proposal, counts by itself."""
        if said.verdict == "withdraw":
            return vote.who is not None and vote.who == self.frozen[0]
        asked = {group for rule in self.proposal["requirement"]["rules"] for group in groups(rule, self._seconds(vote.at))}
        if not asked & self._groups(vote.who) or vote.who in self.frozen:
            return False
        if said.verdict in NOES or said.verdict == "abstain":
            return said.verdict in NOES or vote.assurance != "claimed"
        return self._whole(vote, said) and (key is None or self._signed_well(vote, said, key))

    def _whole(self, vote: Vote, said: Decision) -> bool:
        """What a yes needs beside what a no needs."""
        needs, amends = self.proposal["requirement"], self.proposal.get("amends")
        amenders = (amends.get("amenders") or [amends["amendment"]["who"]]) if amends else []
        asks = self.proposal.get("reconciles") is not None
        return all(
            (
                RANK.index(vote.assurance) >= max(1, RANK.index(needs.get("assurance", "signed"))),
                not self._groups(vote.who) & set(needs.get("excludes", [])),
                said.verdict == "amend" or vote.who not in amenders,
                not needs.get("reason") or said.reason.strip(),
                asks == (said.verdict in ANSWERS),
                said.verdict != "amend" or amendment(said.changes, self.proposal),
            )
        )

    def _signed_well(self, vote: Vote, said: Decision, key: Key) -> bool:
        """What a signed yes needs besides."""
        says, shown = said.says, evidence(said.says, "evidence")
        audience = {"namespace": self.proposal["action"]["mission"]["namespace"], "gate": self.proposal["gate"]}
        return (
            key.at(vote.at)
            and key.at(self.now)
            and says["aud"] == audience
            and shown[0] >= self.event
            and self.run.has(shown)
            and moment(int(says["iat"])) <= vote.at + timedelta(seconds=120)
            and moment(int(says["exp"])) > max(vote.at, self.now)
        )

    def _seconds(self, at: datetime) -> float:
        return (at - saying.when(self.proposal, "created_at")).total_seconds()
