"""Policies taken out of their text one by one. Source: policies/source.py."""

from __future__ import annotations

import cedarpy
from hypothesis import given
from hypothesis import strategies as st

from policies.load import shipped
from policies.source import sources

TRICKY = """// a comment; with a semicolon and a "quote
@id("one") // said; here
@description("semicolons; and // no comment, and \\"quotes\\"; too")
permit (principal, action, resource) when { principal == User::"a;b" };
@id("two") forbid (principal, action, resource); @id("three") forbid (principal, action, resource);
// the end;
"""


def test_policies_are_cut_where_they_end() -> None:
    """Not in strings and not in comments."""
    found = sources(TRICKY)
    assert [(each.name, each.effect) for each in found] == [("one", "permit"), ("two", "forbid"), ("three", "forbid")]
    assert found[1].text == '@id("two") forbid (principal, action, resource);'
    assert found[0].text.startswith('@id("one") // said; here')


def test_layout_and_comments_mean_nothing() -> None:
    """Cedar's own formatter gives another text and the same policies."""
    text = (shipped() / "refund.cedar").read_text()
    first, second = sources(text), sources(cedarpy.format_policies(text))
    assert [each.meaning for each in first] == [each.meaning for each in second]
    assert [each.text for each in first] != [each.text for each in second]


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=20), max_size=4))
def test_any_description_is_kept_whole(words: list[str]) -> None:
    """Whatever stands in a string ends no policy."""
    escaped = ["".join(f"\\u{{{ord(char):x}}}" if char in '"\\\n\r' else char for char in word) for word in words]
    text = "".join(
        f'@id("p{number}") @description("{word}") forbid (principal, action, resource);' for number, word in enumerate(escaped)
    )
    assert [each.name for each in sources(text)] == [f"p{number}" for number in range(len(words))]
