"""How requirements are written: the text of annotations, parsed. What is not of the form does not load; nothing is guessed."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from policies.errors import BundleError
from policies.requirement import Amendable, Assurance, BatchLimit, Escalation, Requirement, Rule, Total, duration_words

MAX_EXPIRY = 14 * 86400
"""Seconds. A proposal expires long before a server may forget, 30 days after its use closed, that it was used."""
MAX_BATCH = 50
"""Items of one card that a person can still be asked to look at."""

_GROUP = r"[a-z][a-z0-9-]*"
_RULE = re.compile(rf"\s*({_GROUP}(?:\s*\|\s*{_GROUP})*)\s*:\s*([1-9][0-9]?)\s*")
_STEP = re.compile(rf"\s*([0-9]+[smhd])\s*:\s*({_GROUP}(?:\s*\|\s*{_GROUP})*)\s*")
_DURATION = re.compile(r"([1-9][0-9]{0,5})([smhd])")
_PATH = r"[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*"
_NUMBER = r"-?[0-9]{1,15}(?:\.[0-9]{1,4})?"
_BOUNDS = re.compile(rf"\s*({_PATH})\s*(?::\s*({_NUMBER})?\.\.({_NUMBER}|proposed)?\s*)?")
_TOTAL = re.compile(rf"\s*({_PATH})\s*:\s*([1-9][0-9]{{0,14}})\s*")
_COUNT = re.compile(r"[1-9][0-9]{0,3}")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def requirement(annotations: Mapping[str, str], where: str) -> Requirement | None:
    """
    The requirement that a permit's *annotations* ask for; None without `@requires`.

    Raises:
        BundleError: One is not of its form, or means nothing without another; names it.
    """
    if "requires" not in annotations:
        lonely = sorted(annotations.keys() & REQUIRING)
        if lonely:
            raise BundleError(where, f"`@{lonely[0]}` means nothing without `@requires`")
        return None
    if "expires" not in annotations:
        raise BundleError(where, "`@requires` needs `@expires`: no proposal waits for ever")
    given = {name: read(annotations[name], where) for name, read in _READERS.items() if name in annotations}
    if given["expires"] > MAX_EXPIRY:
        raise BundleError(where, f'@expires("{annotations["expires"]}") is longer than {duration_words(MAX_EXPIRY)}')
    steps = given.pop("escalate", ())
    rules = tuple(rule.model_copy(update={"escalations": steps}) for rule in given.pop("requires"))
    found = Requirement(rules=rules, **{_FIELDS.get(name, name): value for name, value in given.items()})
    late = [step for step in found.escalations() if step >= found.expires_seconds]
    if late:
        raise BundleError(where, f"it escalates after {duration_words(late[0])}, when it has expired already")
    return found


def parse_rules(text: str, where: str) -> tuple[Rule, ...]:
    """
    Rules from `support-lead: 1, finance | audit: 1`, sorted by group.

    Raises:
        BundleError: Not of that form, or a group is named twice.
    """
    rules: dict[str, Rule] = {}
    for part in text.split(","):
        match = _RULE.fullmatch(part)
        if match is None:
            raise BundleError(where, f'@requires("{text}") is not of the form `group: count, group | group: count`')
        first, *others = _groups(match[1])
        for group in (first, *others):
            if group in rules:
                raise BundleError(where, f'@requires("{text}") names `{group}` twice')
        rules[first] = Rule(group=first, others=tuple(others), count=int(match[2]))
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


def _groups(text: str) -> list[str]:
    return sorted({group.strip() for group in text.split("|")})


def _escalations(text: str, where: str) -> tuple[Escalation, ...]:
    steps = []
    for part in text.split(","):
        match = _STEP.fullmatch(part)
        if match is None:
            raise BundleError(where, f'@escalate("{text}") is not of the form `4h: group, 8h: group | group`')
        steps.append(Escalation(after_seconds=parse_duration(match[1], where), groups=tuple(_groups(match[2]))))
    return tuple(sorted(steps, key=lambda step: (step.after_seconds, step.groups)))


def _amendable(text: str, where: str) -> tuple[Amendable, ...]:
    found: dict[str, Amendable] = {}
    for part in text.split(","):
        match = _BOUNDS.fullmatch(part)
        if match is None or match[1] in found:
            raise BundleError(where, f'@amendable("{text}") is not of the form `path, path: 1..100, path: 1..proposed`')
        low, high = match[2], match[3]
        bound = None if high in (None, "proposed") else _number(high)
        found[match[1]] = Amendable(path=match[1], low=_number(low) if low else None, high=bound, not_above=high == "proposed")
    return tuple(found[path] for path in sorted(found))


def _batch(text: str, where: str) -> BatchLimit:
    count, *totals = text.split(",")
    matches = [_TOTAL.fullmatch(total) for total in totals]
    items = int(count) if _COUNT.fullmatch(count.strip()) else 0
    if not 2 <= items <= MAX_BATCH or None in matches:
        raise BundleError(where, f'@batch("{text}") is not of the form `items, path: total`, with 2 to {MAX_BATCH} items')
    return BatchLimit(items=items, totals=tuple(Total(path=match[1], most=int(match[2])) for match in matches if match))


def _excluded(text: str, where: str) -> tuple[str, ...]:
    groups = [group.strip() for group in text.split(",")]
    if not all(re.fullmatch(_GROUP, group) for group in groups):
        raise BundleError(where, f'@excludes("{text}") is not of the form `group, group`')
    return tuple(sorted(set(groups)))


def _assurance(text: str, where: str) -> Assurance:
    if text not in (Assurance.SIGNED, Assurance.ATTESTED):
        raise BundleError(where, f"`@assurance` is `signed` or `attested`, not `{text}`")
    return Assurance(text)


def _reason(text: str, where: str) -> bool:
    if text != "required":
        raise BundleError(where, f'@reason("{text}") is not `required`; leave it out where no reason is needed')
    return True


def _count(text: str, where: str) -> int:
    if not _COUNT.fullmatch(text):
        raise BundleError(where, f"`{text}` is not a count from 1 to 9999")
    return int(text)


def _number(text: str) -> int | float:
    return float(text) if "." in text else int(text)


_READERS: Mapping[str, Callable[[str, str], Any]] = {
    "requires": parse_rules,
    "expires": parse_duration,
    "assurance": _assurance,
    "escalate": _escalations,
    "denies": _count,
    "reason": _reason,
    "vote_expires": parse_duration,
    "excludes": _excluded,
    "amendable": _amendable,
    "batch": _batch,
    "budget": _count,
    "open_per_mission": _count,
    "open_per_owner": _count,
}
REQUIRING = frozenset(_READERS)
"""Annotations that say what a permit asks for. There is none that asks for less."""
_FIELDS = {"expires": "expires_seconds", "vote_expires": "vote_seconds"}
