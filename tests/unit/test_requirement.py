"""Whose say-so: rules parsed, joined, compared and met. Source: policies/requirement.py."""

from __future__ import annotations

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies import rulebook
from policies.action import Principals
from policies.errors import BundleError
from policies.notation import parse_duration, parse_rules
from policies.requirement import Assurance, Requirement, Rule, duration_words
from policies.strictness import joined, shortfall, stricter
from tests.fakes.actions import refund
from tests.fakes.kit import Kit, in_file

GROUPS = ("lead", "finance", "legal")
RULES = st.lists(
    st.builds(Rule, group=st.sampled_from(GROUPS), count=st.integers(1, 2)), min_size=1, unique_by=lambda r: r.group
)
PEOPLE = st.dictionaries(st.sampled_from("abcdef"), st.frozensets(st.sampled_from(GROUPS)), max_size=6)


def req(rules: str, seconds: int = 60, assurance: Assurance = Assurance.SIGNED) -> Requirement:
    """A requirement in few characters."""
    return Requirement(rules=parse_rules(rules, "test"), expires_seconds=seconds, assurance=assurance)


def test_rules_are_read_sorted_by_group() -> None:
    """So that the same words give the same digest."""
    found = parse_rules(" support-lead : 2,finance:1", "test")
    assert [(rule.group, rule.count) for rule in found] == [("finance", 1), ("support-lead", 2)]


@pytest.mark.parametrize(
    "text", ["", "lead", "lead:", "lead: 0", "lead: -1", "lead: 1.5", "Lead: 1", "a: 1, a: 2", "a: 1,", "a: 100"]
)
def test_rules_of_another_form_do_not_load(text: str) -> None:
    """Nothing is guessed."""
    with pytest.raises(BundleError):
        parse_rules(text, "test")


@pytest.mark.parametrize(("text", "seconds"), [("30m", 1800), ("24h", 86400), ("7d", 604800), ("1s", 1)])
def test_duration_is_read_and_said_again(text: str, seconds: int) -> None:
    """Words are the shortest exact form."""
    assert parse_duration(text, "test") == seconds
    assert parse_duration(duration_words(seconds), "test") == seconds


@pytest.mark.parametrize("text", ["", "24", "h", "0h", "1.5h", "1w", "24h ", "-1h", "9999999s"])
def test_duration_of_another_form_does_not_load(text: str) -> None:
    """Nothing is guessed."""
    with pytest.raises(BundleError):
        parse_duration(text, "test")


def test_joined_asks_for_everything_that_each_asks_for() -> None:
    """Highest counts, earliest expiry, surest assurance."""
    weak = req("lead: 1", 60, Assurance.ATTESTED)
    strong = req("lead: 2, finance: 1", 3600, Assurance.SIGNED)
    assert joined([weak, strong]) == joined([strong, weak]) == req("finance: 1, lead: 2", 60, Assurance.SIGNED)


@given(st.lists(st.builds(Requirement, rules=RULES.map(tuple), expires_seconds=st.integers(1, 9)), min_size=1, max_size=3))
def test_joined_is_never_weaker_than_any_of_its_parts(parts: list[Requirement]) -> None:
    """No part is stricter than the whole."""
    whole = joined(parts)
    assert [stricter(part, whole) for part in parts] == [None] * len(parts)
    assert whole.expires_seconds == min(part.expires_seconds for part in parts)


@pytest.mark.promise("H5")
def test_weaker_rule_does_not_shadow_a_stronger_one(kit: Kit) -> None:
    """Both permits match, and the stronger is asked for."""
    assert asked(kit) == "1 of finance and 1 of support-lead, signed, within 1d"


@pytest.mark.control("H5")
def test_weaker_rule_shadows_a_stronger_one_where_only_one_is_taken(kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    """One defence: joining what every determining policy asks for."""
    monkeypatch.setattr(rulebook, "joined", lambda requirements: min(requirements, key=lambda found: len(found.rules)))
    assert asked(kit) == "1 of support-lead, signed, within 1d"


def asked(kit: Kit) -> str:
    """What a large refund needs where a careless policy gives everything to a support lead."""
    careless = '@id("careless") @requires("support-lead: 1") @expires("24h") permit (principal is Mission, action, resource);'
    bundle = kit.changed("careless", in_file("refund.cedar", "// Who may decide", careless + "\n// Who may decide"))
    ruling = bundle.rule(refund(bundle, amount_minor=42000), Principals(owner="olga"), bundle.directory)
    assert ruling.requirement is not None
    return ruling.requirement.words()


@pytest.mark.parametrize(
    ("today", "is_stricter"),
    [
        (req("lead: 1"), False),
        (req("lead: 2"), True),
        (req("finance: 1"), True),
        (req("lead: 1, finance: 1"), True),
        (req("lead: 1", assurance=Assurance.ATTESTED), False),
    ],
)
def test_stricter_is_told_by_any_rule_or_by_assurance(today: Requirement, is_stricter: bool) -> None:
    """Against a frozen `lead: 1, signed`."""
    assert (stricter(today, req("lead: 1")) is not None) is is_stricter


def test_one_person_fills_one_place_and_the_best_one() -> None:
    """Ann could be either; Bob only a lead: together they are both."""
    rules = parse_rules("lead: 1, finance: 1", "test")
    ann, bob = frozenset({"lead", "finance"}), frozenset({"lead"})
    assert shortfall(rules, {"ann": ann}) != ()
    assert shortfall(rules, {"ann": ann, "bob": bob}) == shortfall(rules, {"bob": bob, "ann": ann}) == ()


def seats(rules: list[Rule], people: dict[str, frozenset[str]]) -> bool:
    """Whether some assignment of different people fills every place: by trying all of them."""
    places = [rule.group for rule in rules for _ in range(rule.count)]
    return any(all(g in people[p] for p, g in zip(chosen, places, strict=True)) for chosen in permutations(people, len(places)))


@given(RULES, PEOPLE)
def test_shortfall_is_empty_exactly_when_different_people_can_fill_all_places(
    rules: list[Rule], people: dict[str, frozenset[str]]
) -> None:
    """The matching against brute force."""
    assert (shortfall(tuple(rules), people) == ()) is seats(rules, people)


@given(RULES, PEOPLE)
def test_shortfall_does_not_depend_on_the_order_of_people(rules: list[Rule], people: dict[str, frozenset[str]]) -> None:
    """No order of decisions matters."""
    again = dict(sorted(people.items(), reverse=True))
    assert shortfall(tuple(rules), people) == shortfall(tuple(rules), again)
