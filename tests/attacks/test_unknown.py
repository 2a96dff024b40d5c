"""An outcome that nobody knows becomes a question to people, and never a blind retry. Source: docs/threats.md, D5."""

from __future__ import annotations

import pytest

from activities.gate import Gate
from approvals.card import as_text, render
from approvals.decision import Verdict
from approvals.settlement import SettlementKind
from audit import standing
from audit.proposals import Found
from policies.ruling import Finding
from tests.conftest import Without
from tests.fakes.bench import Bench
from tests.fakes.kit import Kit, asking, regrouped, without_idempotency

DONE, NOT_DONE, RETRY = Verdict.DONE, Verdict.NOT_DONE, Verdict.RETRY


def plain(kit: Kit, **annotations: str) -> Bench:
    """Payments that know no idempotency key; small refunds ask for more."""

    def edit(root):  # type: ignore[no-untyped-def]
        without_idempotency(root)
        asking(**annotations)(root)

    bench = Bench(kit, kit.changed("unknown " + " ".join(annotations.values()).replace(":", ""), edit))
    bench.tools.honours_keys = False
    return bench


async def unknown(bench: Bench) -> Found:
    """A refund that was paid, with its answer lost."""
    found = await bench.propose()
    bench.approve("sam")
    bench.tools.loses = 1
    assert (await bench.settle()).kind == "unknown"
    return found


async def question(bench: Bench) -> Found:
    """What became of it?"""
    lost = await unknown(bench)
    return await bench.propose({}, operation="", reconciles=lost.digest)


async def test_question_says_what_is_known(kit: Kit) -> None:
    """The action, when it was sent about, under which key, and what the gate found."""
    bench = plain(kit)
    asked = await question(bench)
    shown = as_text(render(asked.proposal))
    assert "OUTCOME UNKNOWN" in shown and "was called and its answer" in shown
    assert asked.proposal.action.idempotency_key[:20] in shown
    assert "WILL BE SENT" not in shown


ANSWERS = [(DONE, "answered", [4200]), (NOT_DONE, "answered", [4200]), (RETRY, "receipt", [4200, 4200])]


@pytest.mark.parametrize(("verdict", "kind", "paid"), ANSWERS)
async def test_answer_ends_it_and_only_retry_sends_once_more(kit: Kit, verdict: Verdict, kind: str, paid: list[int]) -> None:
    """In the ledger of this test the first one was paid: whoever says `retry` should have looked."""
    bench = plain(kit)
    await question(bench)
    bench.decide("sam", verdict)
    settlement = await bench.settle()
    assert (settlement.kind, bench.paid) == (kind, paid)
    assert settlement.answer == (verdict if kind == "answered" else None)
    assert (await bench.settle()).kind == kind
    assert bench.paid == paid


async def test_retry_carries_the_same_idempotency_key(kit: Kit) -> None:
    """A server that knows keys does it once, whatever people say."""
    bench = plain(kit)
    asked = await question(bench)
    lost = bench.proposals()[next(iter(bench.proposals()))]
    assert asked.proposal.action.idempotency_key == lost.proposal.action.idempotency_key


async def test_unknown_outcome_needs_as_many_people_as_the_action_did(kit: Kit) -> None:
    """And they must say the same."""
    bench = plain(kit, requires="support-lead: 2")
    found = await bench.propose()
    bench.approve("sam", "lena")
    bench.tools.loses = 1
    await bench.settle()
    await bench.propose({}, operation="", reconciles=found.digest)
    bench.decide("sam", DONE)
    assert (await bench.settle()).missing == ("1 of support-lead",)
    bench.decide("lena", RETRY)
    assert (await bench.settle()).kind == "pending"
    bench.decide("lena", DONE)
    settlement = await bench.settle()
    assert (settlement.kind, settlement.answer, bench.paid) == ("answered", DONE, [4200])


async def test_who_disagrees_with_a_retry_before_it_is_sent_stops_it(kit: Kit) -> None:
    """It was done, says somebody who looked."""
    bench = plain(kit)
    await question(bench)
    bench.decide("sam", RETRY)

    def meanwhile() -> None:
        bench.decide("lena", DONE)

    bench.tokens.during = meanwhile
    assert (await bench.settle()).kind == "revoked"
    assert bench.paid == [4200]


@pytest.mark.parametrize("verdict", [Verdict.APPROVE, Verdict.AMEND])
async def test_question_takes_no_approval(kit: Kit, verdict: Verdict) -> None:
    """An approval from habit sends nothing once more."""
    bench = plain(kit)
    await question(bench)
    bench.decide("sam", verdict)
    settlement = await bench.settle()
    assert (settlement.kind, bench.paid) == ("pending", [4200])
    assert "asks what became of an action" in settlement.votes[-1].refused[0]


async def test_answer_to_what_asks_for_a_say_so_does_not_count(bench: Bench) -> None:
    """`retry` is no approval of something else."""
    await bench.propose()
    bench.decide("sam", RETRY)
    settlement = await bench.settle()
    assert (settlement.kind, bench.paid) == ("pending", [])
    assert "asks for a say-so" in settlement.votes[0].refused[0]


async def test_mission_cannot_ask_about_what_the_gate_does_not_call_unknown(bench: Bench) -> None:
    """A question would be a second proposal for the same effect."""
    found = await bench.propose()
    assert "has not called the outcome" in await bench.refused({}, operation="", reconciles=found.digest)
    bench.approve("sam")
    await bench.settle()
    assert "has not called the outcome" in await bench.refused({}, operation="", reconciles=found.digest)


@pytest.mark.promise("D5")
async def test_receipt_that_turns_up_makes_the_question_needless(kit: Kit) -> None:
    """The answer of a slow attempt: a retry that was approved is not sent."""
    bench = plain(kit)
    asked = await late_receipt(bench)
    assert (await bench.settle(asked.digest)).kind == "not_sent"
    assert bench.paid == [4200]


async def late_receipt(bench: Bench) -> Found:
    """A question, answered `retry`, and then the receipt of the first attempt."""
    lost = await unknown(bench)
    asked = await bench.propose({}, operation="", reconciles=lost.digest)
    bench.decide("sam", RETRY)
    case = await bench.gate._case(lost.digest, 0, bench.here())
    receipt = case.receipt({"refund_id": "R-1"}, failed=False, at=bench.clock())
    bench.mission.activity("settle", {"proposal": lost.digest}, case.answer(SettlementKind.RECEIPT, receipt=receipt))
    bench.mission.task()
    return asked


@pytest.mark.control("D5")
async def test_retry_is_sent_although_a_receipt_turned_up_where_nobody_looks(
    kit: Kit, without: Without, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two looks for an outcome that is known by now are out: in the history, and in the use."""

    async def not_looking(gate: Gate, case: object) -> Finding:
        return Finding(check="outcome", holds=True, words="")

    monkeypatch.setattr(Gate, "_still_unknown", not_looking)
    bench = plain(kit)
    asked = await late_receipt(bench)
    without(standing.CHECKS, "outcome")
    await bench.settle(asked.digest)
    assert bench.paid == [4200, 4200]


@pytest.mark.promise("D5")
async def test_receipt_in_the_use_alone_stops_a_retry_too(kit: Kit) -> None:
    """The settlement was lost, the record in the use was not."""
    bench = plain(kit)
    lost = await unknown(bench)
    asked = await bench.propose({}, operation="", reconciles=lost.digest)
    bench.decide("sam", RETRY)
    case = await bench.gate._case(lost.digest, 0, bench.here())
    await bench.uses.record(case.use, case.receipt({"refund_id": "R-1"}, failed=False, at=bench.clock()))
    assert (await bench.settle(asked.digest)).kind == "not_sent"
    assert bench.paid == [4200]


async def test_answer_stands_when_its_voter_leaves(kit: Kit) -> None:
    """What the gate settled stays."""
    bench = plain(kit)
    await question(bench)
    bench.decide("sam", DONE)
    await bench.settle()
    bench.directories.now = regrouped(bench.directories.now, sam=())
    bench.decide("lena", RETRY)
    assert (await bench.settle()).kind == "answered"
    assert bench.paid == [4200]
