"""
Values that are looked for, and one pass over somebody's JSON that finds where they stand.

Numbers are equal as their canonical forms are (`42.0` is `42`); nothing else is equal to anything of another type. Within a
longer text only what has at least four characters is found, and only as a word of its own: `ORD-2001` is not in `ORD-20011`,
`pay@shop.example` not in `pay@shop.example.evil`, and 4200 not in `4200.50`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from pydantic import JsonValue

from policies.canonical import canonical

MIN_TEXT = 4
"""Characters; what is shorter stands within any text."""
MAX_WORK = 48 * 1024 * 1024
"""
In characters: a text costs its length for each value that is looked for within it, and what else there is to do costs as long
as so many characters would. A quarter of a second, about.
"""
_LEAF = 256
_COMPARISON = 64

Link = tuple["Link | None", str | int]
"""The last part of a path, after the rest of it."""


@dataclass(frozen=True)
class Sought:
    """One value of the arguments, at every place there that has it."""

    value: str | int | float | bool | None
    kind: str
    """Keeps `true` from being 1."""
    name: str = ""
    """The key that must hold it; empty where any may."""


@dataclass(frozen=True)
class Spot:
    """Where a value stands in the JSON that was searched."""

    at: tuple[str | int, ...]
    within: bool


class _Word(NamedTuple):
    """What must stand around a word for it to be one of its own."""

    before: re.Pattern[str]
    after: re.Pattern[str]


class Search:
    """What is looked for, and how much of the work is left."""

    def __init__(self, wanted: Iterable[Sought], work: int = MAX_WORK) -> None:
        self._tables: dict[type, dict[object, list[Sought]]] = {}
        self._needles: dict[Sought, tuple[str, _Word]] = {}
        self._work = work
        for each in dict.fromkeys(wanted):
            for kind in (int, float) if each.kind == _NUMBER else (type(each.value),):
                self._tables.setdefault(kind, {}).setdefault(each.value, []).append(each)
            text = str(each.value) if each.kind == _TEXT else canonical(each.value).decode()
            if not each.name and len(text) >= MIN_TEXT:
                self._needles[each] = text, _word(text, number=each.kind == _NUMBER)

    @property
    def exhausted(self) -> bool:
        """Whether not all could be compared."""
        return self._work < 0

    def found(self, value: JsonValue) -> dict[Sought, Spot]:
        """Where in *value* each stands: whole where it does so anywhere, else within a text; the first place of those."""
        whole: dict[Sought, Spot] = {}
        within: dict[Sought, Spot] = {}
        nothing: dict[object, list[Sought]] = {}
        for leaf, link in _walk(value):
            self._work -= _LEAF
            if self._work < 0:
                break
            for each in self._tables.get(type(leaf), nothing).get(leaf, ()):
                if each not in whole and each.name in ("", _name(link)):
                    whole[each] = Spot(_parts(link), within=False)
            if isinstance(leaf, str) and len(leaf) >= MIN_TEXT:
                for each in self._inside(leaf, within):
                    within[each] = Spot(_parts(link), within=True)
        return within | whole

    def _inside(self, text: str, known: Mapping[Sought, Spot]) -> Iterator[Sought]:
        for each, (needle, word) in self._needles.items():
            if self._work < 0:
                return
            if each in known or len(needle) > len(text) or text == each.value:
                continue
            self._work -= len(text) + _COMPARISON
            if self._stands(text, needle, word):
                yield each

    def _stands(self, text: str, needle: str, word: _Word) -> bool:
        """
        Whether *needle* is a word of its own in *text*. Not by one pattern over all: text that repeats itself, and the needle
        with it, would be compared anew at each of its places.
        """
        start = text.find(needle)
        while start >= 0:
            if word.before.match(text, start) and word.after.match(text, start + len(needle)):
                return True
            self._work -= len(needle) + _COMPARISON
            if self._work < 0:
                return False
            start = text.find(needle, start + 1)
        return False


_TEXT, _NUMBER, _CONSTANT = "text", "number", "constant"
_INDICES = re.compile(r"(\[\d+\])+$")


def common(value: JsonValue) -> bool:
    """Whether *value* stands in so many places by chance that finding it tells nothing."""
    match value:
        case str():
            return len(value) < MIN_TEXT
        case bool() | None | dict() | list():
            return True
        case int() | float():
            return float(value).is_integer() and abs(value) < 100
    return False


def sought(path: str, value: JsonValue) -> Sought | None:
    """*value* at *path* of the arguments. A common one counts only where a key of the same name holds it; {} and [] nowhere."""
    name = _INDICES.sub("", path).rpartition(".")[2] if common(value) else ""
    match value:
        case str():
            return Sought(value, _TEXT, name)
        case bool() | None:
            return Sought(value, _CONSTANT, name)
        case int() | float():
            return Sought(value, _NUMBER, name)
    return None


def _word(text: str, *, number: bool) -> _Word:
    joins = r"[-.@/+,']" if number else r"[-.@/+]"
    sign = r"(?<![-+])" if number else ""
    before = rf"(?<!\w)(?<!\w{joins})" if re.match(r"\w|[-+]\d", text) else ""
    after = rf"(?!\w)(?!{joins}\w)" if re.match(r"\w", text[-1]) else ""
    return _Word(re.compile(sign + before), re.compile(after))


def _walk(value: JsonValue) -> Iterator[tuple[JsonValue, Link]]:
    """Every leaf with its path, in order. Not by recursion: strangers nest as deep as a parser lets them."""
    waiting: list[tuple[Iterator[tuple[str | int, JsonValue]], Link | None]] = [(iter([("", value)]), None)]
    while waiting:
        inner, link = waiting[-1]
        for key, item in inner:
            if isinstance(item, dict):
                waiting.append((iter(item.items()), (link, key)))
                break
            if isinstance(item, list):
                waiting.append((iter(enumerate(item)), (link, key)))
                break
            yield item, (link, key)
        else:
            waiting.pop()


def _name(link: Link) -> str:
    """The nearest key above; of an item in a list, the list's."""
    while isinstance(link[1], int) and link[0] is not None:
        link = link[0]
    return str(link[1])


def _parts(link: Link) -> tuple[str | int, ...]:
    """All but the first, which stands for the whole."""
    parts: list[str | int] = []
    while link[0] is not None:
        parts.append(link[1])
        link = link[0]
    return tuple(reversed(parts))
