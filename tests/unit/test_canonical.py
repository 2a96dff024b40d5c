"""One value, one form, one digest. Source: RFC 8785; policies/canonical.py."""

from __future__ import annotations

import json
from typing import Any

import pytest
import rfc8785
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import JsonValue

from policies.canonical import MAX_BYTES, MAX_DEPTH, MAX_INTEGER, _check, canonical, digest, parse, readable, settled
from policies.errors import CanonicalError

TEXT = st.text(st.characters(exclude_categories=["Cs"])).map(readable)
NUMBERS = st.integers(-MAX_INTEGER, MAX_INTEGER) | st.floats(-1e15, 1e15, allow_nan=False)
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)


@given(VALUES)
def test_canonical_bytes_are_a_fixed_point(value: JsonValue) -> None:
    """What a reader of the bytes digests is what their writer digested."""
    assert canonical(parse(canonical(value))) == canonical(value)


@given(VALUES)
def test_digest_survives_any_other_way_of_writing_the_same_json(value: JsonValue) -> None:
    """Spaces and escapes are no part of a value."""
    assert digest("action", json.loads(json.dumps(value, indent=2))) == digest("action", value)


@given(VALUES)
def test_digest_of_one_kind_is_no_digest_of_another(value: JsonValue) -> None:
    """Each kind has its own prefix."""
    assert len({digest(kind, value) for kind in ("action", "card", "proposal", "settlement")}) == 4


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        (1, 1.0),
        (0, -0.0),
        (98.7, 98.70),
    ],
)
def test_same_values_have_the_same_bytes(one: JsonValue, other: JsonValue) -> None:
    """RFC 8785: key order and ways of writing a number do not count."""
    assert canonical(one) == canonical(other)


def nested(depth: int) -> JsonValue:
    """Lists in lists."""
    value: JsonValue = 1
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (MAX_INTEGER + 1, "integer that a double cannot hold"),
        (-MAX_INTEGER - 1, "integer that a double cannot hold"),
        (1e300, "a double cannot tell"),
        (float("nan"), "not a finite number"),
        (float("inf"), "not a finite number"),
        ("cafe\u0301", "not in Unicode NFC"),
        ({"cafe\u0301": 1}, "not in Unicode NFC"),
        ("\ud800", "lone surrogate"),
        (nested(MAX_DEPTH + 1), "nested deeper"),
        ("x" * MAX_BYTES, "larger than"),
        (b"bytes", "is a bytes"),
        ({1: 2}, "a key that is not text"),
    ],
)
def test_value_without_one_form_is_refused(value: Any, why: str) -> None:
    """Refused rather than repaired, with the place."""
    with pytest.raises(CanonicalError, match=why):
        canonical(value)


def test_the_deepest_value_is_still_digested() -> None:
    """The limit is inclusive."""
    assert canonical(nested(MAX_DEPTH))


@pytest.mark.parametrize(
    "text",
    ['{"a": 1, "a": 2}', '{"a": {"b": 1, "b": 1}}', "NaN", "[Infinity]", "[-Infinity]", "", "{", "01", "[" * 100_000],
)
def test_text_with_no_reading_or_two_is_refused(text: str) -> None:
    """Duplicate keys, constants that JSON does not know, no JSON, and what would exhaust the stack."""
    with pytest.raises(CanonicalError):
        parse(text)


def test_text_too_large_to_read_is_refused_unread() -> None:
    """Eight times the largest form: escapes take space."""
    with pytest.raises(CanonicalError, match="too large"):
        parse('"' + "x" * 8 * MAX_BYTES + '"')


def test_settled_is_what_the_digest_is_over() -> None:
    """A float that is an integer becomes one, and keys are sorted."""
    assert repr(settled({"b": 1.0, "a": "x"})) == "{'a': 'x', 'b': 1}"


@given(st.text())
def test_any_strangers_text_becomes_digestible(text: str) -> None:
    """So that no refused signal stops a settlement."""
    assert canonical(readable(text))


ANYTHING: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(["n\u0303", "\n\u0303", "\u0303"]),
    lambda inner: (
        st.lists(inner, max_size=4) | st.tuples(inner, inner) | st.dictionaries(st.text() | st.integers(), inner, max_size=4)
    ),
    max_leaves=12,
)


def long_way(value: Any) -> bytes | None:
    """What canonical form was before there was a quick way to it: every check, then the RFC's own writer."""
    try:
        _check(value, "$", 0)
    except CanonicalError:
        return None
    encoded: bytes = rfc8785.dumps(value)
    return encoded


@given(VALUES | ANYTHING)
@example({"\ufb33": 1, "\U0001f600": 2, "\u20ac": 3})
@example({"\ue000": 1, "\U00010000": 2})
@example(["\n\u0303", '"\u0338', "\\\u0301"])
@example(["n\u0303"])
@example("\ud800")
@example({"a": {1: 2}})
@example({"a": (1, 2)})
@example({"c\x7f\x00\x1f\u2028": "\x08\x0c\t\r/"})
@example(2**53)
@example([98.7, 1e21, 1e-7])
def test_quick_way_writes_what_the_long_way_writes(value: Any) -> None:
    """And refuses what it refuses: one value, one form, whichever way it took."""
    try:
        found = canonical(value)
    except CanonicalError:
        found = None
    assert found == long_way(value)


@given(st.lists(st.tuples(st.text(max_size=2), st.integers(0, 9)), max_size=6))
def test_object_is_parsed_exactly_when_no_key_is_given_twice(pairs: list[tuple[str, int]]) -> None:
    """A parser that keeps the last and one that keeps the first would read two values."""
    text = "{" + ",".join(f"{json.dumps(key)}:{value}" for key, value in pairs) + "}"
    keys = [key for key, _ in pairs]
    if len(set(keys)) == len(keys):
        assert parse(text) == dict(pairs)
    else:
        with pytest.raises(CanonicalError, match="is given twice"):
            parse(text)


@pytest.mark.promise("A5")
@pytest.mark.parametrize(
    "text", [b'\xef\xbb\xbf{"a":1}', '{"a":1}'.encode("utf-16"), '{"a":1}'.encode("utf-32"), b'"\xed\xa0\x80"']
)
def test_json_that_is_not_plain_utf8_is_refused(text: bytes) -> None:
    """docs/audit-format.md: Python guesses other encodings, and another reader reads nothing, or another thing."""
    with pytest.raises(CanonicalError):
        parse(text)
