"""P1: whose words hold the values on a card. Source: docs/decisions/0026-provenance.md."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from approvals import sources
from approvals.card import Line, as_markdown, as_text, render
from approvals.decision import Verdict
from approvals.origin import Origin, OriginKind
from approvals.proposal import Proposal
from approvals.start import input_digest
from audit import provenance
from audit.provenance import MAX_UNPROVEN, MAX_VALUES, origins
from audit.sought import Search, common, sought
from tests.attacks.test_testimony import FINDING, QUESTION, answered
from tests.fakes.bench import REFUND, SMALL, Bench

READ: dict[str, JsonValue] = {"operation": "orders.get_order", "result": {}, "failed": False}
PLANTED = 4999
FORGED = "the case: amount_minor"


def read(bench: Bench, result: JsonValue, signer: str | None = "read-worker", **lies: Any) -> int:
    """A read that answered *result*; its event."""
    return answered(bench, signer, result={**READ, "result": result}, lies=lies or None)


def thought(bench: Bench, result: JsonValue, **dialogue: JsonValue) -> int:
    """A model's answer."""
    answer: dict[str, JsonValue] = {**FINDING, "result": result, **dialogue}
    return answered(bench, "reason-worker", kind="reason", request=QUESTION, result=answer)


async def told(bench: Bench, **arguments: JsonValue) -> dict[str, list[str]]:
    """What the next card says of each argument."""
    return said((await bench.propose({**SMALL, **arguments})).proposal)


def said(proposal: Proposal) -> dict[str, list[str]]:
    """What the card of *proposal* says of where values stand, by label."""
    found: dict[str, list[str]] = {}
    for line in render(proposal).origins:
        found.setdefault(line.label, []).append(line.text)
    return found


def started(bench: Bench, **given: JsonValue) -> None:
    """The bench's mission, started anew with more in its input."""
    whole: JsonValue = {"case_id": "CASE-1001", **given}
    bench.started(given=whole, input=input_digest(whole))


@pytest.mark.promise("P1")
async def test_each_value_is_told_with_whose_words_hold_it(bench: Bench) -> None:
    """The case, a read, a model, nobody."""
    started(bench, refund={"order": "ORD-2001"})
    event = read(bench, {"order": {"currency": "EUR", "paid": [1, 4200]}})
    asked = thought(bench, {"amount_minor": 4200})
    assert await told(bench) == {
        "order_id": ["the case: refund.order"],
        "amount_minor": [
            f"untrusted, a read: event {event}, orders.get_order: order.paid[1]",
            f"untrusted, a model's answer: event {asked}, refund/assess: amount_minor",
        ],
        "currency": [f"untrusted, a read: event {event}, orders.get_order: order.currency"],
        "reason": ["nowhere that is signed: the mission or a model made it"],
    }


@pytest.mark.promise("P1")
async def test_card_tells_it_on_every_surface(bench: Bench) -> None:
    """Terminal, Markdown and digest, beside the arguments."""
    started(bench, amount_minor=4200)
    proposal = (await bench.propose()).proposal
    card = render(proposal)
    blind = render(proposal.model_copy(update={"origins": ()}))
    assert "amount_minor    the case: amount_minor" in as_text(card)
    assert "| `amount_minor` | `the case: amount_minor` |" in as_markdown(card)
    assert card.digest == proposal.card != blind.digest
    assert "origins" not in blind.form() and "cites" not in blind.form() and sources.WHERE not in as_text(blind)


def lying(bench: Bench) -> int:
    """The mission worker completes a read with a value of its own, and a signature that was made for another."""
    return read(bench, {"amount_minor": PLANTED}, activity="99")


@pytest.mark.promise("P1")
@pytest.mark.parametrize("signer", [None, "stranger", "mission-worker", "sam", "reason-worker"])
async def test_value_in_an_unsigned_read_stands_nowhere(bench: Bench, signer: str | None) -> None:
    """A claim is not shown as a read, under whoever's key."""
    read(bench, {"amount_minor": PLANTED}, signer)
    assert (await told(bench, amount_minor=PLANTED))["amount_minor"][0].startswith("nowhere")


@pytest.mark.promise("P1")
async def test_value_under_a_copied_signature_stands_nowhere(bench: Bench) -> None:
    """Genuine, and about another answer."""
    lying(bench)
    assert (await told(bench, amount_minor=PLANTED))["amount_minor"][0].startswith("nowhere")


@pytest.mark.control("P1")
async def test_planted_value_passes_for_read_where_signatures_are_not_looked_at(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One defence: that a place is proven before it is told."""
    event = lying(bench)
    monkeypatch.setattr(provenance, "_proven", lambda source, directory: True)
    expected = f"untrusted, a read: event {event}, orders.get_order: amount_minor"
    assert (await told(bench, amount_minor=PLANTED))["amount_minor"] == [expected]


@pytest.mark.promise("P1")
@pytest.mark.parametrize("key", [FORGED, f"x\n  {FORGED}", f"x{' ' * 90}{FORGED}", f"`|{FORGED}", f"\x1b[2K{FORGED}"])
async def test_name_in_a_tools_answer_cannot_look_like_the_case(bench: Bench, key: str) -> None:
    """What a stranger names stands last in a line that begins with our words, and in quotes."""
    read(bench, {key: PLANTED})
    card = render((await bench.propose({**SMALL, "amount_minor": PLANTED})).proposal)
    (line,) = (line.text for line in card.origins if line.label == "amount_minor")
    assert line.startswith("untrusted, a read: event ") and '["' in line
    assert not [row for row in as_text(card, 80).splitlines() if row.strip().startswith(FORGED)]


@pytest.mark.control("P1")
async def test_name_in_a_tools_answer_makes_a_line_of_its_own_where_it_is_not_escaped(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One defence: that a path is made safe to print."""
    read(bench, {f"x\n  {FORGED}": PLANTED})
    found = await bench.propose({**SMALL, "amount_minor": PLANTED})
    monkeypatch.setattr(sources, "visible", lambda text: text.replace("\\n", "\n"))
    assert [row for row in as_text(render(found.proposal)).splitlines() if row.strip().startswith(FORGED)]


@pytest.mark.promise("P1")
async def test_value_within_a_text_is_never_told_as_the_whole_of_it(bench: Bench) -> None:
    """A goal quotes a stranger's mail: the account in it is not what the starter wrote as the account."""
    started(bench, goal="a customer writes: refund ORD-2001 and pay 4200 to me")
    lines = await told(bench)
    assert lines["order_id"] == lines["amount_minor"] == ["only within a text of the case: goal"]


@pytest.mark.control("P1")
async def test_value_within_a_text_looks_whole_where_the_card_does_not_say_so(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One defence: the words."""
    started(bench, goal="a customer writes: refund ORD-2001 and pay 4200 to me")
    monkeypatch.setattr(sources, "_WITHIN", "")
    assert (await told(bench))["order_id"] == ["the case: goal"]


@pytest.mark.promise("P1")
async def test_what_a_later_run_was_given_is_not_the_case(bench: Bench) -> None:
    """A mission that goes on is given what its worker says; the case is what the starter of the first run signed."""
    started(bench, amount_minor=4200)
    record = bench.mission.record()
    carried = replace(record.started, input={"amount_minor": PLANTED}, mission=record.started.mission)
    going_on = replace(record, origin=record.started, run_id="run-2")
    vars(going_on)["started"] = carried
    (action,) = (await bench.propose({**SMALL, "amount_minor": PLANTED})).proposal.actions
    kinds = {each.path: each.kind for each in origins([action], going_on, (), bench.bundle.directory)}
    assert kinds["amount_minor"] is OriginKind.NOWHERE


@pytest.mark.promise("P1")
async def test_models_calls_and_words_in_a_dialogue_are_the_models(bench: Bench) -> None:
    """A dialogue has no result: arguments of its calls, else its text."""
    call: JsonValue = {"id": "1", "operation": REFUND, "arguments": {"lines": [{"amount_minor": PLANTED}]}}
    event = thought(bench, None, text="it was late, so I refund", calls=[call])
    lines = await told(bench, amount_minor=PLANTED, reason="it was late")
    where = f"a model's answer: event {event}, refund/assess"
    assert lines["amount_minor"] == [f"untrusted, {where}: calls[0].arguments.lines[0].amount_minor"]
    assert lines["reason"] == [f"untrusted, only within a text of {where}: text"]


async def test_what_a_tool_answered_to_a_commit_is_told_as_that(bench: Bench) -> None:
    """The gate signed it; the tool said it."""
    bench.tools.result = {"refund_id": "R-2001"}
    await bench.propose()
    bench.approve("sam")
    await bench.settle()
    (line,) = (await told(bench, reason="R-2001", amount_minor=4201))["reason"]
    assert line.startswith("untrusted, the answer to a commit: event ") and line.endswith(f", {REFUND}: refund_id")


async def test_earlier_run_is_named_and_the_oldest_place_stands_first(bench: Bench) -> None:
    """With the case of this mission, not of that one."""
    bench.started(given={"x": PLANTED}, input=input_digest({"x": PLANTED}))
    event = read(bench, {"paid": 4200})
    before = bench.mission.record()
    bench.histories.runs.clear()
    bench.started(run_id="run-2")
    (action,) = (await bench.propose({**SMALL, "reason": str(PLANTED)})).proposal.actions
    found = origins([action], bench.mission.record(), [before], bench.bundle.directory)
    mine = {each.path: each for each in found}
    place = mine["amount_minor"]
    assert (place.kind, place.event_id, place.run_id, place.at) == (OriginKind.READ, event, "run-1", "paid")
    assert mine["reason"].kind is OriginKind.NOWHERE


async def test_items_of_a_batch_are_told_apart(bench: Bench) -> None:
    """Each with its number, as its arguments are."""
    read(bench, {"one": 4200, "other": "ORD-2002"})
    more = [{"operation": REFUND, "arguments": {**SMALL, "order_id": "ORD-2002", "amount_minor": PLANTED}}]
    lines = said((await bench.propose(more=more)).proposal)
    assert lines["(1) amount_minor"][0].endswith(": one") and lines["(2) amount_minor"][0].startswith("nowhere")
    assert lines["(2) order_id"][0].endswith(": other") and lines["(1) order_id"][0].startswith("nowhere")


@pytest.mark.promise("P1")
async def test_amended_value_is_the_persons_who_changed_it(bench: Bench) -> None:
    """Not the model's, who never said so; and what was not changed stays whose it was."""
    event = thought(bench, {"amount_minor": 4200, "reason": "it was late"})
    first = await bench.propose({**SMALL, "reason": "it was late"})
    bench.decide("sam", Verdict.AMEND, changes={"amount_minor": 4100})
    await bench.settle(first.digest)
    lines = said((await bench.propose(amends=first.digest)).proposal)
    assert lines["amount_minor"] == ["a person, who changed it: sam"]
    assert lines["reason"] == [f"untrusted, a model's answer: event {event}, refund/assess: reason"]


COMMON: list[JsonValue] = [None, True, False, "", "EUR", "yes", 0, 1, -7, 42, 42.0, {}, []]
TELLING: list[JsonValue] = ["ORD-2001", 4200, 0.5, 100, -100, "late"]


def test_common_values_are_those_that_stand_anywhere_by_chance() -> None:
    """Constants, whole numbers of one or two digits, texts under four characters, what is empty."""
    assert all(map(common, COMMON)) and not any(map(common, TELLING))


@pytest.mark.promise("P1")
async def test_common_value_is_told_only_where_the_same_name_holds_it(bench: Bench) -> None:
    """`EUR` as somebody's comment in the case would be the case's currency."""
    started(bench, comment="EUR", urgent=7)
    assert await told(bench, amount_minor=7) | {} == {
        "amount_minor": ["not told: so common a value stands anywhere"],
        "currency": ["not told: so common a value stands anywhere"],
        "order_id": ["nowhere that is signed: the mission or a model made it"],
        "reason": ["nowhere that is signed: the mission or a model made it"],
    }
    started(bench, order={"currency": "EUR"})
    assert (await told(bench))["currency"] == ["the case: order.currency"]


ALIKE: list[tuple[JsonValue, JsonValue, str]] = [
    (4200, 4200.0, "whole"), (4200, "4200", "within"), ("4200", 4200, ""), (True, 1, ""), ("ORD-2001", "ord-2001", ""),
    ("ORD-2001", "see ORD-2001, please", "within"), ("ORD-2001", "ORD-20011", ""), ("ORD-2001", "XORD-2001", ""),
    ("ORD-2001", "ORD-2001-B", ""), ("pay@shop.example", "pay@shop.example.evil", ""), ("is late", "it is late.", "within"),
    (4200, "14200", ""), (4200, "4200.50", ""), (4200, "4200.", "within"), (4200, "-4200", ""), (4200, "1,4200", ""),
    (-4200, "pays -4200 back", "within"), (-4200, "pays 4200 back", ""), (98.75, "98.75 EUR", "within"),
]  # fmt: skip


@pytest.mark.parametrize(("value", "there", "stands"), ALIKE)
def test_equal_is_equal_in_canonical_form_and_within_is_a_word_of_its_own(
    value: JsonValue, there: JsonValue, stands: str
) -> None:
    """Nothing is close enough."""
    key = sought("x", value)
    assert key is not None
    found = Search([key]).found({"x": {"y": [there]}}).get(key)
    assert ("" if found is None else "within" if found.within else "whole") == stands
    assert found is None or found.at == ("x", "y", 0)


def test_whole_place_comes_before_one_within_a_text() -> None:
    """Also where the text stands first."""
    key = sought("x", "ORD-2001")
    assert key is not None
    found = Search([key]).found(["about ORD-2001 again", {"id": "ORD-2001"}])
    assert (found[key].at, found[key].within) == ((1, "id"), False)


def padded(bench: Bench, count: int, size: int) -> None:
    """Reads of a hostile mission worker, which are nobody's."""
    for _ in range(count):
        read(bench, {"amount_minor": PLANTED, "pad": "x" * size}, activity="99")


@pytest.mark.promise("P1")
async def test_history_that_cannot_be_searched_whole_is_told_as_that(bench: Bench) -> None:
    """Forged signatures over the value: what comes after so many is not believed, and not called nowhere."""
    event = read(bench, {"amount_minor": PLANTED})
    padded(bench, MAX_UNPROVEN, 10)
    (line,) = (await told(bench, amount_minor=PLANTED))["amount_minor"]
    assert line == f"untrusted, a read: event {event}, orders.get_order: amount_minor"
    bench.started()
    padded(bench, MAX_UNPROVEN + 1, 10)
    assert (await told(bench, amount_minor=PLANTED))["amount_minor"] == [
        "not found, and not everything was searched: take it as made up"
    ]


async def test_answers_beyond_what_is_searched_are_told_as_not_searched(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """The newest are searched."""
    read(bench, {"old": 4200})
    read(bench, {"new": "ORD-2001", "pad": "x" * 1000})
    monkeypatch.setattr(provenance, "MAX_SEARCHED", 2000)
    lines = await told(bench)
    assert lines["order_id"][0].endswith(": new")
    assert lines["amount_minor"] == ["not found, and not everything was searched: take it as made up"]


async def test_search_ends_when_its_work_is_done(bench: Bench) -> None:
    """However much a history holds."""
    key = sought("x", "aaaa")
    assert key is not None
    search = Search([key], work=100_000)
    assert search.found(["aaaaa" * 20] * 1000) == {} and search.exhausted


@pytest.mark.parametrize("beat", ["a ", "-a", "a"])
async def test_text_that_repeats_itself_is_searched_within_the_same_work(beat: str) -> None:
    """A model writes arguments and answers: compared anew at each place, one card would take a gate minutes."""
    needle = beat * (8000 // len(beat)) + "b"
    key = sought("x", needle)
    assert key is not None
    search, before = Search([key]), time.process_time()
    for _ in range(80):
        search.found([beat * (40_000 // len(beat)) + needle + "c"])
    assert time.process_time() - before < 5


async def test_long_list_pushes_nothing_out_that_stands_above_it(bench: Bench) -> None:
    """So many values are looked for; the rest is counted."""
    (action,) = (await bench.propose()).proposal.actions
    arguments: dict[str, JsonValue] = {"a": [f"item {n}" for n in range(MAX_VALUES)], "zz": "CASE-1001"}
    action = action.model_copy(update={"arguments": arguments})
    found = origins([action], bench.mission.record(), (), bench.bundle.directory)
    assert (found[0].path, found[0].kind, len(found)) == ("zz", OriginKind.CASE, MAX_VALUES)
    card = render((await bench.propose()).proposal.model_copy(update={"action": action, "origins": found}))
    assert card.origins[-1] == Line(label="(1 more)", text="not looked for: these are too many values")


async def test_what_is_told_is_bounded_however_long_its_paths_are(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server's keys do not make a proposal too large."""
    deep: JsonValue = 4200
    for _ in range(60):
        deep = {"k" * 50: [deep]}
    read(bench, {"x" * 5000: {"paid": 4200}})
    (line,) = (await told(bench))["amount_minor"]
    assert line.endswith("(a path of 5005 characters)")
    monkeypatch.setattr(provenance, "MAX_ORIGINS", 300)
    assert [*(await told(bench, amount_minor=4300))][-1].endswith(" more)")
    key = sought("x", 4200)
    assert key is not None and len(Search([key]).found(deep)[key].at) == 120


TEXT = st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from('`|<>*_[]()"\\\n\r\t \x1b\u202e\u200b:,'))
OURS = ("the case: ", "only within a text of the case: ", "untrusted, ")


@given(at=TEXT, what=TEXT, kind=st.sampled_from(OriginKind), within=st.booleans())
def test_whatever_stands_in_an_origin_each_line_begins_with_our_words(
    at: str, what: str, kind: OriginKind, within: bool
) -> None:
    """For proposals that anybody forged, too: a mission's own page shows them."""
    text = sources._words(Origin(path="a", kind=kind, event_id=1, what=what, at=at, within=within))
    cased = kind is OriginKind.CASE
    assert text.startswith(OURS) is (kind in sources._WHOSE or cased)
    assert text.startswith(OURS[:2]) is cased and text.isprintable()
