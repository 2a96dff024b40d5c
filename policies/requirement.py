"""Requirements: whose say-so an action needs. Written as annotations of Cedar permits, frozen into each proposal."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from enum import StrEnum

from pydantic import Field

from policies.errors import BundleError
from policies.model import Recorded

_RULE = re.compile(r"\s*([a-z][a-z0-9-]*)\s*:\s*([1-9][0-9]?)\s*")
_DURATION = re.compile(r"([1-9][0-9]{0,5})([smhd])")
MAX_EXPIRY = 14 * 86400
"""Seconds. A proposal expires long before a server may forget, 30 days after its use closed, that it was used."""
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


class Assurance(StrEnum):
    """How sure the gate is who decided. `claimed` never approves."""

    CLAIMED = "claimed"
    ATTESTED = "attested"
    SIGNED = "signed"

    @property
    def rank(self) -> int:
        """Higher is surer."""
        return list(Assurance).index(self)


class Rule(Recorded):
    """So many different people of one group."""

    group: str
    count: int = Field(ge=1)


class Requirement(Recorded):
    """All rules are to be met by different people, before the proposal expires."""

    rules: tuple[Rule, ...]
    expires_seconds: int = Field(gt=0)
    assurance: Assurance = Assurance.SIGNED

    def words(self) -> str:
        """One line for a person: `1 of support-lead and 1 of finance, signed, within 24h`."""
        rules = " and ".join(f"{rule.count} of {rule.group}" for rule in self.rules)
        return f"{rules}, {self.assurance}, within {duration_words(self.expires_seconds)}"


def parse_rules(text: str, where: str) -> tuple[Rule, ...]:
    """
    Rules from `support-lead: 1, finance: 1`, sorted by group.

    Raises:
        BundleError: Not of that form, or a group is named twice.
    """
    rules: dict[str, Rule] = {}
    for part in text.split(","):
        match = _RULE.fullmatch(part)
        if match is None:
            raise BundleError(where, f'@requires("{text}") is not of the form `group: count, group: count`')
        if match[1] in rules:
            raise BundleError(where, f'@requires("{text}") names `{match[1]}` twice')
        rules[match[1]] = Rule(group=match[1], count=int(match[2]))
    return tuple(rules[group] for group in sorted(rules))


def parse_duration(text: str, where: str) -> int:
    """
    Seconds from `30m`, `24h`, `7d`.

    Raises:
        BundleError: Not of that form.
    """
    match = _DURATION.fullmatch(text)
    if match is None:
        raise BundleError(where, f"`{text}` is not a duration like `30m`, `24h` or `7d`")
    return int(match[1]) * _SECONDS[match[2]]


def duration_words(seconds: int) -> str:
    """The shortest exact form: 86400 is `1d`, 5400 is `90m`."""
    unit = next(unit for unit in "dhms" if seconds % _SECONDS[unit] == 0)
    return f"{seconds // _SECONDS[unit]}{unit}"


def joined(requirements: Iterable[Requirement]) -> Requirement:
    """One requirement that meets each of *requirements* (at least one): highest counts, earliest expiry, surest assurance."""
    listed = list(requirements)
    counts: dict[str, int] = {}
    for rule in (rule for requirement in listed for rule in requirement.rules):
        counts[rule.group] = max(rule.count, counts.get(rule.group, 0))
    return Requirement(
        rules=tuple(Rule(group=group, count=counts[group]) for group in sorted(counts)),
        expires_seconds=min(requirement.expires_seconds for requirement in listed),
        assurance=max((requirement.assurance for requirement in listed), key=lambda a: a.rank),
    )


def stricter(today: Requirement, frozen: Requirement) -> str | None:
    """Why *today* asks for more than *frozen*, or None."""
    counts = {rule.group: rule.count for rule in frozen.rules}
    for rule in today.rules:
        if rule.count > counts.get(rule.group, 0):
            return f"policy now asks for {rule.count} of {rule.group}; the proposal was made with {counts.get(rule.group, 0)}"
    if today.expires_seconds < frozen.expires_seconds:
        now, then = duration_words(today.expires_seconds), duration_words(frozen.expires_seconds)
        return f"policy now gives {now}; the proposal was made with {then}"
    if today.assurance.rank > frozen.assurance.rank:
        return f"policy now asks for {today.assurance} decisions; the proposal was made with {frozen.assurance}"
    return None


def shortfall(rules: tuple[Rule, ...], groups_of: Mapping[str, frozenset[str]]) -> tuple[str, ...]:
    """
    What *rules* still lack when each person of *groups_of* fills at most one place; empty when all are met.

    A maximum matching of people to places, so that no order of decisions matters.
    """
    places = [rule.group for rule in rules for _ in range(rule.count)]
    taken: dict[int, str] = {}

    def seat(person: str, seen: set[int]) -> bool:
        for place, group in enumerate(places):
            if group not in groups_of[person] or place in seen:
                continue
            seen.add(place)
            if place not in taken or seat(taken[place], seen):
                taken[place] = person
                return True
        return False

    for person in sorted(groups_of):
        seat(person, set())
    open_groups = [group for place, group in enumerate(places) if place not in taken]
    return tuple(f"{open_groups.count(group)} of {group}" for group in dict.fromkeys(open_groups))
