"""Requirements compared: several joined into one, today's against a frozen one, and what people still lack to meet one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar

from policies.requirement import Amendable, BatchLimit, Escalation, Requirement, Rule, Total, duration_words

_Place = TypeVar("_Place")
_Filler = TypeVar("_Filler")


def joined(requirements: Iterable[Requirement]) -> Requirement:
    """
    One requirement that meets each of *requirements* (at least one): every rule, highest counts, all exclusions, earliest
    expiry, surest assurance, fewest noes. What eases a requirement stays only where all of them allow it.
    """
    listed = list(requirements)
    return Requirement(
        rules=_rules(rule for requirement in listed for rule in requirement.rules),
        expires_seconds=min(requirement.expires_seconds for requirement in listed),
        assurance=max((requirement.assurance for requirement in listed), key=lambda a: a.rank),
        denies=min(requirement.denies for requirement in listed),
        reason=any(requirement.reason for requirement in listed),
        vote_seconds=_least(requirement.vote_seconds for requirement in listed),
        excludes=tuple(sorted({group for requirement in listed for group in requirement.excludes})),
        amendable=_amendable([requirement.amendable for requirement in listed]),
        batch=_batch([requirement.batch for requirement in listed]),
        budget=_least(requirement.budget for requirement in listed),
        open_per_mission=_least(requirement.open_per_mission for requirement in listed),
        open_per_owner=_least(requirement.open_per_owner for requirement in listed),
    )


def stricter(today: Requirement, frozen: Requirement) -> str | None:
    """
    Why *today* asks for more of an approval than *frozen*, or None.

    What only bounds what may be asked (amendments, batches, open proposals) was asked for already, and is not compared.
    """
    # Where a budget is set, also as both grow beside somebody who is over it.
    pairs = [(today.rules, frozen.rules), (stretched(today.rules), stretched(frozen.rules))]
    for now_asked, then_asked in pairs if today.budget is not None else pairs[:1]:
        filled = matched(_places(now_asked), _places(then_asked), _serves)
        if len(filled) < len(_places(now_asked)):
            return f"policy now asks for {_words(today.rules)}; the proposal was made with {_words(frozen.rules)}"
    if today.expires_seconds < frozen.expires_seconds:
        now, then = duration_words(today.expires_seconds), duration_words(frozen.expires_seconds)
        return f"policy now gives {now}; the proposal was made with {then}"
    if today.assurance.rank > frozen.assurance.rank:
        return f"policy now asks for {today.assurance} decisions; the proposal was made with {frozen.assurance}"
    if today.denies < frozen.denies:
        return f"policy now lets {today.denies} people stop it; the proposal was made with {frozen.denies}"
    if today.reason and not frozen.reason:
        return "policy now asks for a reason; the proposal was made without"
    for what, now_least, then_least in (
        ("an approval holds for at most", today.vote_seconds, frozen.vote_seconds),
        ("a person may approve in an hour at most", today.budget, frozen.budget),
    ):
        if now_least is not None and (then_least is None or now_least < then_least):
            return f"by policy {what} {now_least} now; the proposal was made with {then_least or 'no such bound'}"
    added = sorted(set(today.excludes) - set(frozen.excludes))
    return f"policy now excludes people of {', '.join(added)}" if added else None


def shortfall(
    rules: Sequence[Rule], groups_of: Mapping[str, frozenset[str]], after: Mapping[str, float] | None = None
) -> tuple[str, ...]:
    """
    What *rules* still lack when each person of *groups_of* fills at most one place; empty when all are met.

    A maximum matching of people to places, so that no order of decisions matters.

    Args:
        after: Seconds from the proposal to each person's say-so, for rules that escalate; else 0.
    """
    places, moments = _places(rules), after or {}

    def fits(person: str, place: Rule) -> bool:
        return bool(groups_of[person] & place.groups(moments.get(person, 0)))

    taken = matched(places, sorted(groups_of), fits)
    open_names = [place.name for index, place in enumerate(places) if index not in taken]
    return tuple(f"{open_names.count(name)} of {name}" for name in dict.fromkeys(open_names))


def stretched(rules: Sequence[Rule]) -> tuple[Rule, ...]:
    """*rules* as they are beside somebody over their budget: one more person for each. Joining and comparing keep to that."""
    return tuple(rule.model_copy(update={"count": rule.count + 1}) for rule in rules)


def matched(
    places: Sequence[_Place], fillers: Sequence[_Filler], fits: Callable[[_Filler, _Place], bool]
) -> dict[int, _Filler]:
    """As many *places* (by index) as can be filled at once, each filler in one place at most."""
    taken: dict[int, int] = {}

    def seat(filler: int, seen: set[int]) -> bool:
        for place, wanted in enumerate(places):
            if place in seen or not fits(fillers[filler], wanted):
                continue
            seen.add(place)
            if place not in taken or seat(taken[place], seen):
                taken[place] = filler
                return True
        return False

    for filler in range(len(fillers)):
        seat(filler, set())
    return {place: fillers[filler] for place, filler in taken.items()}


def _places(rules: Sequence[Rule]) -> list[Rule]:
    return [rule for rule in rules for _ in range(rule.count)]


def _serves(then: Rule, now: Rule) -> bool:
    """Whether whoever may fill place *then* may, at every time, fill place *now*."""
    moments = {0, *(step.after_seconds for rule in (then, now) for step in rule.escalations)}
    return all(then.groups(moment) <= now.groups(moment) for moment in moments)


def _words(rules: Sequence[Rule]) -> str:
    return " and ".join(f"{rule.count} of {rule.name}" for rule in rules)


def _rules(rules: Iterable[Rule]) -> tuple[Rule, ...]:
    found: dict[str, Rule] = {}
    for rule in rules:
        known = found.get(rule.name)
        if known is not None:
            rule = rule.model_copy(
                update={"count": max(rule.count, known.count), "escalations": _common(rule.escalations, known.escalations)}
            )
        found[rule.name] = rule
    return tuple(found[name] for name in sorted(found))


def _common(some: Sequence[Escalation], others: Sequence[Escalation]) -> tuple[Escalation, ...]:
    """Groups that both ask in time, at the later of both times."""
    first, second = _earliest(some), _earliest(others)
    late: dict[int, list[str]] = {}
    for group in sorted(first.keys() & second.keys()):
        late.setdefault(max(first[group], second[group]), []).append(group)
    return tuple(Escalation(after_seconds=after, groups=tuple(late[after])) for after in sorted(late))


def _earliest(steps: Sequence[Escalation]) -> dict[str, int]:
    """When each group is asked first."""
    found: dict[str, int] = {}
    for step in steps:
        for group in step.groups:
            found[group] = min(step.after_seconds, found.get(group, step.after_seconds))
    return found


def _amendable(each: Sequence[Sequence[Amendable]]) -> tuple[Amendable, ...]:
    first, *rest = ({entry.path: entry for entry in listed} for listed in each)
    paths = sorted(path for path in first if all(path in other for other in rest))
    return tuple(_narrowed([listed[path] for listed in (first, *rest)]) for path in paths)


def _narrowed(entries: Sequence[Amendable]) -> Amendable:
    lows = [entry.low for entry in entries if entry.low is not None]
    return Amendable(
        path=entries[0].path,
        low=max(lows) if lows else None,
        high=_least(entry.high for entry in entries),
        not_above=any(entry.not_above for entry in entries),
    )


def _batch(limits: Sequence[BatchLimit | None]) -> BatchLimit | None:
    known = [limit for limit in limits if limit is not None]
    if len(known) < len(limits):
        return None
    least: dict[str, int] = {}
    for total in (total for limit in known for total in limit.totals):
        least[total.path] = min(total.most, least.get(total.path, total.most))
    totals = tuple(Total(path=path, most=least[path]) for path in sorted(least))
    return BatchLimit(items=min(limit.items for limit in known), totals=totals)


_Number = TypeVar("_Number", int, int | float)


def _least(values: Iterable[_Number | None]) -> _Number | None:
    known = [value for value in values if value is not None]
    return min(known) if known else None
