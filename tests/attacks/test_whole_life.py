"""
Amend, revoke, abstain, withdraw, escalate, lapse: what people may do with a proposal, told as stories, and what they may not.

Source: docs/decisions/0013-whole-life.md
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from pydantic import JsonValue

from approvals import checks
from approvals.card import render
from approvals.decision import Verdict, sign
from tests.conftest import Without
from tests.fakes.bench import LARGE, SMALL, Bench
from tests.fakes.kit import Kit, asking, regrouped

A, D, R, N, W = Verdict.APPROVE, Verdict.DENY, Verdict.REVOKE, Verdict.ABSTAIN, Verdict.WITHDRAW
Step = tuple[str, Verdict | float, str]
"""Who, does what (or seconds that pass), and how the gate would settle then, without sending anything."""
STORIES: dict[str, tuple[dict[str, str], list[Step]]] = {
    "two noes are needed, and two different people's": (
        {"denies": "2"},
        [
            ("sam", D, "open"),  # one of two
            ("sam", D, "open"),  # the same one again
            ("lena", D, "denied"),  # the other
        ],
    ),
    "once it is approved, the first no revokes": (
        {"denies": "2"},
        [("sam", A, "approved"), ("lena", D, "revoked"), ("lena", A, "revoked")],
    ),
    "a no below the threshold may become a yes": (
        {"denies": "2"},
        [("sam", D, "open"), ("sam", A, "approved")],
    ),
    "whoever denies takes their own yes back": (
        {"requires": "support-lead: 2", "denies": "2"},
        [("sam", A, "open"), ("sam", D, "open"), ("lena", A, "open")],  # sam's yes is gone: lena alone is not two
    ),
    "whoever abstains takes their yes back, also after it was approved": (
        {},
        [("sam", A, "approved"), ("sam", N, "open"), ("lena", A, "approved")],
    ),
    "an abstention takes no no back": (
        {"denies": "2"},
        [("sam", D, "open"), ("sam", N, "open"), ("lena", D, "denied")],
    ),
    "revoke before it is approved is a no": ({}, [("sam", R, "denied")]),
    "revoke after it is approved revokes": ({}, [("sam", A, "approved"), ("lena", R, "revoked")]),
    "an approval lapses, and can be given again": (
        {"vote_expires": "1h"},
        [("sam", A, "approved"), ("", 3600, "open"), ("sam", A, "approved")],
    ),
    "approvals that never stood at once are not two": (
        {"requires": "support-lead: 2", "vote_expires": "1h"},
        [("sam", A, "open"), ("", 3600, "open"), ("lena", A, "open"), ("sam", A, "approved")],
    ),
    "its owner withdraws it, also approved; nobody else does": (
        {},
        [("sam", W, "open"), ("sam", A, "approved"), ("fay", W, "approved"), ("olga", W, "withdrawn"), ("sam", A, "withdrawn")],
    ),
    "a director stands in after the time, not before": (
        {"escalate": "4h: finance-director"},
        [("dora", A, "open"), ("dora", D, "open"), ("", 4 * 3600, "open"), ("dora", A, "approved")],
    ),
    "and may say no then": ({"escalate": "4h: finance-director"}, [("", 4 * 3600, "open"), ("dora", D, "denied")]),
    "any of several groups fills a place": (
        {"requires": "finance | support-lead: 2"},
        [("fay", A, "open"), ("sam", A, "approved")],
    ),
}


@pytest.mark.parametrize("name", STORIES)
async def test_story_of_a_whole_life_goes_as_told(kit: Kit, name: str) -> None:
    """Each line: who does what, and where it stands then."""
    annotations, story = STORIES[name]
    bench = bench_asking(kit, **annotations)
    await bench.propose()
    told: list[Step] = []
    for who, act, _ in story:
        if isinstance(act, Verdict):
            bench.decide(who, act)
        else:
            bench.clock.advance(seconds=act)
        told.append((who, act, await stands(bench)))
    assert told == story


def bench_asking(kit: Kit, **annotations: str) -> Bench:
    """A bench whose small refunds ask for more."""
    name = " ".join(f"{key} {value}" for key, value in annotations.items()) or "as shipped"
    plain = "".join(char if char.isalnum() else "-" for char in name)
    return Bench(kit, kit.changed(plain, asking(**annotations)))


async def stands(bench: Bench) -> str:
    """Where the newest proposal stands, as the gate judges it; nothing is sent."""
    case = await bench.gate._case(bench.found().digest, 0, bench.here())
    assert case.judgement.resolution is not None
    return str(case.judgement.resolution.state)


async def test_escalation_is_told_and_asked_for_in_time(kit: Kit) -> None:
    """The settlement says who is asked, and when to ask again; the mission needs no rule for it."""
    bench = bench_asking(kit, escalate="4h: finance-director")
    proposal = (await bench.propose()).proposal
    first = await bench.settle()
    assert (first.asked, first.ask_again_at) == (("support-lead",), proposal.created_at + timedelta(hours=4))
    bench.clock.now = proposal.created_at + timedelta(hours=4)
    second = await bench.settle()
    assert (second.asked, second.ask_again_at) == (("finance-director", "support-lead"), proposal.expires_at)


async def test_joined_permits_escalate_only_where_both_do(kit: Kit) -> None:
    """A large refund asks finance and a lead; a second permit without an escalation takes it away."""
    bench = Bench(kit, kit.changed("two permits", lambda root: _second_permit(root)))
    assert (await bench.propose(LARGE)).proposal.requirement.escalations() == ()


def _second_permit(root: Any) -> None:
    more = '@id("more") @requires("finance: 1, support-lead: 1") @expires("12h") permit (principal, action == '
    more += 'Action::"payments.issue_refund", resource) when { principal is Mission };\n'
    path = root / "refund.cedar"
    path.write_text(path.read_text() + more)


CHANGES: dict[str, JsonValue] = {"amount_minor": 3000}


def amend(bench: Bench, who: str, changes: dict[str, JsonValue] | None = None, **more: Any) -> None:
    """Signs an amendment and sends it."""
    bench.decide(who, Verdict.AMEND, changes=CHANGES if changes is None else changes, **more)


async def amended(bench: Bench, who: str = "sam", changes: dict[str, JsonValue] | None = None) -> None:
    """A proposal that *who* amended, and the one in its place."""
    found = await bench.propose()
    amend(bench, who, changes)
    settlement = await bench.settle()
    assert (settlement.kind, settlement.amendment is not None) == ("superseded", True), settlement.votes
    await bench.propose(amends=found.digest, operation="", arguments={})


async def test_amendment_supersedes_and_what_takes_its_place_is_paid_as_amended(bench: Bench) -> None:
    """Another action, another digest, another say-so."""
    await amended(bench)
    assert (await bench.settle()).kind == "pending"
    bench.approve("lena")
    assert (await bench.settle()).kind == "receipt"
    assert bench.paid == [3000]


async def test_card_of_an_amendment_says_who_changed_what(bench: Bench) -> None:
    """From what to what, and from which proposal."""
    await amended(bench)
    facts = {line.label: line.text for line in render(bench.found().proposal).facts}
    assert (facts["amended by"].startswith("sam, from proposal"), facts["changed amount_minor"]) == (True, "from 4200 to 3000")


@pytest.mark.promise("C4")
async def test_amender_does_not_approve_what_they_changed(bench: Bench) -> None:
    """Four eyes look at every action, also at one that an approver wrote."""
    await amended(bench)
    bench.approve("sam")
    settlement = await bench.settle()
    assert (settlement.kind, bench.paid) == ("pending", [])
    assert "amended it" in settlement.votes[-1].refused[0]


@pytest.mark.control("C4")
async def test_amender_approves_what_they_changed_where_nobody_asks(bench: Bench, without: Without) -> None:
    """One defence: the check for the amender."""
    await amended(bench)
    without(checks.CHECKS, "amender")
    bench.approve("sam")
    await bench.settle()
    assert bench.paid == [3000]


UNFIT: dict[str, tuple[dict[str, JsonValue], str]] = {
    "a path nobody opened": ({"order_id": "ORD-9"}, "may not be amended"),
    "above what was proposed": ({"amount_minor": 4201}, "above what was proposed"),
    "below the bound": ({"amount_minor": 0}, "within 1..proposed"),
    "no number": ({"amount_minor": "3000"}, "no number"),
    "nothing": ({"amount_minor": 4200}, "changes nothing"),
    "nothing at all": ({}, "changes nothing"),
    "one good, one not": ({"amount_minor": 3000, "currency": "USD"}, "may not be amended"),
}


@pytest.mark.parametrize("name", UNFIT)
async def test_amendment_outside_its_bounds_does_not_count(bench: Bench, name: str) -> None:
    """And leaves the proposal as it was."""
    changes, why = UNFIT[name]
    await bench.propose()
    amend(bench, "sam", changes)
    settlement = await bench.settle()
    assert settlement.kind == "pending"
    assert why in settlement.votes[0].refused[0]


async def test_amendment_that_policy_forbids_is_refused_when_it_is_proposed(kit: Kit) -> None:
    """Ruled anew: an open path is no permission."""
    bench = bench_asking(kit, amendable="currency")
    found = await bench.propose()
    amend(bench, "sam", {"currency": "JPY"})
    assert (await bench.settle()).kind == "superseded"
    assert "no permit matches" in await bench.refused(amends=found.digest, operation="", arguments={})


async def test_mission_cannot_invent_an_amendment(bench: Bench) -> None:
    """Only the gate's own settlement makes one; the request names it and nothing else."""
    found = await bench.propose()
    assert "has not settled" in await bench.refused(amends=found.digest, operation="payments.issue_refund", arguments=SMALL)
    assert "has not settled" in await bench.refused(amends="f" * 64, operation="payments.issue_refund", arguments=SMALL)


async def test_superseded_proposal_stays_so_when_its_amender_leaves(bench: Bench) -> None:
    """Or both could be paid."""
    await amended(bench)
    old = next(iter(bench.proposals()))
    bench.directories.now = regrouped(bench.directories.now, sam=())
    bench.approve("lena", found=bench.proposals()[old])
    assert (await bench.settle(old)).kind == "superseded"
    assert bench.paid == []


async def test_approval_of_the_old_action_is_none_of_the_new(bench: Bench) -> None:
    """A1: the digest is another."""
    found = await bench.propose()
    token = sign(bench.statement(found=found), bench.kit.signers["lena"])
    amend(bench, "sam")
    await bench.settle()
    await bench.propose(amends=found.digest, operation="", arguments={})
    bench.say(token)
    assert (await bench.settle()).kind == "pending"


async def test_signed_line_from_before_does_not_undo_what_was_said_since(kit: Kit) -> None:
    """Whoever printed a line can have it sent by anyone, any time; the person's later word stands."""
    bench = bench_asking(kit, denies="2")
    await bench.propose()
    early = sign(bench.statement(), bench.kit.signers["sam"])
    bench.clock.advance(seconds=5)
    bench.deny("sam")
    bench.say(early)
    settlement = await bench.settle()
    assert (settlement.kind, bench.paid) == ("pending", [])
    assert "signed it before" in settlement.votes[-1].refused[0]


async def test_line_that_was_refused_once_does_not_count_when_it_is_sent_again(kit: Kit) -> None:
    """Refused as a second yes, sent again after the yes was taken back."""
    bench = bench_asking(kit)
    await bench.propose()
    bench.approve("sam")
    again = bench.decide("sam")
    bench.decide("sam", Verdict.ABSTAIN)
    bench.say({"jws": again})
    assert (await stands(bench), bench.paid) == ("open", [])


async def test_nobody_unsigned_takes_a_no_back(kit: Kit) -> None:
    """An abstention in somebody's name stops nothing and eases nothing."""
    bench = bench_asking(kit, denies="2")
    found = await bench.propose()
    bench.deny("sam")
    bench.say({"proposal": found.digest, "verdict": "abstain", "approver": "sam"})
    bench.deny("lena")
    assert (await bench.settle()).kind == "denied"


async def test_approval_without_a_reason_does_not_count_where_one_is_asked_for(kit: Kit) -> None:
    """And a no needs none."""
    bench = bench_asking(kit, reason="required")
    await bench.propose()
    bench.approve("sam")
    bench.approve("lena", reason="   ")
    settlement = await bench.settle()
    assert ["gives no reason" in vote.refused[0] for vote in settlement.votes] == [True, True]
    bench.approve("sam", reason="within the terms")
    assert (await bench.settle()).kind == "receipt"


async def test_excluded_group_does_not_approve_and_may_deny(kit: Kit) -> None:
    """Whatever other group its people are in."""
    bench = bench_asking(kit, excludes="finance")
    bench.directories.now = regrouped(bench.directories.now, sam=("support-lead", "finance"))
    await bench.propose()
    bench.approve("sam")
    assert "do not approve this" in (await bench.settle()).votes[0].refused[0]
    bench.deny("sam")
    assert (await bench.settle()).kind == "denied"


async def test_mission_withdraws_its_own_proposal_and_an_approval_with_it(bench: Bench) -> None:
    """By what it asks the gate, which is in the history: no signature is needed to stop."""
    found = await bench.propose()
    bench.approve("sam")
    settlement = await bench.settle(withdraw=True)
    assert (settlement.kind, bench.paid) == ("withdrawn", [])
    assert "the mission withdrew it" in settlement.reasons()
    assert (await bench.settle(found.digest)).kind == "withdrawn"


async def test_decision_after_the_use_is_recorded_as_late(bench: Bench) -> None:
    """It is on the record, and changes no receipt."""
    await bench.propose()
    bench.approve("sam")
    bench.tools.during_call = lambda: bench.deny("lena")
    await bench.settle()
    settlement = await bench.settle()
    assert settlement.kind == "receipt"
    assert [(vote.who, vote.late) for vote in settlement.votes] == [("sam", False), ("lena", True)]


async def test_beyond_their_budget_a_person_needs_a_second_beside_them(kit: Kit) -> None:
    """Counted by the gate over all missions; who is under it is enough alone."""
    bench = bench_asking(kit, budget="10")
    bench.workloads.approved = {"sam": 10}
    await bench.propose()
    bench.approve("sam")
    settlement = await bench.settle()
    assert (settlement.kind, settlement.missing, bench.paid) == ("pending", ("1 of support-lead",), [])
    assert settlement.approvals_this_hour == {"sam": 10}
    bench.approve("lena")
    assert (await bench.settle()).kind == "receipt"


async def test_budget_that_cannot_be_counted_is_trouble_and_no_approval(kit: Kit) -> None:
    """Visibility down: asked again, nothing sent, nothing used up."""
    bench = bench_asking(kit, budget="10")
    await bench.propose()
    bench.approve("sam")
    bench.workloads.down = True
    with pytest.raises(Exception, match="cannot be reached"):
        await bench.settle()
    bench.workloads.down = False
    bench.mission.events = bench.mission.events[:-1]
    assert (await bench.settle()).kind == "receipt"


@pytest.mark.promise("F3")
async def test_open_proposals_are_bounded_for_a_mission_and_for_its_owner(kit: Kit) -> None:
    """By policy. What is decided makes room again."""
    bench = bench_asking(kit, open_per_mission="1", open_per_owner="3")
    await bench.propose()
    assert "this mission has 1 open proposals" in await bench.refused(step="2")
    bench.deny("sam")
    await bench.settle()
    bench.workloads.open = {"olga": 3}
    assert "`olga` has 3 open proposals" in await bench.refused(step="2")
    bench.workloads.open = {"olga": 2}
    await bench.propose(step="2")


@pytest.mark.control("F3")
async def test_proposals_are_unbounded_where_policy_says_nothing(bench: Bench) -> None:
    """One defence: the annotation."""
    bench.workloads.open = {"olga": 1000}
    for step in range(5):
        await bench.propose(step=str(step))
    assert len(bench.proposals()) == 5


async def settled_and_signed(bench: Bench) -> str:
    """How the gate settles it; an answer that could not be signed would raise."""
    return str((await bench.settle()).kind)


@pytest.mark.promise("F4")
async def test_nobody_talks_an_answer_too_large_to_sign(kit: Kit) -> None:
    """Hundreds of noes, abstentions and changes of mind by people who may decide, with the longest reasons."""
    bench = bench_asking(kit, requires="support-lead: 1, finance: 1", denies="2")
    await bench.propose()
    for number in range(120):
        bench.decide("sam", Verdict.DENY, reason="x" * 2000)
        bench.decide("lena", Verdict.APPROVE if number % 2 else Verdict.ABSTAIN, reason="y" * 2000)
    assert await settled_and_signed(bench) == "pending"


def nested(depth: int) -> JsonValue:
    """Text in *depth* lists."""
    value: JsonValue = "deep"
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize("value", ["z" * 9000, nested(28)], ids=["large", "deep"])
async def test_amendment_that_could_not_be_recorded_does_not_count(kit: Kit, value: JsonValue) -> None:
    """It is refused with a reason, and the proposal stays open."""
    bench = bench_asking(kit, amendable="reason")
    await bench.propose()
    bench.decide("sam", Verdict.AMEND, changes={"reason": value})
    settlement = await bench.settle()
    assert (settlement.kind, len(settlement.votes[0].refused)) == ("pending", 1)
