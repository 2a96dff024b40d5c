"""Joining and comparing never ease: properties over rules of several groups that escalate. Source: policies/strictness.py."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from policies.requirement import Amendable, BatchLimit, Escalation, Requirement, Rule, Total
from policies.strictness import joined, shortfall, stretched, stricter

GROUPS = ["lead", "finance", "legal", "board"]
LATER = st.sets(st.sampled_from(GROUPS), min_size=1).map(tuple)
ESCALATIONS = st.lists(st.builds(Escalation, after_seconds=st.sampled_from([10, 20]), groups=LATER), max_size=2).map(tuple)


@st.composite
def rules_of_one_permit(draw: st.DrawFn) -> tuple[Rule, ...]:
    """As `@requires` and `@escalate` can write them: each group once, the same escalations for all."""
    groups, steps = draw(st.permutations(GROUPS)), draw(ESCALATIONS)
    rules: list[Rule] = []
    while groups and len(rules) < draw(st.integers(1, 3)):
        size = min(draw(st.integers(1, 2)), len(groups))
        (first, *others), groups = sorted(groups[:size]), groups[size:]
        rules.append(Rule(group=first, others=tuple(others), count=draw(st.integers(1, 2)), escalations=steps))
    return tuple(sorted(rules, key=lambda rule: rule.group))


RULES = rules_of_one_permit()
REQUIREMENTS = st.builds(
    Requirement,
    rules=RULES,
    expires_seconds=st.integers(30, 40),
    denies=st.integers(1, 3),
    reason=st.booleans(),
    vote_seconds=st.sampled_from([None, 5, 50]),
    excludes=st.sets(st.sampled_from(GROUPS), max_size=1).map(tuple),
    budget=st.sampled_from([None, 1, 9]),
    open_per_mission=st.sampled_from([None, 1, 3]),
    batch=st.sampled_from([None, BatchLimit(items=2), BatchLimit(items=5, totals=(Total(path="a", most=9),))]),
    amendable=st.sampled_from([(), (Amendable(path="a"),), (Amendable(path="a", low=1, high=5),)]),
)
PEOPLE = st.dictionaries(
    st.sampled_from("abcdef"), st.tuples(st.frozensets(st.sampled_from(GROUPS)), st.sampled_from([0, 10, 25])), max_size=6
)
People = dict[str, tuple[frozenset[str], int]]


def met(requirement: Requirement, people: People) -> bool:
    """Whether these people, each saying yes at a time, meet the rules; the excluded do not count."""
    able = {who: said for who, said in people.items() if not said[0] & set(requirement.excludes)}
    groups, after = {who: said[0] for who, said in able.items()}, {who: float(said[1]) for who, said in able.items()}
    return shortfall(requirement.rules, groups, after) == ()


@settings(max_examples=300)
@given(REQUIREMENTS, REQUIREMENTS, PEOPLE)
def test_whoever_meets_the_whole_meets_each_part(one: Requirement, other: Requirement, people: People) -> None:
    """Escalations, several groups and exclusions included."""
    if met(joined([one, other]), people):
        assert met(one, people) and met(other, people)


@settings(max_examples=300)
@given(REQUIREMENTS, REQUIREMENTS)
def test_whole_bounds_what_each_part_bounds(one: Requirement, other: Requirement) -> None:
    """Earliest times, fewest noes, smallest budgets; what eases only where both ease."""
    whole = joined([one, other])
    assert whole == joined([other, one])
    assert whole.expires_seconds == min(one.expires_seconds, other.expires_seconds)
    assert (whole.denies, whole.reason) == (min(one.denies, other.denies), one.reason or other.reason)
    for name in ("vote_seconds", "budget", "open_per_mission"):
        known = [value for value in (getattr(one, name), getattr(other, name)) if value is not None]
        assert getattr(whole, name) == (min(known) if known else None)
    assert (whole.batch is None) is (one.batch is None or other.batch is None)
    assert {entry.path for entry in whole.amendable} == {e.path for e in one.amendable} & {e.path for e in other.amendable}
    assert [stricter(part, whole) for part in (one, other)] == [None, None]


@settings(max_examples=300)
@given(REQUIREMENTS, REQUIREMENTS, PEOPLE)
def test_whoever_met_what_is_no_stricter_today_meets_today(today: Requirement, frozen: Requirement, people: People) -> None:
    """What the gate relies on when policy changed while a proposal waited."""
    for before in (frozen, joined([today, frozen])):
        if stricter(today, before) is None and met(before, people):
            assert met(today, people)


@given(REQUIREMENTS)
def test_nothing_is_stricter_than_itself(requirement: Requirement) -> None:
    """Or every proposal would stop."""
    assert stricter(requirement, requirement) is None


@settings(max_examples=300)
@given(REQUIREMENTS, REQUIREMENTS, PEOPLE)
def test_budget_is_compared_as_it_grows(today: Requirement, frozen: Requirement, people: People) -> None:
    """Beside somebody over their budget, whoever meets what was frozen still meets today's."""
    groups, after = {who: said[0] for who, said in people.items()}, {who: float(said[1]) for who, said in people.items()}
    for before in (frozen, joined([today, frozen])):
        tired = today.budget is not None and stricter(today, before) is None
        if tired and shortfall(stretched(before.rules), groups, after) == ():
            assert shortfall(stretched(today.rules), groups, after) == ()


@given(RULES, PEOPLE)
def test_what_grew_asks_for_more(rules: tuple[Rule, ...], people: People) -> None:
    """And never for less."""
    groups, after = {who: said[0] for who, said in people.items()}, {who: float(said[1]) for who, said in people.items()}
    if shortfall(stretched(rules), groups, after) == ():
        assert shortfall(rules, groups, after) == ()
