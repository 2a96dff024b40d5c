"""
What a second pair of eyes found in the whole life of a decision: ways in which an action went out twice, was eased, or hung.
Each test asserts what holds now, and failed before its defence was there.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest
from pydantic import JsonValue

from activities.errors import Lost
from approvals.amendment import trouble as amendment_trouble
from approvals.decision import Verdict, sign
from approvals.jws import Signer
from approvals.proposal import Proposal
from approvals.settlement import USED
from policies.directory import Directory
from policies.requirement import Amendable, Requirement, Rule
from policies.strictness import shortfall, stretched, stricter
from tests.attacks.test_batch import batch
from tests.attacks.test_unknown import plain, unknown
from tests.attacks.test_whole_life import amend, amended, bench_asking
from tests.fakes.bench import Bench
from tests.fakes.kit import Kit, regrouped

DONE, NOT_DONE, RETRY = Verdict.DONE, Verdict.NOT_DONE, Verdict.RETRY


def with_second_gate(directory: Directory, signer: Signer, *, revoked: bool) -> Directory:
    """*directory* with the key of another gate, as during a rotation."""
    key = signer.public().model_copy(update={"revoked": revoked})
    return directory.model_copy(update={"gates": (*directory.gates, key)})


# 1: the use that a since-revoked gate key announced is forgotten


async def test_1_use_announced_under_a_gate_key_that_is_revoked_since_is_not_taken_twice(kit: Kit) -> None:
    """Proposed under the old key, sent by a gate with the new one, which is revoked then: the call had its effect."""
    bench = plain(kit)
    other, first = Signer.generate("gate-2"), bench.directories.now
    bench.directories.now = with_second_gate(first, other, revoked=False)
    found = await bench.propose()
    bench.approve("sam")
    gate = bench.another_gate()
    gate._signer = other
    assert (await bench.settle(gate=gate)).kind == "receipt"
    bench.directories.now = with_second_gate(first, other, revoked=True)
    await bench.settle(found.digest)
    assert bench.paid == [4200]


# 2: two questions about one outcome


async def two_questions(bench: Bench) -> list[Any]:
    """A lost outcome, and two questions about it that were made at once: neither knew of the other."""
    lost = await unknown(bench)
    scheduled = [bench.mission.schedule("propose", {"step": "1"}) for _ in range(2)]
    answers = []
    for _ in range(2):
        answers.append(await bench.asked({}, operation="", reconciles=lost.digest))
        bench.clock.advance(seconds=1)
    for order, answer in zip(scheduled, answers, strict=True):
        bench.mission.complete(order, answer)
    bench.mission.task()
    return [bench.proposals()[answer.digest] for answer in answers]


async def test_2a_retry_is_sent_once_whatever_number_of_questions_were_asked(kit: Kit) -> None:
    """Both cards were made before either was used, so neither could name the other."""
    bench = plain(kit)
    first, second = await two_questions(bench)
    bench.decide("sam", RETRY, first)
    bench.decide("lena", RETRY, second)
    await bench.settle(first.digest)
    await bench.settle(second.digest)
    assert bench.paid == [4200, 4200]  # the lost one and one retry


@pytest.mark.parametrize("answer", [DONE, NOT_DONE])
async def test_2b_retry_is_not_sent_after_people_answered_what_became_of_it(kit: Kit, answer: Verdict) -> None:
    """The gate itself settled the other question as answered: done, or not done and not to be."""
    bench = plain(kit)
    first, second = await two_questions(bench)
    bench.decide("sam", RETRY, second)
    bench.decide("lena", answer, first)
    assert (await bench.settle(first.digest)).answer == answer
    await bench.settle(second.digest)
    assert bench.paid == [4200]


async def test_2c_question_is_refused_once_a_retry_of_the_same_has_a_receipt(kit: Kit) -> None:
    """The original stays `unknown` in the history, and so can be asked about for ever."""
    bench = plain(kit)
    lost = await unknown(bench)
    await bench.propose({}, operation="", reconciles=lost.digest)
    bench.decide("sam", RETRY)
    assert (await bench.settle()).kind == "receipt"
    assert await bench.refused({}, operation="", reconciles=lost.digest)


async def test_2d_receipt_of_the_first_call_stops_the_retry_of_a_retry(kit: Kit) -> None:
    """A question about a question: only the outcome one step back is looked at."""
    bench = plain(kit)
    lost = await unknown(bench)
    question = await bench.propose({}, operation="", reconciles=lost.digest)
    bench.decide("sam", RETRY)
    bench.tools.loses = 1
    assert (await bench.settle()).kind == "unknown"
    again = await bench.propose({}, operation="", reconciles=question.digest)
    bench.decide("sam", RETRY)
    case = await bench.gate._case(lost.digest, 0, bench.here())
    await bench.uses.record(case.use, case.receipt({"refund_id": "R-1"}, failed=False, at=bench.clock()))
    await bench.settle(again.digest)
    assert len(bench.paid) == 2


# 3: settlements that cannot be signed, found only after the call was sent


def by_strangers(bench: Bench) -> None:
    """Unsigned, in nobody's name, all refused: bounded in characters, and these have four bytes; the tool says much."""
    bench.tools.result = {"text": "x" * 40_000}
    for _ in range(40):
        faces = "\U0001f600" * 2000
        bench.say({"proposal": bench.found().digest, "verdict": "approve", "approver": faces[:200], "reason": faces})


def by_claimed_abstentions(bench: Bench) -> None:
    """Unsigned abstentions in somebody's name count, and votes that count are never left out."""
    for _ in range(60):
        bench.say({"proposal": bench.found().digest, "verdict": "abstain", "approver": "lena", "reason": "\u4e2d" * 2000})


def by_a_number(bench: Bench) -> None:
    """Anybody in the directory, with a key good or not, asked or not: an `iat` beyond what has one form, signed by hand."""
    statement = bench.statement().model_dump(mode="json", exclude={"changes"}) | {"iat": 10**17}
    header: dict[str, JsonValue] = {"alg": "Ed25519", "kid": "olga-1", "typ": "sayso-decision+jws"}
    bench.say(bench.signed_bytes("olga", header, json.dumps(statement).encode()))


UNSIGNABLE = {"strangers": by_strangers, "claimed abstentions": by_claimed_abstentions, "a number": by_a_number}


@pytest.mark.parametrize("name", UNSIGNABLE)
@pytest.mark.parametrize("approved", [True, False])
async def test_3a_nobody_makes_the_gate_unable_to_answer(bench: Bench, name: str, approved: bool) -> None:
    """With an approval, the call is sent before the answer is found to be unsignable, and no answer ever can be given."""
    await bench.propose()
    if approved:
        bench.approve("sam")
    UNSIGNABLE[name](bench)
    settlement = await bench.settle()
    assert settlement.kind == ("receipt" if approved else "pending")


async def test_3b_deep_amendment_leaves_an_answer(bench: Bench) -> None:
    """One approver, as shipped: `reason` may be amended without bounds; depth is counted from where it will not stand."""
    await bench.propose()
    deep: JsonValue = "x"
    for _ in range(30):
        deep = [deep]
    bench.decide("sam", Verdict.AMEND, changes={"reason": deep})
    assert (await bench.settle()).kind in ("pending", "superseded")


# 4: a signed line against a later unsigned no


@pytest.mark.parametrize("verdict", ["deny", "abstain"])
async def test_4_old_signed_line_does_not_undo_an_attested_no(kit: Kit, verdict: str) -> None:
    """Sam printed an approval, thought better, and said so in the Temporal UI. Whoever has the line sends it."""
    bench = bench_asking(kit, denies="2")
    found = await bench.propose()
    early = sign(bench.statement(), bench.kit.signers["sam"])
    bench.clock.advance(seconds=60)
    bench.say({"proposal": found.digest, "verdict": verdict}, principal="user:sam")
    bench.say(early)
    await bench.settle()
    assert bench.paid == []


# 5: how long an approval holds


async def test_5_approval_holds_from_when_it_was_signed_not_from_when_somebody_sends_it(kit: Kit) -> None:
    """Held back for a day, it is as fresh as new."""
    bench = bench_asking(kit, vote_expires="1h")
    await bench.propose()
    early = sign(bench.statement(), bench.kit.signers["sam"])
    bench.clock.advance(hours=20)
    bench.say(early)
    await bench.settle()
    assert bench.paid == []


# 6: who amended it


async def test_6a_earlier_amender_does_not_approve_after_a_trivial_second_amendment(bench: Bench) -> None:
    """Sam lowered the amount, lena touched the words: sam's number is still sam's."""
    await amended(bench)
    second = bench.found()
    amend(bench, "lena", {"reason": "late delivery"})
    assert (await bench.settle()).kind == "superseded"
    # There are two leads, and both amended it: nobody is left to approve, and the gate says so at once.
    assert "lacks 1 of support-lead" in await bench.refused(amends=second.digest, operation="", arguments={})


async def test_6b_amender_does_not_have_it_sent_once_more(kit: Kit) -> None:
    """The question about what became of an amended action forgets who amended it."""
    bench = plain(kit)
    await amended(bench)
    changed = bench.found()
    bench.approve("lena")
    bench.tools.loses = 1
    assert (await bench.settle()).kind == "unknown"
    await bench.propose({}, operation="", reconciles=changed.digest)
    bench.decide("sam", RETRY)
    await bench.settle()
    assert bench.paid == [3000]


# 7: an idempotent call is sent again although people answered what became of it


async def test_7_call_is_not_sent_again_after_people_found_that_it_is_not_to_be(bench: Bench) -> None:
    """The gate died before sending, called it unknown while sam was no lead, was told `not-done`, and then sam came back."""
    before = bench.directories.now
    found = await bench.propose()
    bench.approve("sam")

    def dies() -> None:
        raise Lost("the call", "the worker died before it sent")

    bench.tools.during_call = dies
    with pytest.raises(Lost):
        await bench.settle(recorded=False)
    bench.tools.during_call = None
    bench.mission.task()
    bench.directories.now = regrouped(before, sam=())
    assert (await bench.settle(found.digest)).kind == "unknown"
    await bench.propose({}, operation="", reconciles=found.digest)
    bench.decide("lena", NOT_DONE)
    assert (await bench.settle()).answer == NOT_DONE
    bench.directories.now = before
    await bench.settle(found.digest)
    assert bench.paid == []


# 8: a contradiction that came first


async def test_8_who_found_that_it_was_done_stops_a_retry_also_when_they_said_so_first(kit: Kit) -> None:
    """The same three answers in another order revoke; in this order they send."""
    bench = plain(kit, requires="finance | support-lead: 2")
    found = await bench.propose()
    bench.approve("sam", "lena")
    bench.tools.loses = 1
    assert (await bench.settle()).kind == "unknown"
    await bench.propose({}, operation="", reconciles=found.digest)
    bench.decide("sam", DONE)
    bench.decide("lena", RETRY)
    bench.decide("fay", RETRY)
    await bench.settle()
    assert bench.paid == [4200]


async def test_who_found_that_it_was_done_may_step_back_and_leave_it_to_the_others(kit: Kit) -> None:
    """Their abstention is signed; the two who say `retry` are enough without them."""
    bench = plain(kit, requires="finance | support-lead: 2")
    await bench.propose()
    bench.approve("sam", "lena")
    bench.tools.loses = 1
    lost = bench.found()
    await bench.settle()
    await bench.propose({}, operation="", reconciles=lost.digest)
    for who, verdict in (("sam", DONE), ("lena", RETRY), ("fay", RETRY)):
        bench.decide(who, verdict)
    assert (await bench.settle()).missing == ("agreement of sam, who says done",)
    bench.decide("sam", Verdict.ABSTAIN)
    assert (await bench.settle()).kind == "receipt"
    assert bench.paid == [4200, 4200]


# 9: open proposals are made to look ended


async def test_9_mission_does_not_make_room_by_asking_about_an_item_that_is_none(kit: Kit) -> None:
    """The gate signs `not_sent`, for good, about item 7 of an open proposal of one item."""
    bench = bench_asking(kit, open_per_mission="1")
    found = await bench.propose()
    assert (await bench.settle(found.digest, item=7)).kind == "not_sent"
    assert "open proposals" in await bench.refused(step="2")


async def test_9b_batch_is_open_while_an_item_of_it_is(kit: Kit) -> None:
    """One receipt ends one item."""
    bench = bench_asking(kit, open_per_mission="1", denies="1")
    found = await batch(bench)
    bench.approve("sam")
    await bench.settle(found.digest, item=0)
    assert "open proposals" in await bench.refused(step="2")


# 10: the gate signs an ending for an item whose use was taken


async def test_10_item_that_was_sent_is_not_called_revoked(kit: Kit) -> None:
    """Its answer was lost, and another item's end is told for it; then nobody can be asked what became of it."""
    bench = plain(kit)
    found = await batch(bench)
    bench.approve("sam")
    bench.tools.loses = 1
    assert (await bench.settle(found.digest, item=0, recorded=False)).kind == "unknown"
    bench.mission.task()
    bench.deny("lena")
    assert (await bench.settle(found.digest, item=1)).kind == "revoked"
    assert (await bench.settle(found.digest, item=0)).kind == "unknown"


# 11: budgets


@dataclass
class Counting:
    """Counts as the server does: by the uses that were taken."""

    bench: Bench
    open: dict[str, int] = field(default_factory=dict)

    async def approvals(self, people: Collection[str], since: datetime) -> dict[str, int]:
        """By person."""
        return {who: sum(who in by for by in self.bench.uses.approvers.values()) for who in people}

    async def open_of(self, owner: str) -> int:
        """None."""
        return 0


def counted(bench: Bench) -> Bench:
    """*bench* with a budget that is really counted."""
    bench.workloads = Counting(bench)  # type: ignore[assignment]
    bench.gate = bench.another_gate()
    return bench


async def test_11a_one_say_so_for_a_batch_is_one_approval(kit: Kit) -> None:
    """Else a batch is paid in part, and then waits for another person."""
    bench = counted(bench_asking(kit, budget="2"))
    found = await batch(bench)
    bench.approve("sam")
    kinds = [(await bench.settle(found.digest, item=item)).kind for item in range(3)]
    assert kinds == ["receipt"] * 3


async def test_11b_use_does_not_count_against_its_own_second_attempt(kit: Kit) -> None:
    """The last approval of the hour, idempotent, and its answer lost: sent again, not given up."""
    bench = counted(bench_asking(kit, budget="1"))
    await bench.propose()
    bench.approve("sam")
    bench.tools.loses = 1
    with pytest.raises(Lost):
        await bench.settle(recorded=False)
    bench.mission.task()
    assert (await bench.settle()).kind == "receipt"


# 12: no with a token id that was seen


async def test_12_signed_no_is_heard_whatever_its_token_id(bench: Bench) -> None:
    """A signer that numbers badly: the no is refused as a copy of the yes, and the yes is sent."""
    await bench.propose()
    bench.approve("sam", jti="1")
    bench.deny("sam", jti="1")
    await bench.settle()
    assert bench.paid == []


# 13: an unsigned abstention eases


async def test_13_nobody_unsigned_turns_a_revoking_no_into_a_short_one(kit: Kit) -> None:
    """Approved, the first no ends it. An abstention in sam's name before it makes it one of two again."""
    bench = bench_asking(kit, denies="2")
    found = await bench.propose()
    bench.approve("sam")
    bench.say({"proposal": found.digest, "verdict": "abstain", "approver": "sam"})
    bench.deny("lena")
    bench.clock.advance(seconds=60)
    bench.approve("sam")
    await bench.settle()
    assert bench.paid == []


# 14: forged proposals and overlapping paths raise plain exceptions


def test_14a_mission_can_wait_for_any_proposal_that_can_be_read(kit: Kit) -> None:
    """Whoever completes `propose` with this makes the workflow task fail for ever."""
    body = _body(kit)
    body["requirement"]["rules"][0]["escalations"] = [{"after_seconds": 10**400, "groups": ["finance"]}]
    forged = Proposal.model_validate(body)
    assert forged.next_moment(forged.created_at + timedelta(seconds=1)) <= forged.expires_at


def _body(kit: Kit) -> dict[str, Any]:
    bench = Bench(kit)
    return asyncio.run(bench.propose()).proposal.model_dump(mode="json")


def test_14b_amendment_of_a_path_and_of_what_is_below_it_is_refused_in_words() -> None:
    """`@amendable("a, a.b.c")`: a KeyError in every `settle` from then on."""
    arguments: dict[str, JsonValue] = {"a": {"b": {"c": 1}}}
    may = [Amendable(path="a"), Amendable(path="a.b.c")]
    assert isinstance(amendment_trouble({"a": {}, "a.b.c": 2}, arguments, may), str | None)


# 15: strictness with a budget


def test_15_what_meets_the_frozen_meets_todays_also_where_somebody_is_over_their_budget() -> None:
    """Two rules of today that one frozen rule serves each grow by one."""
    frozen = Requirement(rules=(Rule(group="x", count=2),), expires_seconds=60, budget=1)
    today = frozen.model_copy(
        update={"rules": (Rule(group="x", others=("y",), count=1), Rule(group="x", others=("z",), count=1))}
    )
    groups = {who: frozenset({"x"}) for who in ("tired", "b", "c")}
    assert not shortfall(stretched(frozen.rules), groups)
    assert stricter(today, frozen) is not None or not shortfall(stretched(today.rules), groups)


# 16: what one signal costs the gate


async def test_16_one_signal_does_not_cost_the_gate_seconds(bench: Bench) -> None:
    """A genuine claim, copied from any history, its body padded to 1.8 MB: digested whole before it is refused."""
    found = await bench.propose()
    bench.approve("sam")
    claim = (await bench.gate._case(found.digest, 0, bench.here())).claim("n")
    padded = claim.model_copy(update={"body": {**claim.body, "x": [[]] * 600_000}})
    bench.mission.signal(USED, padded.model_dump_json().encode())
    begun = time.process_time()
    await bench.settle()
    assert time.process_time() - begun < 1.5
