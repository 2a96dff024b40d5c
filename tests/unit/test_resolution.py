"""How a proposal ends: the table, stories, and what no order of events can do. Source: docs/decisions/0004-decisions.md."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import product

import pytest

from approvals.decision import Verdict
from approvals.docket import Docket
from approvals.resolution import TABLE, Resolution, State, Stimulus, follow, resolve
from audit.claims import decisions
from audit.proposals import Found, signed_proposals
from tests.fakes.bench import LARGE, SMALL, Bench
from tests.fakes.kit import revoked

S, X = State, Stimulus
EXPECTED: dict[tuple[State, Stimulus], State] = {
    # An open proposal: one more voice, the last voice, an answer, a voice less, a no, enough noes, another action, its end.
    (S.OPEN, X.YES_SHORT): S.OPEN,
    (S.OPEN, X.YES_MET): S.APPROVED,
    (S.OPEN, X.ANSWER_MET): S.ANSWERED,
    (S.OPEN, X.STEP_BACK): S.OPEN,
    (S.OPEN, X.NO_SHORT): S.OPEN,
    (S.OPEN, X.NO): S.DENIED,
    (S.OPEN, X.CONTRADICT): S.OPEN,
    (S.OPEN, X.AMEND): S.SUPERSEDED,
    (S.OPEN, X.WITHDRAW): S.WITHDRAWN,
    (S.OPEN, X.EXPIRE): S.EXPIRED,
    # An approved one, not used yet: more voices change nothing, a voice less opens it again, any no takes it back for good.
    (S.APPROVED, X.YES_SHORT): S.APPROVED,
    (S.APPROVED, X.YES_MET): S.APPROVED,
    (S.APPROVED, X.ANSWER_MET): S.REVOKED,
    (S.APPROVED, X.STEP_BACK): S.OPEN,
    (S.APPROVED, X.NO_SHORT): S.REVOKED,
    (S.APPROVED, X.NO): S.REVOKED,
    (S.APPROVED, X.CONTRADICT): S.REVOKED,
    (S.APPROVED, X.AMEND): S.SUPERSEDED,
    (S.APPROVED, X.WITHDRAW): S.WITHDRAWN,
    (S.APPROVED, X.EXPIRE): S.EXPIRED,
}
FINAL = [S.DENIED, S.EXPIRED, S.SUPERSEDED, S.REVOKED, S.WITHDRAWN, S.ANSWERED]


@pytest.mark.parametrize(("state", "stimulus"), list(product(State, Stimulus)))
def test_every_pair_of_state_and_stimulus_has_its_successor(state: State, stimulus: Stimulus) -> None:
    """Final states follow nothing; every other pair is in the table."""
    assert follow(state, stimulus) == EXPECTED.get((state, stimulus), state)
    assert ((state, stimulus) in TABLE) is not state.final


def test_final_states_are_these() -> None:
    """Nothing but OPEN and APPROVED goes on."""
    assert [state for state in State if state.final] == FINAL


def test_nothing_but_an_approval_that_meets_the_requirement_leads_to_approved() -> None:
    """The one way in."""
    assert [pair for pair, then in TABLE.items() if then is S.APPROVED and pair[0] is not S.APPROVED] == [(S.OPEN, X.YES_MET)]


def resolved(bench: Bench, now: datetime | None = None) -> Resolution:
    """How the mission's newest proposal stands."""
    record, law = bench.mission.record(), bench.law
    proposals = signed_proposals(record, law)
    found = list(proposals.values())[-1]
    docket = docket_of(bench, found)
    return resolve(docket, decisions(record, law), max(now or bench.clock(), record.last_event_at))


def docket_of(bench: Bench, found: Found) -> Docket:
    """The proposal before the judge."""
    chain = bench.mission.record().chain
    return Docket(found.proposal, found.digest, found.event_id, chain, bench.law.directory, bench.bundle.rulebook)


A, D = Verdict.APPROVE, Verdict.DENY
Story = list[tuple[str, Verdict, str]]
STORIES: dict[str, tuple[bool, Story]] = {
    # (who, does, then); `large` needs a support lead and finance, `small` a support lead.
    "a lead is enough for little": (False, [("sam", A, "approved")]),
    "either lead will do": (False, [("lena", A, "approved")]),
    "a second lead changes nothing": (False, [("sam", A, "approved"), ("lena", A, "approved")]),
    "finance alone is not asked": (False, [("fay", A, "open"), ("sam", A, "approved")]),
    "much needs both": (True, [("sam", A, "open"), ("fay", A, "approved")]),
    "in either order": (True, [("fay", A, "open"), ("sam", A, "approved")]),
    "two leads are not both": (True, [("sam", A, "open"), ("lena", A, "open"), ("fay", A, "approved")]),
    "the same lead twice is one": (True, [("sam", A, "open"), ("sam", A, "open")]),
    "the first no ends it": (True, [("sam", A, "open"), ("fay", D, "denied"), ("fay", A, "denied"), ("lena", A, "denied")]),
    "whoever may say yes may say no": (False, [("lena", D, "denied"), ("sam", A, "denied")]),
    "a no from outside is not heard": (False, [("fay", D, "open"), ("olga", D, "open"), ("sam", A, "approved")]),
    "the owner neither helps nor stops": (False, [("olga", A, "open"), ("olga", D, "open")]),
    "one may take back one's yes": (False, [("sam", A, "approved"), ("sam", D, "revoked"), ("sam", A, "revoked")]),
    "or somebody else may": (True, [("sam", A, "open"), ("fay", A, "approved"), ("lena", D, "revoked")]),
    "strangers and services are nobody": (False, [("stranger", A, "open"), ("mission-worker", A, "open"), ("gate", D, "open")]),
}


@pytest.mark.parametrize("name", STORIES)
async def test_story_goes_as_told(bench: Bench, name: str) -> None:
    """A list of who does what, and what then."""
    large, story = STORIES[name]
    await bench.propose(LARGE if large else SMALL)
    told = []
    for who, verdict, _ in story:
        bench.decide(who, verdict)
        told.append((who, verdict, str(resolved(bench).state)))
    assert told == story


LAPSES = [("revoked", timedelta(0), "denied"), ("expired statement", timedelta(hours=1), "denied")]


@pytest.mark.parametrize(("name", "wait", "then"), LAPSES)
async def test_no_is_heard_where_a_yes_would_not_be(bench: Bench, name: str, wait: timedelta, then: str) -> None:
    """A lapsed key or signature still means no."""
    await bench.propose()
    bench.deny("sam", exp=int((bench.clock() + timedelta(minutes=1)).timestamp()))
    if name == "revoked":
        bench.directories.now = revoked(bench.directories.now, "sam")
    assert resolved(bench, bench.clock() + wait).state == then


async def test_unsigned_no_is_heard(bench: Bench) -> None:
    """`claimed` never approves; it can deny."""
    found = await bench.propose()
    bench.say({"proposal": found.digest, "verdict": "deny", "approver": "sam", "reason": "stop"})
    assert resolved(bench).state is State.DENIED


async def test_deny_keeps_its_reason(bench: Bench) -> None:
    """It is on the settlement, for the mission and the rail."""
    await bench.propose()
    bench.deny("sam", reason="fraud")
    assert [(vote.who, vote.reason) for vote in resolved(bench).votes] == [("sam", "fraud")]


async def test_missing_counts_down(bench: Bench) -> None:
    """What the queue shows."""
    await bench.propose(LARGE)
    before = resolved(bench).missing
    bench.approve("fay")
    assert (before, resolved(bench).missing) == (("1 of finance", "1 of support-lead"), ("1 of support-lead",))
