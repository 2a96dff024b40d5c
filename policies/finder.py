"""Finds values in JSON and in text: as whole leaves, within text, and in JSON that is in strings of JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from pydantic import JsonValue

from policies.classes import Sensitives, meant, text_of
from policies.classes import written as as_value
from policies.errors import PolicyError

WITHIN = 4
"""Characters that a value has at least, to be looked for within text."""
MAX_NESTING = 8
"""JSON in strings of JSON is followed so deep."""
# A string that never ends is matched whole too, or each quote in it would be tried as a beginning.
_STRING = r'(?P<string>"[^"\\]*(?:\\.[^"\\]*)*")(?P<key>\s*:)?|(?P<open>".*)'
STRING = re.compile(_STRING, re.DOTALL)
"""A string of JSON; `key` where it names one, `open` where it was cut off."""
TOKEN = re.compile(rf"{_STRING}|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false", re.DOTALL)
"""Also the other values that are no list and no object."""
_PARTED = re.compile(r"(?<!\\)((?:\\\\)*)\\(?:u[0-9a-fA-F]{0,3})?\Z")
"""An escape that was cut in two, at the end of what was cut off."""

MOST = 20_000_000
"""Comparisons of one finder: seconds. Only values that were made for it need more."""


class TooMuchError(PolicyError):
    """There is more to compare than a finder compares. What was not looked for may be there."""


class Finder:
    """Finds values. Its work grows with the text, and hardly with the number of values."""

    def __init__(self, sensitive: Sensitives, most: int = MOST) -> None:
        """
        Args:
            most: Comparisons, over all that is asked of it.
        """
        self._left = most
        self._exact: dict[str, dict[str, None]] = {}
        """The classes of each value."""
        self._spelled: dict[str, str] = {}
        self._lengths: dict[str, list[int]] = {}
        """By their beginning, how long values are; longest first."""
        for data_class in sorted(sensitive):
            for value in filter(None, sensitive[data_class]):
                for spelled in meant(value):
                    self._exact.setdefault(spelled, {})[data_class] = None
        for value in self._exact:
            for spelled in sorted(_spellings(value)) if len(value) >= WITHIN else ():
                self._spelled.setdefault(spelled, value)
                lengths = self._lengths.setdefault(spelled[:WITHIN], [])
                if len(spelled) not in lengths:
                    lengths.append(len(spelled))
        for lengths in self._lengths.values():
            lengths.sort(reverse=True)
        self._json = any(value[0] in "{[" for value in self._exact)

    def classes(self, value: str) -> tuple[str, ...]:
        """Of the whole *value*; empty where it is none."""
        return tuple(self._exact.get(value, ()))

    def within(self, text: str, *, longest: bool = False) -> Iterator[tuple[int, int, str]]:
        """
        Every value in *text* with where it begins and ends, by beginning, longest first.

        Args:
            longest: Only the longest of those with one beginning.

        Raises:
            TooMuchError: It would take too long.
        """
        if not self._lengths:
            return
        for start in range(len(text) - WITHIN + 1):
            lengths = self._lengths.get(text[start : start + WITHIN])
            for length in lengths or ():
                self._left -= 1
                value = self._spelled.get(text[start : start + length])
                if value is not None:
                    yield start, start + length, value
                    if longest:
                        break
            if self._left < 0:
                raise TooMuchError("there are too many values of a data class to look for")

    def tail(self, text: str) -> tuple[int, int, str] | None:
        """The beginning of a value that *text*, which was cut, ends with; the longest."""
        longest = max((lengths[0] for lengths in self._lengths.values()), default=0)
        for start in range(max(0, len(text) - longest + 1), len(text) - WITHIN + 1):
            rest = text[start:]
            if rest[:WITHIN] in self._lengths:
                found = next((value for spelled, value in self._spelled.items() if spelled.startswith(rest)), None)
                if found is not None:
                    return start, len(text), found
        return None

    def pieces_of_json(self, text: str) -> bool:
        """Whether a value in *text* is an object or a list, as JSON writes it. Raises TooMuchError."""
        return self._json and any(value[0] in "{[" for _, _, value in self.within(text))

    def occurring(self, value: JsonValue) -> dict[str, tuple[str, ...]]:
        """The values, by class, that occur anywhere in *value*. Raises TooMuchError."""
        found: dict[str, dict[str, None]] = {}
        for piece in pieces(value):
            whole = [piece] if piece in self._exact else []
            for each in (*whole, *(one for _, _, one in self.within(piece))):
                for data_class in self._exact[each]:
                    found.setdefault(data_class, {})[as_value(each)] = None
        return {data_class: tuple(found[data_class]) for data_class in sorted(found)}


def pieces(value: JsonValue) -> Iterator[str]:
    """Every text that a reader of *value* may read in it: leaves, keys, and those of JSON that is in strings."""
    match value:
        case dict():
            for key, item in value.items():
                yield key
                yield from pieces(item)
        case list():
            for item in value:
                yield from pieces(item)
        case str():
            yield from _within(value)
        case _:
            text = text_of(value)
            if text is not None:
                yield text


def _within(text: str, nesting: int = 0) -> Iterator[str]:
    yield text
    if nesting >= MAX_NESTING or not nested(text):
        return
    for match in TOKEN.finditer(text):
        inner = begun(match["open"]) if match["open"] else read(match["string"] or match[0])
        if isinstance(inner, str):
            yield from _within(inner, nesting + 1)
        else:
            yield text_of(inner) or ""


def nested(text: str) -> bool:
    """Whether *text* is a JSON object or list, or the beginning of one."""
    return text.lstrip(" \t\r\n")[:1] in ("{", "[")


def read(text: str) -> JsonValue:
    """The JSON in *text*; None where there is none."""
    try:
        value: JsonValue = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value


def begun(text: str) -> str | None:
    """What *text*, a string of JSON that was cut off, says as far as it goes; None where it is none."""
    value = read(_PARTED.sub(r"\1", text) + '"')
    return value if isinstance(value, str) else None


def written(text: str) -> str:
    """*text* as a string of JSON; half a character only escaped."""
    found = json.dumps(text, ensure_ascii=False)
    return found if found.isascii() or not re.search("[\ud800-\udfff]", found) else json.dumps(text)


def _spellings(value: str) -> set[str]:
    """*value*, and as JSON writes it in a string."""
    return {value, json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1]}
