"""Batches: one card, one say-so, and each item used and receipted on its own. Source: docs/threats.md, A9."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import JsonValue

from activities.errors import Lost
from approvals import card, checks
from approvals.card import as_text, render
from approvals.settlement import Receipt
from approvals.signed import Kind, Signed, opened, seal
from audit import proposals, standing
from audit.proposals import Found
from policies.canonical import Digest
from tests.conftest import Without
from tests.fakes.bench import LARGE, REFUND, SMALL, Bench
from tests.fakes.kit import Kit, asking, without_idempotency

ITEMS: list[dict[str, JsonValue]] = [{**SMALL, "order_id": f"ORD-{n}", "amount_minor": n * 1000} for n in (1, 2, 3)]


async def batch(bench: Bench, items: list[dict[str, JsonValue]] | None = None) -> Found:
    """A proposal of several refunds."""
    first, *more = items or ITEMS
    return await bench.propose(first, more=[{"operation": REFUND, "arguments": item} for item in more])


async def settled(bench: Bench, found: Found) -> list[str]:
    """How each item is settled, one after the other."""
    return [str((await bench.settle(found.digest, item=item)).kind) for item in range(len(found.proposal.actions))]


async def test_one_say_so_pays_each_item_once(bench: Bench) -> None:
    """And a second round pays nothing."""
    found = await batch(bench)
    bench.approve("sam")
    assert await settled(bench, found) == ["receipt"] * 3
    assert await settled(bench, found) == ["receipt"] * 3
    assert bench.paid == [1000, 2000, 3000]


async def test_each_item_has_its_own_receipt(bench: Bench) -> None:
    """Over its own action, under its own key."""
    found = await batch(bench)
    bench.approve("sam")
    receipts = []
    for item in range(3):
        signed = (await bench.settle(found.digest, item=item)).receipt
        assert signed is not None
        receipts.append(Receipt.model_validate(bench.body(signed, Kind.RECEIPT)))
    assert [receipt.item for receipt in receipts] == [0, 1, 2]
    assert [receipt.action for receipt in receipts] == [action.digest for action in found.proposal.actions]
    assert len({receipt.idempotency_key for receipt in receipts}) == 3


async def test_items_that_are_alike_are_two_effects_and_the_card_shows_both(bench: Bench) -> None:
    """Each has a step of its own, and so its own idempotency key."""
    found = await batch(bench, [SMALL, SMALL])
    bench.approve("sam")
    assert await settled(bench, found) == ["receipt", "receipt"]
    assert bench.paid == [4200, 4200]
    sent = as_text(render(found.proposal)).partition("WILL BE SENT")[2].partition("WHERE")[0]
    assert sent.count("amount_minor") == 2


async def test_card_shows_every_argument_of_every_item(bench: Bench) -> None:
    """Nothing of a batch is left to be scrolled for."""
    found = await batch(bench)
    shown = as_text(render(found.proposal))
    assert "3 actions" in shown
    assert [f"ORD-{n}" in shown and str(n * 1000) in shown for n in (1, 2, 3)] == [True] * 3


async def test_no_in_between_ends_the_rest(bench: Bench) -> None:
    """What was used is used; the others are not."""
    found = await batch(bench)
    bench.approve("sam")
    await bench.settle(found.digest, item=0)
    bench.deny("lena")
    assert (await bench.settle(found.digest, item=1)).kind == "revoked"
    assert (await bench.settle(found.digest, item=2)).kind == "revoked"
    assert (await bench.settle(found.digest, item=0)).kind == "receipt"
    assert bench.paid == [1000]


async def test_unknown_item_is_no_item(bench: Bench) -> None:
    """Neither beyond nor before."""
    found = await batch(bench)
    bench.approve("sam")
    for item in (3, -1, 10**9):
        settlement = await bench.settle(found.digest, item=item)
        assert (settlement.kind, "has no item" in settlement.reasons()[0]) == ("not_sent", True)
    assert bench.paid == []


TOO_MUCH: dict[str, tuple[dict[str, str], list[dict[str, JsonValue]], str]] = {
    "more items than policy allows": ({"batch": "2"}, ITEMS, "at most 2 actions"),
    "a total above what policy allows": ({"batch": "10, amount_minor: 5999"}, ITEMS, "add up to 6000"),
    "a total of what is no number": ({"batch": "10, reason: 5"}, ITEMS, "no number"),
    "where policy allows none": ({"batch": ""}, ITEMS, "before an approver alone"),
    "with one item that asks for more": ({}, [SMALL, LARGE], "before an approver alone"),
    "with one item that is forbidden": ({}, [SMALL, {**SMALL, "currency": "JPY"}], "no permit matches"),
}


@pytest.mark.parametrize("name", TOO_MUCH)
async def test_batch_beyond_its_limits_is_refused_whole(kit: Kit, name: str) -> None:
    """None of it is proposed."""
    annotations, items, why = TOO_MUCH[name]
    bench = Bench(kit, kit.changed(f"batch {name}", asking(**annotations)))
    first, *more = items
    assert why in await bench.refused(first, more=[{"operation": REFUND, "arguments": item} for item in more])


def change(body: dict[str, Any], case: str) -> None:
    """What a hostile mission worker does to an approved batch."""
    match case:
        case "changed":
            body["more"][0]["arguments"]["amount_minor"] = 9000
        case "added":
            body["more"].append({**body["more"][0], "step": "1.9"})
        case "hidden":
            body["more"].pop()
        case "swapped":
            body["more"].reverse()


async def altered(bench: Bench, case: str) -> Digest:
    """An approved batch, altered and put into the history under the digest that was approved."""
    found = await batch(bench)
    bench.approve("sam")
    original = next(done for done in bench.mission.record().completed if done.activity == "propose")
    assert isinstance(original.result, dict)
    signed = Signed.model_validate(original.result)
    body: dict[str, Any] = {**signed.body, "more": [dict(item) for item in signed.body["more"]]}  # type: ignore[union-attr,arg-type]
    for item in body["more"]:
        item["arguments"] = dict(item["arguments"])
    change(body, case)
    rewritten(bench, original.event_id, signed.model_copy(update={"body": body}))
    return found.digest


def rewritten(bench: Bench, event_id: int, signed: Signed) -> None:
    """Overwrites the result of an event, as somebody who writes the store may."""
    event = bench.mission.events[event_id - 1]
    event.activity_task_completed_event_attributes.result.payloads[0].data = signed.model_dump_json().encode()


@pytest.mark.promise("A9")
@pytest.mark.parametrize("case", ["changed", "added", "hidden", "swapped"])
async def test_batch_with_another_item_than_was_approved_pays_nothing(bench: Bench, case: str) -> None:
    """One digest covers all items and the card."""
    digest = await altered(bench, case)
    assert [(await bench.settle(digest, item=item)).kind for item in (0, 1, 2)] == ["not_sent"] * 3
    assert bench.paid == []


@pytest.mark.control("A9")
async def test_batch_with_another_item_pays_where_digests_are_believed(
    bench: Bench, without: Without, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three defences out: the gate's signature over the body, the card, and the trail that the approver signed over."""
    digest = await altered(bench, "changed")

    def believing(signed: Signed, kind: Kind, key_of: Any) -> Any:
        return signed.body if kind is Kind.PROPOSAL else opened(signed, kind, key_of)

    monkeypatch.setattr(proposals, "opened", believing)
    without(standing.CHECKS, "card")
    without(checks.CHECKS, "evidence")
    settlement = await bench.settle(digest, item=1)
    assert bench.paid == [9000], settlement.reasons()


@pytest.mark.promise("A9")
async def test_item_that_the_card_hides_is_not_paid(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A gate that rendered a card without the last item: whoever renders it whole finds another digest."""
    whole = card._sent
    monkeypatch.setattr(card, "_sent", lambda proposal: whole(proposal)[:-5])
    found = await batch(bench)
    monkeypatch.setattr(card, "_sent", whole)
    bench.approve("sam")
    assert await settled(bench, found) == ["not_sent"] * 3
    assert bench.paid == []


async def test_use_of_one_item_is_none_of_another(bench: Bench) -> None:
    """A claim names its item; one for the first does not take or give the second."""
    found = await batch(bench)
    bench.approve("sam")
    await bench.settle(found.digest, item=1)
    assert set(bench.uses.taken) == {f"{found.digest}.1"}
    assert await settled(bench, found) == ["receipt"] * 3
    assert sorted(bench.paid) == [1000, 2000, 3000]


async def test_receipt_of_one_item_is_none_of_another(bench: Bench) -> None:
    """Recorded under the wrong use, as somebody with write access may: it answers nothing, and nothing is sent twice."""
    found = await batch(bench)
    bench.approve("sam")
    first = (await bench.settle(found.digest, item=0)).receipt
    assert first is not None
    bench.uses.receipts[f"{found.digest}.1"] = [first]
    assert (await bench.settle(found.digest, item=1)).receipt != first
    assert bench.paid == [1000, 2000]


def test_sealed_bodies_of_another_kind_do_not_pass(bench: Bench) -> None:
    """A claim's signature is none over a receipt."""
    sealed = seal(Kind.CLAIM, {"proposal": "f" * 64}, bench.kit.signers["gate"])
    with pytest.raises(Exception, match="not a"):
        bench.body(sealed, Kind.RECEIPT)


async def test_item_that_may_have_been_sent_stays_unknown_when_a_no_ends_the_rest(kit: Kit) -> None:
    """A no that came after its use says nothing about it: a person must find out."""
    bench = Bench(kit, kit.changed("batch plain", without_idempotency))
    bench.tools.honours_keys = False
    found = await batch(bench)
    bench.approve("sam")
    bench.tools.loses = 1
    assert (await bench.settle(found.digest, item=0)).kind == "unknown"
    bench.deny("lena")
    assert (await bench.settle(found.digest, item=1)).kind == "revoked"
    assert (await bench.settle(found.digest, item=0)).kind == "unknown"
    assert bench.paid == [1000]


async def test_batch_counts_as_one_approval(kit: Kit) -> None:
    """For whoever has a budget: one card, one decision."""
    bench = Bench(kit, kit.changed("batch budget", asking(budget="1")))
    found = await batch(bench)
    bench.approve("sam")
    assert (await bench.settle(found.digest, item=0)).kind == "receipt"
    bench.workloads.approved = {"sam": 1}
    assert [(await bench.settle(found.digest, item=item)).kind for item in (1, 2)] == ["receipt", "receipt"]
    assert list(bench.uses.approvers.values()) == [("sam",), (), ()]
    await bench.propose(step="2")
    bench.approve("sam")
    assert (await bench.settle()).missing == ("1 of support-lead",)


async def test_call_that_is_sent_again_is_not_stopped_by_its_own_count(kit: Kit) -> None:
    """The use was counted before the answer was lost."""
    bench = Bench(kit, kit.changed("budget again", asking(budget="1")))
    await bench.propose()
    bench.approve("sam")
    bench.tools.loses = 1
    with pytest.raises(Lost):
        await bench.settle(recorded=False)
    bench.workloads.approved = {"sam": 1}
    assert (await bench.settle()).kind == "receipt"
    assert bench.paid == [4200]
