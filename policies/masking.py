"""
Masking: what is of a data class leaves as a placeholder, `<pii-1-3f9c2a71>`, and comes back as itself.

Theory of operation. A value is masked where it is a whole leaf of JSON, of any length, and wherever it stands in text, if it
has at least four characters. Text that is JSON is masked leaf by leaf, however it is escaped, and so is JSON in its strings;
in other text a value is also found as JSON would escape it. What overlaps is masked as one, so no rest of a value is left.
Placeholders are numbered in the order in which they first occur: a transcript that only grows keeps its numbers.

Every placeholder ends with a tag that occurs nowhere in what is masked, decoded or not. So whatever carries the tag in an
answer is a placeholder of ours, and no data can forge one. Nothing else is ever unmasked. Matching is exact: what is
paraphrased, spelled otherwise or encoded is not found.

Source: docs/decisions/0024-models.md
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from pydantic import JsonValue

from policies.classes import Sensitives, is_class, text_of

WITHIN = 4
"""Characters that a value has at least, to be looked for within text."""
MAX_NESTING = 8
"""JSON in strings of JSON is followed so deep."""
TAG = 8
_TOKEN = re.compile(
    r'(?P<string>"[^"\\]*(?:\\.[^"\\]*)*")(?P<key>\s*:)?|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false', re.DOTALL
)
_STRING = re.compile(r'(?P<string>"[^"\\]*(?:\\.[^"\\]*)*")(?P<key>\s*:)?', re.DOTALL)
_HEX = re.compile(rf"(?=([0-9a-f]{{{TAG}}}))")
_UNNAMED = "masked"


class Finder:
    """Finds values in text. Its work grows with the text, not with the number of values."""

    def __init__(self, sensitive: Sensitives) -> None:
        self._exact: dict[str, dict[str, None]] = {}
        self._spelled: dict[str, str] = {}
        self._lengths: dict[str, list[int]] = {}
        for data_class in sorted(sensitive):
            for value in filter(None, sensitive[data_class]):
                self._exact.setdefault(value, {})[data_class] = None
        for value in self._exact:
            for spelled in _spellings(value) if len(value) >= WITHIN else ():
                self._spelled.setdefault(spelled, value)
                lengths = self._lengths.setdefault(spelled[:WITHIN], [])
                if len(spelled) not in lengths:
                    lengths.append(len(spelled))
        for lengths in self._lengths.values():
            lengths.sort(reverse=True)

    def classes(self, value: str) -> tuple[str, ...]:
        """Of the whole *value*; empty where it is none."""
        return tuple(self._exact.get(value, ()))

    def pieces_of_json(self, text: str) -> bool:
        """Whether a value in *text* is an object or a list, as JSON writes it."""
        return any(value[0] in "{[" for value in self._exact) and any(value[0] in "{[" for _, _, value in self.within(text))

    def within(self, text: str) -> Iterator[tuple[int, int, str]]:
        """Every value in *text* with where it begins and ends, by beginning, longest first."""
        if not self._lengths:
            return
        for start in range(len(text) - WITHIN + 1):
            for length in self._lengths.get(text[start : start + WITHIN], ()):
                value = self._spelled.get(text[start : start + length])
                if value is not None:
                    yield start, start + length, value

    def occurring(self, value: JsonValue) -> dict[str, tuple[str, ...]]:
        """The values, by class, that occur anywhere in *value*."""
        found: dict[str, dict[str, None]] = {}
        for piece in pieces(value):
            whole = [piece] if piece in self._exact else []
            for each in (*whole, *(one for _, _, one in self.within(piece))):
                for data_class in self._exact[each]:
                    found.setdefault(data_class, {})[each] = None
        return {data_class: tuple(found[data_class]) for data_class in sorted(found)}


@dataclass
class Masks:
    """The placeholders of one call to a model."""

    finder: Finder
    """Of what is to be masked."""
    tag: str
    _names: dict[tuple[str, bool], str] = field(default_factory=dict)
    _clear: dict[str, tuple[str, bool]] = field(default_factory=dict)
    """By placeholder: what it stands for, and whether that is a number, `true` or `false`."""
    counts: dict[str, int] = field(default_factory=dict)
    """How many different values were masked, by class."""

    @classmethod
    def over(cls, sensitive: Sensitives, everything: JsonValue, seed: str) -> Masks:
        """
        Masks for *everything* that will be masked with them.

        Args:
            sensitive: What may not be told.
            seed: One for all turns of a mission, so that its placeholders look alike.
        """
        return cls(Finder(sensitive), _tag(seed, [everything, {name: list(values) for name, values in sensitive.items()}]))

    def masked(self, value: JsonValue) -> JsonValue:
        """*value* with placeholders in its leaves and keys."""
        match value:
            case dict():
                return {self._plain(key, key=True): self.masked(item) for key, item in value.items()}
            case list():
                return [self.masked(item) for item in value]
            case str():
                return self.text(value)
        text = text_of(value)
        return value if text is None or not self.finder.classes(text) else self._name(text, text, literal=True)

    def text(self, text: str, nesting: int = 0) -> str:
        """*text* with placeholders: leaf by leaf where it is JSON, and no value is itself a piece of it."""
        if nesting < MAX_NESTING and _structured(text) and not self.finder.pieces_of_json(text):
            return _TOKEN.sub(lambda match: self._token(match, nesting), text)
        return self._plain(text)

    def unmasked(self, text: str) -> str:
        """*text* of a model with the values in place of their placeholders."""
        return self._placeholders.sub(lambda match: self._clear.get(match[0], (match[0],))[0], text)

    def unmasked_json(self, text: str, nesting: int = 0) -> str:
        """As `unmasked`, for text that is to be JSON: whatever a value holds, it does not end the string that it stands in."""
        return _STRING.sub(lambda match: self._untoken(match, nesting), text) if self.tag in text else text

    @property
    def _placeholders(self) -> re.Pattern[str]:
        return re.compile(rf"<[a-z0-9_]+-\d+-{self.tag}>")

    def _token(self, match: re.Match[str], nesting: int) -> str:
        token, after = match["string"], match["key"] or ""
        if token is None:
            value = text_of(json.loads(match[0]))
            known = value is not None and self.finder.classes(value)
            return f'"{self._name(match[0], value, literal=True)}"' if known and value is not None else match[0]
        inner = json.loads(token)
        masked = self._plain(inner, key=True) if after else self.text(inner, nesting + 1)
        return match[0] if masked == inner else _written(masked) + after

    def _untoken(self, match: re.Match[str], nesting: int) -> str:
        token, after = match["string"], match["key"] or ""
        try:
            inner = json.loads(token)
        except ValueError:
            return match[0]
        clear, literal = self._clear.get(inner, ("", False))
        if literal and not after:
            return clear
        nested = nesting < MAX_NESTING and _structured(inner)
        said = self.unmasked_json(inner, nesting + 1) if nested else self.unmasked(inner)
        return match[0] if said == inner else _written(said) + after

    def _plain(self, text: str, key: bool = False) -> str:
        """*text* as it is; a short value that is the name of a key is none of anybody's."""
        if self.finder.classes(text) and not (key and len(text) < WITHIN):
            return self._name(text, text)
        parts, done = [], 0
        for start, end, value in _merged(self.finder.within(text)):
            parts += [text[done:start], self._name(text[start:end], value)]
            done = end
        return "".join([*parts, text[done:]])

    def _name(self, clear: str, value: str, literal: bool = False) -> str:
        """The placeholder for *clear*, which is of the class of *value*."""
        known = self._names.get((clear, literal))
        if known is not None:
            return known
        data_class = self.finder.classes(value)[0]
        self.counts[data_class] = self.counts.get(data_class, 0) + 1
        name = f"<{data_class if is_class(data_class) else _UNNAMED}-{len(self._names) + 1}-{self.tag}>"
        self._names[clear, literal], self._clear[name] = name, (clear, literal)
        return name


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
            yield from _read(value)
        case _:
            text = text_of(value)
            if text is not None:
                yield text


def _read(text: str, nesting: int = 0) -> Iterator[str]:
    yield text
    if nesting >= MAX_NESTING or not _structured(text):
        return
    for match in _TOKEN.finditer(text):
        inner = json.loads(match["string"] or match[0])
        if isinstance(inner, str):
            yield from _read(inner, nesting + 1)
        else:
            yield text_of(inner) or ""


def _structured(text: str) -> bool:
    """Whether *text* is a JSON object or list."""
    if not text.lstrip().startswith(("{", "[")):
        return False
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _spellings(value: str) -> set[str]:
    """*value*, and as JSON writes it in a string."""
    return {value, json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1]}


def _written(text: str) -> str:
    """*text* as a string of JSON; half a character only escaped."""
    written = json.dumps(text, ensure_ascii=False)
    return written if written.isascii() or not re.search("[\ud800-\udfff]", written) else json.dumps(text)


def _merged(found: Iterable[tuple[int, int, str]]) -> Iterator[tuple[int, int, str]]:
    """Stretches of *found* that overlap, as one."""
    current: tuple[int, int, str] | None = None
    for start, end, value in found:
        if current is not None and start < current[1]:
            current = (current[0], max(end, current[1]), current[2])
            continue
        if current is not None:
            yield current
        current = (start, end, value)
    if current is not None:
        yield current


def _tag(seed: str, everything: JsonValue) -> str:
    """The first tag of *seed* that occurs nowhere in *everything*."""
    there = {match[1] for piece in pieces(everything) for match in _HEX.finditer(piece)}
    number = 0
    while True:
        tag = hashlib.sha256(f"sayso:placeholder:v1\n{seed}\n{number}".encode("utf-8", "replace")).hexdigest()[:TAG]
        if tag not in there:
            return tag
        number += 1


def withheld(sensitive: Sensitives, allows: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """What of *sensitive* is to be masked where *allows* may be told: a value of two classes is told where both may be."""
    told = frozenset(allows)
    return {data_class: tuple(values) for data_class, values in sensitive.items() if data_class not in told}
