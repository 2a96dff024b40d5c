"""
Mutations of a history: at every event, every value changed and every field left out; the event dropped, doubled, swapped with
the next; the history cut off. Numbers are made to fit again, or not. Deterministic.
"""

from __future__ import annotations

import base64
import copy
import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from tests.audit.attacker import Event

Path = tuple[str | int, ...]
INSIDE = "»"
"""Stands in a path where it goes into the JSON that a payload holds."""
_DURATION = re.compile(r"(\d+)(\.\d+)?s")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT")
_ENUM = re.compile(r"[A-Z][A-Z0-9]+(_[A-Z0-9]+)+")


@dataclass(frozen=True)
class Mutant:
    """A changed history."""

    kind: str
    event: int
    """The first event that is not what it was."""
    path: Path
    """Where in the event; empty where whole events were moved."""
    events: list[Event]

    @property
    def name(self) -> str:
        """What was done, for a person."""
        return f"{self.kind} at event {self.event} {'.'.join(map(str, self.path))}".rstrip()


def structural(events: Sequence[Event]) -> Iterator[Mutant]:
    """Events dropped, doubled, swapped and cut off, at every position."""
    whole = list(events)
    for index in range(len(whole)):
        position = index + 1
        yield Mutant("drop", position, (), whole[:index] + whole[position:])
        yield Mutant("drop and renumber", position, (), renumbered(whole[:index] + whole[position:], position, -1))
        yield Mutant("double", position + 1, (), renumbered(whole[:position] + whole[index:], position + 1, 1, since=position))
        if position < len(whole):
            yield Mutant("swap", position, (), _swapped(whole, index))
            yield Mutant("truncate", position + 1, (), whole[:position])
            yield Mutant("truncate and end", position + 1, (), [*whole[:position], _ending(whole, position + 1)])
            first = _told(whole)
            if first is not None and first != index:
                moved = [*whole[:position], whole[first], *whole[position:]]
                yield Mutant(
                    "insert a copy of a signal", position + 1, (), renumbered(moved, position + 1, 1, since=position + 1)
                )


def edits(events: Sequence[Event]) -> Iterator[Mutant]:
    """Every value of every event changed, and every field left out."""
    for index, event in enumerate(events):
        for path, change in _places(event):
            changed = copy.deepcopy(event)
            kind = change(changed)
            if kind is not None:
                yield Mutant(kind, index + 1, path, [*events[:index], changed, *events[index + 1 :]])


def renumbered(events: Sequence[Event], first: int, by: int, since: int | None = None) -> list[Event]:
    """*events* numbered from 1, with what refers to an event from *first* on shifted by *by*; copies from place *since* on."""
    found = []
    for index, event in enumerate(events):
        fixed = copy.deepcopy(event)
        if since is None or index >= since:
            _shift(fixed, first - by if by < 0 else first - 1, by)
        fixed["eventId"] = str(index + 1)
        found.append(fixed)
    return found


def _shift(node: Any, beyond: int, by: int) -> None:
    match node:
        case dict():
            for key, value in node.items():
                refers = key.endswith("EventId") and key != "eventId" and isinstance(value, str) and value.isdigit()
                if refers and int(value) > beyond:
                    node[key] = str(int(value) + by)
                else:
                    _shift(value, beyond, by)
        case list():
            for item in node:
                _shift(item, beyond, by)


def _swapped(events: list[Event], index: int) -> list[Event]:
    one, two = copy.deepcopy(events[index]), copy.deepcopy(events[index + 1])
    one["eventId"], two["eventId"] = two["eventId"], one["eventId"]
    return [*events[:index], two, one, *events[index + 2 :]]


def _ending(events: list[Event], number: int) -> Event:
    """The history's own last event in another place."""
    return {**copy.deepcopy(events[-1]), "eventId": str(number)}


def _told(events: list[Event]) -> int | None:
    kinds = [event["eventType"] for event in events]
    return kinds.index("EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED") if "EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED" in kinds else None


Change = Callable[[Event], str | None]


def _places(event: Event) -> Iterator[tuple[Path, Change]]:
    """Every place in *event*, with what changes a copy of it there."""
    for path, value in _leaves(event, ()):
        yield path, _editing(path)
        yield path, _dropping(path)
        if path[-1] == "data" and isinstance(value, str):
            inside = _json(value)
            for inner, _ in _leaves(inside, ()) if inside is not None else ():
                yield (*path, INSIDE, *inner), _editing_inside(path, inner)


def _leaves(node: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    match node:
        case dict():
            for key in sorted(node):
                yield from _leaves(node[key], (*path, key))
        case list():
            for index, item in enumerate(node):
                yield from _leaves(item, (*path, index))
        case _:
            yield path, node


def _editing(path: Path) -> Change:
    def change(event: Event) -> str | None:
        holder, key = _at(event, path)
        new = _other(path, holder[key])
        if new == holder[key]:
            return None
        holder[key] = new
        return "edit"

    return change


def _dropping(path: Path) -> Change:
    def change(event: Event) -> str | None:
        holder, key = _at(event, path)
        del holder[key]
        return "leave out"

    return change


def _editing_inside(path: Path, inner: Path) -> Change:
    def change(event: Event) -> str | None:
        holder, key = _at(event, path)
        content = _json(holder[key])
        if inner:
            inside, last = _at(content, inner)
            inside[last] = _value(inside[last])
        else:
            content = _value(content)
        holder[key] = base64.b64encode(json.dumps(content).encode()).decode()
        return "edit"

    return change


def _at(node: Any, path: Path) -> tuple[Any, Any]:
    for key in path[:-1]:
        node = node[key]
    return node, path[-1]


def _json(data: str) -> Any:
    try:
        return json.loads(base64.b64decode(data))
    except ValueError:
        return None


def _other(path: Path, value: Any) -> Any:
    """Another value of the same form as *value*."""
    match value:
        case str() if path[-1] == "data" or "metadata" in path:
            return base64.b64encode(base64.b64decode(value)[:-1] + b"!").decode()
        case str() if _TIME.match(value):
            return ("2" if value[0] == "1" else "2027" if value[:4] == "2026" else "2026") + value[4:]
        case str() if found := _DURATION.fullmatch(value):
            return f"{int(found[1]) + 1}s"
        case str() if value.isdigit():
            return str(int(value) + 1)
        case str() if _ENUM.fullmatch(value):
            return 2
        case _:
            return _value(value)


def _value(value: Any) -> Any:
    match value:
        case bool():
            return not value
        case int() | float():
            return value + 1
        case str():
            return _text(value)
        case None:
            return "x"
        case _:
            return value


def _text(value: str) -> str:
    """Another text: of a signature or a digest another one of the same form."""
    if value.count(".") == 2 and len(value) > 100:
        head, body, signature = value.split(".")
        return f"{head}.{body}.{'B' if signature[:1] == 'A' else 'A'}{signature[1:]}"
    if re.fullmatch(r"[0-9a-f]{64}", value):
        return ("0" if value[0] != "0" else "1") + value[1:]
    if _TIME.match(value):
        return ("2027" if value[:4] == "2026" else "2026") + value[4:]
    return value + "x"
