"""Amendments: what an approver may change of an action before it is approved, and what becomes of its arguments."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence

from pydantic import JsonValue

from policies.canonical import Digest
from policies.model import Recorded
from policies.requirement import Amendable

MAX_CHANGES = 20


class Amendment(Recorded):
    """A decision that supersedes a proposal by another action, as the gate judged it."""

    event_id: int
    """The decision's event."""
    who: str
    changes: dict[str, JsonValue]
    """New values by path, keys joined by dots."""


class Amends(Recorded):
    """Which proposal a proposal takes the place of, by whose amendment."""

    proposal: Digest
    amendment: Amendment
    before: dict[str, JsonValue]
    """What the changed paths held; a path that was not there is left out."""
    amenders: tuple[str, ...] = ()
    """Everyone who amended it on the way, in order, this amendment's included."""

    @property
    def who(self) -> tuple[str, ...]:
        """Everyone whose change it is."""
        return self.amenders or (self.amendment.who,)


def trouble(
    changes: Mapping[str, JsonValue] | None, arguments: Mapping[str, JsonValue], may: Sequence[Amendable]
) -> str | None:
    """Why *changes* of *arguments* are not an amendment that *may* allows, or None."""
    if not changes:
        return "it changes nothing"
    if len(changes) > MAX_CHANGES:
        return f"it changes {len(changes)} arguments; at most {MAX_CHANGES} at once"
    allowed = {entry.path: entry for entry in may}
    nested = [(path, other) for path in changes for other in changes if other.startswith(f"{path}.")]
    if nested:
        return f"`{nested[0][1]}` is a part of `{nested[0][0]}`: change one of them"
    for path, value in changes.items():
        if path not in allowed:
            return f"`{path}` may not be amended; this proposal allows {', '.join(allowed) or 'nothing'}"
        if not _reachable(arguments, path):
            return f"`{path}` is below something that is no object"
        found = _outside(allowed[path], value, at(arguments, path))
        if found:
            return found
    return "it changes nothing" if applied(arguments, changes) == dict(arguments) else None


def applied(arguments: Mapping[str, JsonValue], changes: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """*arguments* with *changes* made; *changes* are an amendment without trouble."""
    changed = copy.deepcopy(dict(arguments))
    for path, value in changes.items():
        *above, last = path.split(".")
        place: dict[str, JsonValue] = changed
        for key in above:
            inner = place[key]
            place = inner if isinstance(inner, dict) else {}
        place[last] = value
    return changed


def at(arguments: Mapping[str, JsonValue], path: str) -> JsonValue:
    """What stands at *path*; None where nothing does."""
    value: JsonValue = dict(arguments)
    for key in path.split("."):
        value = value.get(key) if isinstance(value, dict) else None
    return value


def before(arguments: Mapping[str, JsonValue], changes: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """What the paths of *changes* hold in *arguments*."""
    return {path: at(arguments, path) for path in changes if at(arguments, path) is not None}


def _reachable(arguments: Mapping[str, JsonValue], path: str) -> bool:
    *above, _ = path.split(".")
    return not above or isinstance(at(arguments, ".".join(above)), dict)


def _outside(allowed: Amendable, value: JsonValue, proposed: JsonValue) -> str | None:
    """Why *value* is not within the bounds, or None."""
    if allowed.low is None and allowed.high is None and not allowed.not_above:
        return None
    if not _is_number(value):
        return f"`{allowed.path}` has bounds, and the new value is no number"
    if allowed.not_above and not (_is_number(proposed) and value <= proposed):  # type: ignore[operator]
        return f"`{allowed.path}` may not be above what was proposed"
    low = allowed.low is None or value >= allowed.low  # type: ignore[operator]
    high = allowed.high is None or value <= allowed.high  # type: ignore[operator]
    return None if low and high else f"`{allowed.path}` must be within {allowed.words().partition(': ')[2]}"


def _is_number(value: JsonValue) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
