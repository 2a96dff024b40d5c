"""What an approver sees: whole, inert and deterministic. Source: approvals/card.py, approvals/display.py; promise F2."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from approvals import card
from approvals.card import Card, Line, as_markdown, as_text, render
from approvals.display import visible, visible_json
from approvals.proposal import Proposal
from policies.canonical import readable
from tests.fakes.bench import SMALL, Bench
from tests.fakes.kit import Kit

NASTY = st.text(
    st.characters(exclude_categories=["Cs"]) | st.sampled_from("`|<>*_[]()#\\\n\r\t \x1b\u202e\u200b\u3164\u00ad\ufeff")
)


@pytest.fixture(scope="module")
async def proposal(kit: Kit) -> Proposal:
    """A small refund."""
    return (await Bench(kit).propose(because="late")).proposal


def with_arguments(proposal: Proposal, arguments: dict[str, JsonValue], because: str = "") -> Card:
    """The card of the same proposal with other arguments."""
    action = proposal.action.model_copy(update={"arguments": arguments})
    return render(proposal.model_copy(update={"action": action, "because": because}))


HIDDEN = {
    "escape": "\x1b[2J",
    "bell": "\x07",
    "backspace": "\x08",
    "carriage return": "\r",
    "right to left override": "\u202e",
    "isolate": "\u2066",
    "arabic letter mark": "\u061c",
    "zero width space": "\u200b",
    "zero width joiner": "\u200d",
    "byte order mark": "\ufeff",
    "soft hyphen": "\u00ad",
    "grapheme joiner": "\u034f",
    "hangul filler": "\u3164",
    "halfwidth hangul filler": "\uffa0",
    "hangul choseong filler": "\u115f",
    "braille blank": "\u2800",
    "variation selector": "\ufe0f",
    "variation selector 17": "\U000e0100",
    "tag": "\U000e0041",
    "line separator": "\u2028",
    "next line": "\x85",
    "no-break space": "\u00a0",
    "ideographic space": "\u3000",
    "private use": "\ue000",
    "noncharacter": "\uffff",
    "unassigned": "\U000e0fff",
    "musical beam": "\U0001d173",
}


@pytest.mark.promise("F2")
@pytest.mark.parametrize("name", HIDDEN)
def test_character_that_does_not_show_as_itself_is_shown_by_its_escape(name: str) -> None:
    """So that nothing hides, reorders or imitates."""
    shown = visible(f"a{HIDDEN[name]}b")
    assert re.fullmatch(r"a(\\u[0-9a-f]{4})+(\[2J)?b", shown), shown


def test_ordinary_text_is_shown_as_itself() -> None:
    """Letters of any script, and signs."""
    text = "Müller & Søn, 東京 — 42,00 € (ORD-2001)"
    assert visible(text) == text


def test_long_blanks_are_counted() -> None:
    """Padding cannot push anything out of sight."""
    assert visible("a" + " " * 400 + "b") == "a [400 blanks] b"
    assert visible("a    b") == "a    b"


@given(NASTY)
def test_visible_text_is_one_line_of_printable_characters(text: str) -> None:
    """Whatever it was."""
    shown = visible(text)
    assert len(shown.splitlines()) <= 1
    assert all(char.isprintable() and unicodedata.category(char) not in ("Cf", "Cc", "Zl", "Zp") for char in shown)


@given(NASTY)
def test_visible_text_of_visible_text_is_the_same(text: str) -> None:
    """Escapes are plain."""
    assert visible(visible(text)) == visible(text)


@given(NASTY, NASTY)
def test_two_values_are_never_shown_alike(one: str, other: str) -> None:
    """Complete: what differs looks different, save for blanks that are counted."""
    if "blanks]" not in one + other and " " * 5 not in one + other:
        assert (visible_json(one) == visible_json(other)) is (one == other)


@pytest.mark.promise("F2")
@given(arguments=st.dictionaries(NASTY.map(readable), st.integers(0, 9) | NASTY.map(readable), max_size=4), because=NASTY)
def test_terminal_card_has_no_control_characters_and_keeps_its_width(
    proposal: Proposal, arguments: dict[str, JsonValue], because: str
) -> None:
    """For any arguments and any narration."""
    lines = as_text(with_arguments(proposal, arguments, because)).split("\n")
    assert all(char.isprintable() for line in lines for char in line)
    assert sum(line.startswith("WILL BE SENT, exactly:") for line in lines) == 1


def spans(markdown: str) -> list[str]:
    """What of a line of Markdown stands outside code spans, as CommonMark finds them."""
    return [re.sub(r"(?<!`)`(?!`)[^`]*(?<!`)`(?!`)", "", line) for line in markdown.splitlines()]


FRAME = re.compile(
    r"### |\| {1,2}\| {0,2}\||\|---\|---\||> ?|\*\*[A-Za-z ,:]+\*\*|Results the mission had before \(as it claims\)|"
)


@pytest.mark.promise("F2")
@given(arguments=st.dictionaries(NASTY.map(readable), NASTY.map(readable), max_size=4), because=NASTY)
def test_markdown_card_lets_nothing_out_of_code(proposal: Proposal, arguments: dict[str, JsonValue], because: str) -> None:
    """Markdown and HTML are inert in code; outside of it stands only what we wrote."""
    outside = spans(as_markdown(with_arguments(proposal, arguments, because)))
    assert [line for line in outside if not re.fullmatch(r"[#|>\- ]*|\*\*[^<`]*\*\*|Results[^<`]*", line)] == []


@pytest.mark.control("F2")
def test_markdown_gets_out_of_code_where_backticks_are_kept(proposal: Proposal, monkeypatch: pytest.MonkeyPatch) -> None:
    """One defence: the escape of what would end a span."""
    monkeypatch.setattr(card, "_code", lambda text: f"`{text}`")
    outside = spans(as_markdown(with_arguments(proposal, {"reason": "` <img src=x> `"})))
    assert any("<img" in line for line in outside)


def test_card_is_the_same_for_the_same_proposal(proposal: Proposal) -> None:
    """Gate, command line and verifier render it alike, after any round trip."""
    again = Proposal.model_validate_json(proposal.model_dump_json())
    assert render(again) == render(proposal)
    assert render(again).digest == proposal.card


def test_card_differs_wherever_the_proposal_does(proposal: Proposal) -> None:
    """Each thing to decide about is on it."""
    action, principals = proposal.action, proposal.principals
    changed: list[dict[str, object]] = [
        {"action": action.model_copy(update={"arguments": {**SMALL, "amount_minor": 4201}})},
        {"action": action.model_copy(update={"endpoint": "http://evil.example"})},
        {"action": action.model_copy(update={"step": "2"})},
        {"principals": principals.model_copy(update={"owner": "fay"})},
        {"principals": principals.model_copy(update={"on_behalf_of": "fay"})},
        {"policies": ("other",)},
        {"because": "early"},
        {"seen": ()},
        {"requirement": proposal.requirement.model_copy(update={"expires_seconds": 60})},
    ]
    cards = [render(proposal.model_copy(update=change)) for change in changed]
    assert len({found.digest for found in (render(proposal), *cards)}) == 1 + len(changed)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text('ab.[]0"\\', max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text('ab.[]0"\\ ()none', max_size=3), inner, max_size=3),
    max_leaves=5,
)


PAIRS: list[tuple[JsonValue, JsonValue]] = [
    ({"a.b": 1}, {"a": {"b": 1}}),
    ({"a[0]": 1}, {"a": [1]}),
    ({"": 1}, 1),
    ({}, {"": {}}),
    ({"(none)": {}}, {}),
    ({"a\u200b": 1}, {"a\\u200b": 1}),
    ({'["a"]': 1}, {"a": 1}),
    ({"a": {}}, {"a": []}),
    ({"a": "1"}, {"a": 1}),
]


@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_arguments_that_try_to_look_alike_do_not(one: JsonValue, other: JsonValue) -> None:
    """Keys with dots, brackets, escapes or nothing in them."""
    assert card._arguments(one) != card._arguments(other)


@given(JSON, JSON)
def test_different_arguments_are_never_shown_alike(one: JsonValue, other: JsonValue) -> None:
    """Keys with dots or brackets in them look like no path."""
    if one != other or repr(one) != repr(other):
        assert card._arguments(one) != card._arguments(other)


def test_nothing_is_cut_however_long(proposal: Proposal) -> None:
    """Lines are broken, not shortened."""
    long = "".join(chr(ord("a") + index % 26) for index in range(5000))
    text = as_text(with_arguments(proposal, {"reason": long}), width=60)
    assert long in "".join(line.strip() for line in text.splitlines())
    assert max(map(len, text.splitlines())) <= 60


def test_untrusted_text_cannot_close_its_box(proposal: Proposal) -> None:
    """Every line of it begins with a bar."""
    lies = "x\n+--------+\nWILL BE SENT, exactly:\n  amount_minor  1"
    text = as_text(with_arguments(proposal, dict(SMALL), lies))
    box = text[text.index("+-- UNTRUSTED") :].splitlines()
    assert [line[0] for line in box[1:-1]] == ["|"] * (len(box) - 2)


def test_labels_are_escaped_too(proposal: Proposal) -> None:
    """A key is as hostile as a value."""
    lines = with_arguments(proposal, {"a\u202eb": {"\x1b": [1]}}).arguments
    assert all(char.isprintable() for line in lines for char in line.label)
    assert len(lines) == 1 and isinstance(lines[0], Line)
