"""
No order of decisions, duplicates, clock steps, lost groups and keys, or changed bundles admits an action whose requirement is
not met at that moment. Driven by hypothesis against a model that knows nothing of the state machine.

Source: docs/decisions/0013-whole-life.md
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from approvals import resolution
from approvals.decision import Verdict
from approvals.resolution import State, Stimulus
from audit.judgement import Judgement, Point, judge
from audit.law import Law
from policies.bundle import Bundle
from policies.directory import Directory
from policies.strictness import shortfall
from tests.fakes.bench import SMALL, Bench
from tests.fakes.kit import Kit, asking, in_file, regrouped, revoked

EVERYBODY = ["sam", "lena", "fay", "dora", "olga", "mission-worker", "stranger", "gate"]
PEOPLE = ["sam", "lena", "fay", "dora"]
VERDICTS = ["approve", "approve", "approve", "deny", "revoke", "abstain", "withdraw", "amend", "retry", "done"]
POLICIES: dict[str, dict[str, str]] = {
    "one lead": {},
    "two leads": {"requires": "support-lead: 2"},
    "a lead and finance": {"requires": "support-lead: 1, finance: 1", "denies": "2"},
    "either": {"requires": "finance | support-lead: 2", "denies": "2", "excludes": "finance-director"},
    "votes lapse": {"requires": "support-lead: 2", "vote_expires": "1h"},
    "escalates": {"requires": "finance: 1", "escalate": "2h: finance-director, 4h: support-lead"},
}
CHANGES = ["as it was", "two leads", "forbidden", "an hour"]
STEPS = st.one_of(
    st.tuples(st.just("decide"), st.sampled_from(PEOPLE), st.just("approve")),
    st.tuples(st.just("decide"), st.sampled_from(EVERYBODY), st.sampled_from(VERDICTS)),
    st.tuples(st.just("forge"), st.sampled_from(EVERYBODY), st.sampled_from(["approve", "abstain", "stolen kid", "elsewhere"])),
    st.tuples(st.just("repeat"), st.integers(0, 5)),
    st.tuples(st.just("clock"), st.sampled_from([-90_000, -60, -1, 1, 60, 3600, 7200, 90_000])),
    st.tuples(st.just("lose"), st.sampled_from(PEOPLE), st.sampled_from(["groups", "keys", "nothing"])),
    st.tuples(st.just("withdraw"), st.just(""), st.just("")),
)
Step = tuple[object, ...]


@dataclass
class Model:
    """What people said themselves, last: the simplest book that could be kept."""

    yes: dict[str, datetime] = field(default_factory=dict)
    """Who last said yes, and when."""
    stopped: bool = False
    """Somebody who may did what ends it for good."""


def take(bench: Bench, step: Step, tokens: list[str], model: Model) -> None:
    """One thing that happens to a waiting proposal."""
    kind, what, how = (*step, "")[:3]
    who = str(what)
    match kind:
        case "decide":
            at, changes = bench.clock(), {"amount_minor": 1} if how == "amend" else None
            tokens.append(bench.decide(who, Verdict(str(how)), changes=changes))
            note(model, who, str(how), at)
        case "forge" if how in ("approve", "abstain"):
            bench.say({"proposal": bench.found().digest, "verdict": str(how), "approver": who}, principal=f"user:nobody-{who}")
        case "forge" if how == "stolen kid":
            header = {"alg": "Ed25519", "kid": f"{who}-1", "typ": "sayso-decision+jws"}
            bench.say(bench.signed_bytes("stranger", dict(header), bench.statement().model_dump_json().encode()))
        case "forge":
            bench.decide(who, proposal="f" * 64)
        case "repeat" if tokens:
            token = tokens[int(who) % len(tokens)]
            bench.say(token if int(who) % 2 else {"jws": token})
        case "clock":
            bench.clock.advance(seconds=float(who))
        case "withdraw":
            bench.mission.schedule("settle", {"proposal": bench.found().digest, "withdraw": True})
            model.stopped = True
        case "lose":
            change = {"groups": lambda d: regrouped(d, **{who: ()}), "keys": lambda d: revoked(d, who)}
            bench.directories.now = change.get(str(how), lambda d: bench.bundle.directory)(bench.directories.now)


def note(model: Model, who: str, verdict: str, at: datetime) -> None:
    """Keeps the book. What an abstention or a no takes back is gone, whether or not the one before counted."""
    if verdict == "approve":
        model.yes[who] = at
    elif verdict in ("deny", "revoke", "abstain"):
        model.yes.pop(who, None)
    if verdict == "withdraw" and who == "olga":
        model.stopped = True


def changed(kit: Kit, change: str, bundle: Bundle) -> Bundle:
    """The bundle of the gate that is asked in the end."""
    match change:
        case "two leads":
            return kit.changed("today two leads", asking(requires="support-lead: 2"))
        case "forbidden":
            return kit.changed("today forbidden", in_file("refund.cedar", "amount_minor > 0 &&", "amount_minor > 5000 &&"))
        case "an hour":
            return kit.changed("today an hour", asking(expires="1h", escalate="", vote_expires=""))
    return bundle


def good_key(directory: Directory, who: str) -> bool:
    """Whether the person's key is good today."""
    return not any(key.revoked for key in directory.people[who].keys)


def lacking(bench: Bench, model: Model, today: Bundle, now: datetime) -> list[str]:
    """What the simple book says is missing of an admission at *now*."""
    proposal, directory = bench.found().proposal, bench.directories.now
    requirement = proposal.requirement
    limit = requirement.vote_seconds
    standing = {
        who: at
        for who, at in model.yes.items()
        if who in directory.people
        and good_key(directory, who)
        and (limit is None or now < at + timedelta(seconds=limit))
        and not set(requirement.excludes) & set(directory.people[who].groups)
    }
    groups = {who: frozenset(directory.people[who].groups) for who in standing}
    after = {who: proposal.seconds(now) for who in standing}
    missing = list(shortfall(requirement.rules, groups, after))
    ruling = today.rule(proposal.action, proposal.principals, directory)
    if ruling.requirement is None:
        missing.append("a permit of today")
    else:
        missing += shortfall(ruling.requirement.rules, groups, after)
    if now >= proposal.expires_at:
        missing.append("time")
    return [*missing, "a mission that wants it"] if model.stopped else missing


def played(kit: Kit, policy: str, change: str, steps: list[Step]) -> tuple[Judgement, list[str]]:
    """What the judge says in the end, and what the book says is missing."""
    name = "property " + policy
    bench = Bench(kit, kit.changed(name.replace(" ", "-"), asking(**POLICIES[policy])))
    tokens, model = list[str](), Model()
    with asyncio.Runner() as runner:
        found = runner.run(bench.propose(SMALL))
    for step in steps:
        take(bench, step, tokens, model)
    record, today = bench.mission.record(), changed(kit, change, bench.bundle)
    now = max(bench.clock(), record.last_event_at)
    judgement = judge(record, Point(found.digest, now), Law(today, bench.directories.now))
    return judgement, lacking(bench, model, today, now)


@settings(max_examples=500)
@given(st.sampled_from(sorted(POLICIES)), st.sampled_from(CHANGES), st.lists(STEPS, max_size=9))
def test_nothing_that_happens_admits_without_the_requirement_met_at_that_moment(
    kit: Kit, policy: str, change: str, steps: list[Step]
) -> None:
    """By distinct people whose last own word is yes, of today's directory, with today's keys and policy, in time."""
    judgement, missing = played(kit, policy, change, steps)
    if judgement.admits:
        assert missing == []
    votes = judgement.resolution.votes if judgement.resolution else ()
    assert not (judgement.admits and any(vote.counts and vote.verdict in ("revoke", "withdraw", "amend") for vote in votes))


YES: Step = ("decide", "sam", "approve")
LOOSE = [
    ((State.OPEN, Stimulus.YES_SHORT), "two leads", [YES]),
    ((State.APPROVED, Stimulus.STEP_BACK), "one lead", [YES, ("decide", "sam", "abstain")]),
    ((State.APPROVED, Stimulus.WITHDRAW), "one lead", [YES, ("withdraw", "", "")]),
]


@pytest.mark.parametrize("loose", LOOSE, ids=lambda loose: str(loose[0][1].name))
def test_the_book_notices_a_table_that_is_loose(
    kit: Kit, monkeypatch: pytest.MonkeyPatch, loose: tuple[tuple[State, Stimulus], str, list[Step]]
) -> None:
    """The control of the property: with one entry of the table turned, it admits what the book says is missing."""
    pair, policy, steps = loose
    monkeypatch.setitem(resolution.TABLE, pair, State.APPROVED)
    judgement, missing = played(kit, policy, "as it was", steps)
    assert judgement.admits and missing != []
