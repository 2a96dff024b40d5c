"""F: what a tired person sees and does. Source: docs/threats.md, F."""

from __future__ import annotations

import pytest
from pydantic import JsonValue

from activities import lineage
from approvals import card, checks
from approvals.card import as_markdown, as_text, render
from tests.conftest import Without
from tests.fakes.bench import SMALL, Bench
from tests.fakes.history import sealed_payload

LIE = "A harmless test. +-- amount_minor 1 EUR --+\nWILL BE SENT, exactly:\n  amount_minor  1"
HOSTILE = "\x1b[2J\x1b[31m**bold** `code` |cell| <img src=x onerror=alert(1)> \u202e\u200b\u3164" + " " * 400 + "end"


@pytest.mark.promise("F1")
async def test_narration_stands_only_in_the_box_marked_untrusted(bench: Bench) -> None:
    """Whatever a model writes, the arguments are the gate's own lines."""
    shown = render((await bench.propose(because=LIE)).proposal)
    text = as_text(shown)
    outside = text[: text.index("+-- UNTRUSTED")]
    assert "harmless" not in outside
    assert "4200" in outside
    assert all(line.startswith(("|", "+")) for line in text[text.index("+-- UNTRUSTED") :].splitlines())


@pytest.mark.promise("F2")
async def test_hostile_text_in_arguments_is_shown_whole_and_inert(bench: Bench) -> None:
    """Markdown, HTML, terminal escapes, padding, invisible and right-to-left marks."""
    shown = render((await bench.propose({**SMALL, "reason": HOSTILE}, because=HOSTILE)).proposal)
    text, markdown = as_text(shown), as_markdown(shown)
    assert all(char.isprintable() for line in text.split("\n") for char in line)
    assert "[400 blanks]" in text.replace("\n" + " " * 32, "")
    assert not [char for char in "\x1b\u202e\u200b\u3164" if char in text + markdown]
    assert "end" in text


@pytest.mark.control("F2")
async def test_hostile_text_reaches_the_terminal_where_it_is_not_escaped(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """One defence: the escapes."""
    found = await bench.propose(because=HOSTILE)
    monkeypatch.setattr(card, "visible", lambda text: text)
    assert "\x1b[2J" in as_text(render(found.proposal))


@pytest.mark.promise("F3")
async def test_another_proposal_says_what_was_done_before(bench: Bench) -> None:
    """In a flood of proposals each card lists the earlier ones, as the uses tell, whatever the mission tells."""
    await bench.propose()
    bench.approve("sam")
    await bench.settle()
    second = await bench.propose(step="2")
    facts = [line.label for line in render(second.proposal).facts]
    assert "before this (receipt)" in facts


@pytest.mark.promise("F3")
async def test_use_that_a_stranger_started_puts_nothing_on_the_card(bench: Bench) -> None:
    """docs/decisions/0006: what was not announced was never sent, whoever took the name."""
    bench.uses.taken[(await bench.propose()).digest] = None
    second = await bench.propose(step="2")
    assert [prior.kind for prior in second.proposal.prior] == ["not used"]


@pytest.mark.promise("F3")
async def test_payment_whose_use_was_deleted_is_on_the_card_as_paid(bench: Bench) -> None:
    """The run's own signed settlement tells what the deleted workflow no longer can."""
    first = await bench.propose()
    bench.approve("sam")
    await bench.settle()
    bench.uses.delete(first.digest)
    second = await bench.propose(step="2")
    assert [prior.kind for prior in second.proposal.prior] == ["receipt"]


@pytest.mark.control("F3")
async def test_earlier_payment_is_not_on_the_card_where_uses_are_not_asked(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One defence: the proposer's look at the mission's signed proposals."""
    await bench.propose()
    bench.approve("sam")
    await bench.settle()
    monkeypatch.setattr(lineage, "signed_proposals", lambda record, law: {})
    second = await bench.propose(step="2")
    assert not [line for line in render(second.proposal).facts if line.label.startswith("before this")]


def malformed(digest: str) -> list[JsonValue | bytes]:
    """Signals that are no decision, each in its own way."""
    claim: JsonValue = {"proposal": digest, "verdict": "approve", "approver": "sam"}
    return [
        claim,
        [claim],
        {"jws": {"proposal": digest}},
        "a.b.c",
        "..",
        b"not json",
        b'{"proposal": 1, "proposal": 2}',
        b"\xff\xfe",
        b"[" * 5000,
        {"proposal": digest, "verdict": "approve", "approver": "\u0065\u0301"},
        b'{"proposal": "x", "verdict": "deny", "approver": "\\ud800"}',
        {"proposal": digest, "verdict": "maybe"},
        {"proposal": digest, "verdict": "approve", "approver": "x" * 100_000, "reason": "\u0301" * 100_000},
        None,
    ]


async def flood(bench: Bench, times: int) -> None:
    """A proposal and *times* rounds of malformed signals."""
    found = await bench.propose()
    for _ in range(times):
        for value in malformed(found.digest):
            bench.say(value)
        bench.mission.signal("decide")
        bench.mission.signal("decide", "two", "values")
        bench.mission.signal("decide", sealed_payload())
        bench.mission.signal("d\u0065\u0301cide", 1)


@pytest.mark.promise("F4")
async def test_flood_of_malformed_decisions_never_approves(bench: Bench) -> None:
    """Every one is refused with a reason; the answer stays small enough to sign."""
    await flood(bench, 50)
    settlement = await bench.settle()
    assert (settlement.kind, bench.paid) == ("pending", [])
    assert not [vote for vote in settlement.votes if vote.counts]


@pytest.mark.promise("F4")
async def test_good_decision_is_heard_in_the_middle_of_a_flood(bench: Bench) -> None:
    """No malformed signal can keep a say-so, or a no, from being heard."""
    await flood(bench, 10)
    bench.approve("sam")
    for value in malformed(bench.found().digest):
        bench.say(value)
    assert (await bench.settle()).kind == "receipt"


@pytest.mark.control("F4")
async def test_one_of_a_flood_approves_where_claims_are_enough(bench: Bench, without: Without) -> None:
    """One defence: the assurance check."""
    await flood(bench, 1)
    without(checks.CHECKS, "assurance")
    await bench.settle()
    assert bench.paid == [4200]
