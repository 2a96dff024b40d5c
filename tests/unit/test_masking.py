"""Masking and unmasking: nothing of a value is left in what leaves, and all of it comes back. Source: policies/masking.py."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import JsonValue

from policies.classes import leaves
from policies.finder import WITHIN, Finder, TooMuchError, nested, pieces
from policies.masking import Masks, withheld

SEED = "run-1"
PII = {"pii": ("Marguerite", "Marguerite Duras", "DE", "42"), "bank": ("DE8937", 'a "b" \\c')}


def over(value: JsonValue, sensitive: dict[str, tuple[str, ...]] = PII, seed: str = SEED) -> Masks:
    """Masks for *value*."""
    return Masks.over(sensitive, value, seed)


def masked(text: str) -> str:
    """*text* with tags left out."""
    masks = over(text)
    return masks.text(text).replace(f"-{masks.tag}>", ">")


TEXTS = {
    "the longest first": ("Marguerite Duras, Marguerite", "<pii-1>, <pii-2>"),
    "short ones only as a whole": ("42 in DE and 142", "42 in DE and 142"),
    "a short one that is all": ("DE", "<pii-1>"),
    "within a word": ("xMargueritex", "x<pii-1>x"),
    "other letters are another value": ("marguerite", "marguerite"),
    "leaves of JSON": ('{"c":"DE","n":[42,421,42.0,"42"]}', '{"c":"<pii-1>","n":["<pii-2>",421,"<pii-3>","<pii-4>"]}'),
    "a key": ('{"Marguerite": 1, "DE": 2}', '{"<pii-1>": 1, "DE": 2}'),
    "escaped": ('{"n": "\\u004darguerite"}', '{"n": "<pii-1>"}'),
    "JSON in JSON": ('{"a": "{\\"b\\": \\"DE\\"}"}', '{"a": "{\\"b\\": \\"<pii-1>\\"}"}'),
    "quotes and slashes": ('{"a": "a \\"b\\" \\\\c!"}', '{"a": "<bank-1>!"}'),
    "quotes in prose": ('so a "b" \\c it is', "so <bank-1> it is"),
    "JSON in prose": ('so {"x": "a \\"b\\" \\\\c"} it is', 'so {"x": "<bank-1>"} it is'),
    "prose that begins like JSON": ('[note] Marguerite said "DE"', '[note] <pii-1> said "<pii-2>"'),
}
CUT = '{"a": "DE", "b": 42, "c": "hello Marguer'


@pytest.mark.parametrize("name", TEXTS)
def test_text_is_masked(name: str) -> None:
    """Each as a person would read it."""
    text, expected = TEXTS[name]
    assert masked(text) == expected


def test_text_that_was_cut_off_is_masked_up_to_its_end() -> None:
    """What is larger than a model is told is cut, and may be cut in a value."""
    found = masked(CUT)
    assert all(clear not in found for clear in ("DE", "42", "Marguer"))


def test_what_overlaps_is_masked_as_one() -> None:
    """No rest of a value tells the rest of it."""
    text = "abcdefghij and xabcdefghijk"
    masks = over(text, {"pii": ("abcdef", "efghij", "xabcd", "abcdefghijk")})
    assert masks.text(text) == f"<pii-1-{masks.tag}> and <pii-2-{masks.tag}>"
    assert masks.unmasked(masks.text(text)) == text


def test_placeholders_stay_the_same_while_a_transcript_grows() -> None:
    """So a model knows whom it was told of before."""
    turns = ["Marguerite asks", "DE8937 is hers", "Marguerite Duras it is"]
    seen = [[masks.text(turn) for turn in turns[:n]] for n in (1, 2, 3) for masks in [over(list(turns[:n]))]]
    assert (seen[0], seen[1]) == (seen[2][:1], seen[2][:2])
    assert seen[2][2] != seen[2][0]


def test_values_come_back_safely_in_json() -> None:
    """A value with quotes does not end the string that it stands in; numbers come back as numbers."""
    value: JsonValue = {"a": 'a "b" \\c', "n": 42, "s": "42"}
    masks = over(value)
    sent = json.dumps(masks.masked(value))
    (a, n, s) = json.loads(sent).values()
    assert json.loads(masks.unmasked_json(sent)) == value
    answer = json.dumps({"why": f"because {a}", "amount": n, "text": f"{n}.", "deep": json.dumps({"x": a}), n: s})
    assert json.loads(masks.unmasked_json(answer)) == {
        "why": 'because a "b" \\c',
        "amount": 42,
        "text": "42.",
        "deep": json.dumps({"x": 'a "b" \\c'}),
        "42": "42",
    }


def test_answer_that_is_no_json_is_not_repaired() -> None:
    """And takes no time: each quote of a string that never ends is no beginning of another."""
    masks = over("Marguerite")
    name = masks.text("Marguerite")
    assert masks.unmasked_json('"' + '\\"' * 100_000 + name) == '"' + '\\"' * 100_000 + name
    assert masks.unmasked_json(f"{{ {name} }}") == f"{{ {name} }}"


def test_class_with_a_name_that_is_none_is_masked_too() -> None:
    """A hostile mission worker names what it likes."""
    text = "it is Marguerite"
    masks = over(text, {"x>-1-y": ("Marguerite",)})
    assert masks.text(text) == f"it is <masked-1-{masks.tag}>"
    assert withheld({"x>": ("a",), "pii": ("a",)}, ["pii"]) == {"x>": ("a",)}


def test_values_made_to_take_for_ever_are_given_up() -> None:
    """Then nothing leaves."""
    finder = Finder({"pii": tuple("a" * n + "b" for n in range(4, 200))}, most=10_000)
    with pytest.raises(TooMuchError):
        list(finder.within("a" * 100_000, longest=True))


VALUES = st.text(min_size=1, max_size=12) | st.sampled_from(["<pii-1-", "-1-", "pii", 'a"b', "\\", "true", "42", "ü"])
SENSITIVE = st.dictionaries(st.sampled_from(["pii", "bank"]), st.lists(VALUES, max_size=6).map(tuple), max_size=2)
Story = tuple[dict[str, tuple[str, ...]], JsonValue]


@st.composite
def stories(draw: st.DrawFn) -> Story:
    """Values, and JSON in which they occur: as leaves, in text, and in JSON that is in text, escaped or not."""
    sensitive = draw(SENSITIVE)
    known = [value for values in sensitive.values() for value in values] or ["x"]
    text = st.lists(st.sampled_from(known) | st.text(max_size=6), max_size=5).map("".join)
    leaf = text | st.integers(-50, 50) | st.booleans() | st.none() | st.sampled_from(known)
    kinds = lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3)  # noqa: E731
    value = st.recursive(leaf, kinds, max_leaves=8)
    again = json.dumps(draw(value), ensure_ascii=draw(st.booleans()))
    return sensitive, [draw(value), again, {"deep": json.dumps({"again": again})}]


@settings(max_examples=200, deadline=None)
@given(stories())
def test_mask_then_unmask_is_the_identity(story: Story) -> None:
    """As JSON: text that is JSON comes back as the same JSON, if not with the same escapes."""
    sensitive, value = story
    masks = over(value, sensitive)
    back = json.loads(masks.unmasked_json(json.dumps(masks.masked(value))))
    assert _read(back) == _read(json.loads(json.dumps(value)))


@pytest.mark.promise("I1")
@settings(max_examples=200, deadline=None)
@given(stories())
def test_nothing_sensitive_is_left(story: Story) -> None:
    """No leaf is a value, and no text that a reader can find in what leaves has one in it. Placeholders are ours."""
    sensitive, value = story
    masks = over(value, sensitive)
    values = {each for listed in sensitive.values() for each in listed}
    left = _read(masks.masked(value))
    assert [leaf for leaf in leaves(left) if leaf in values] == []
    for piece in pieces(left):
        parts = re.split(f"<[a-z]+-[0-9]+-{masks.tag}>", piece)
        assert [each for each in values if len(each) >= WITHIN and any(each in part for part in parts)] == []


@settings(max_examples=200, deadline=None)
@given(stories())
def test_what_occurs_is_all_that_is_needed(story: Story) -> None:
    """What a mission sends along is enough: with it alone the same is masked."""
    sensitive, value = story
    with_all = over(value, sensitive)
    with_those = Masks(Finder(Finder(sensitive).occurring(value)), with_all.tag)
    assert with_those.masked(value) == with_all.masked(value)


@settings(max_examples=200, deadline=None)
@given(
    st.text(alphabet='ab"\\<>-1{[ü\u0301', max_size=30),
    st.lists(st.text(alphabet='ab"\\<>-1ü', min_size=1, max_size=6), max_size=4),
)
def test_prose_comes_back_as_it_was(text: str, values: list[str]) -> None:
    """Exactly, where it is not JSON."""
    masks = over(text, {"pii": tuple(values)})
    try:
        json.loads(text)
    except ValueError:
        assert masks.unmasked(masks.text(text)) == text


def _read(value: JsonValue) -> JsonValue:
    """*value* with JSON in its strings read."""
    match value:
        case dict():
            return {key: _read(item) for key, item in value.items()}
        case list():
            return [_read(item) for item in value]
        case str() if nested(value):
            try:
                return _read(json.loads(value))
            except ValueError:
                return value
    return value
