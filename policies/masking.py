"""
Masking: what is of a data class leaves as a placeholder, `<pii-1-3f9c2a71>`, and comes back as itself.

Theory of operation. A value is masked where it is a whole leaf of JSON, of any length, and wherever it stands in text, if it
has at least four characters. Text that is JSON, or the beginning of it, is masked leaf by leaf, however it is escaped, and so
is JSON in its strings; in other text a value is also found as JSON would escape it. What overlaps is masked as one, so no rest
of a value is left. Placeholders are numbered in the order in which they first occur: a transcript that only grows keeps its
numbers.

Every placeholder ends with a tag that occurs nowhere in what is masked, decoded or not. So whatever carries the tag in an
answer is a placeholder of ours, and no data can forge one. Nothing else is ever unmasked. Matching is exact: what is
paraphrased, spelled otherwise, shortened or encoded is not found.

Source: docs/decisions/0024-models.md
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property

from pydantic import JsonValue

from policies.classes import Sensitives, is_class, text_of
from policies.finder import MAX_NESTING, STRING, TOKEN, WITHIN, Finder, begun, nested, pieces, read, written

TAG = 8
_HEX = re.compile(rf"(?=([0-9a-f]{{{TAG}}}))")
_UNNAMED = "masked"
"""In the placeholder of a class whose name is none."""


@dataclass
class Masks:
    """The placeholders of one call to a model."""

    finder: Finder
    """Of what is to be masked."""
    tag: str
    counts: dict[str, int] = field(default_factory=dict)
    """How many different values were masked, by class."""
    _names: dict[tuple[str, bool], str] = field(default_factory=dict)
    _clear: dict[str, tuple[str, bool]] = field(default_factory=dict)
    """By placeholder: what it stands for, and whether that is a number, `true` or `false`."""

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
        """*value* with placeholders in its leaves and keys. Raises TooMuchError."""
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
        """*text* with placeholders: leaf by leaf where it is JSON, and neither it nor a piece of it is itself a value."""
        if nesting >= MAX_NESTING or not nested(text) or self.finder.classes(text):
            return self._plain(text)
        if read(text) is not None and not self.finder.pieces_of_json(text):
            return self._tokens.sub(lambda match: self._token(match, nesting, '"'), text)
        # Not JSON after all, cut off, or with a piece that is a value: first as text, then what of it looks like JSON.
        return self._tokens.sub(lambda match: self._token(match, nesting, ""), self._plain(text))

    def unmasked(self, text: str) -> str:
        """*text* of a model with the values in place of their placeholders."""
        if self.tag not in text:
            return text
        return re.sub(self._placeholder, lambda match: self._clear.get(match[0], (match[0], False))[0], text)

    def unmasked_json(self, text: str, nesting: int = 0) -> str:
        """As `unmasked`, for text that is to be JSON: whatever a value holds, it does not end the string that it stands in."""
        return STRING.sub(lambda match: self._untoken(match, nesting), text) if self.tag in text else text

    def _token(self, match: re.Match[str], nesting: int, quote: str) -> str:
        if match["ours"] is not None:
            return match[0]
        if match["string"] is None and match["open"] is None:
            value = text_of(read(match[0]))
            known = value is not None and self.finder.classes(value)
            return f"{quote}{self._name(match[0], value, literal=True)}{quote}" if known and value is not None else match[0]
        if match["open"] is not None:
            return self._begun(match[0], nesting)
        inner, after = read(match["string"]), match["key"] or ""
        if not isinstance(inner, str):
            return self._plain(match["string"]) + after
        masked = self._plain(inner, key=True) if after else self.text(inner, nesting + 1)
        return match[0] if masked == inner else written(masked) + after

    def _begun(self, text: str, nesting: int) -> str:
        """*text*, a string of JSON that was cut off: by what it says, or what is escaped twice in it would not be found."""
        inner = begun(text)
        if inner is None:
            return self._plain(text, cut=True)
        masked = self.text(inner, nesting + 1) if nested(inner) else self._plain(inner, cut=True)
        return text if masked == inner else written(masked)[:-1]

    def _untoken(self, match: re.Match[str], nesting: int) -> str:
        inner, after = read(match["string"] or ""), match["key"] or ""
        if not isinstance(inner, str):
            return match[0]
        clear, literal = self._clear.get(inner, ("", False))
        if literal and not after:
            return clear
        within = nesting < MAX_NESTING and nested(inner) and read(inner) is not None
        said = self.unmasked_json(inner, nesting + 1) if within else self.unmasked(inner)
        return match[0] if said == inner else written(said) + after

    def _plain(self, text: str, *, key: bool = False, cut: bool = False) -> str:
        """
        *text* as text.

        Args:
            key: It is the name of a key: where it is short, nobody's value.
            cut: It ends where something was cut off, perhaps in a value.
        """
        if self.finder.classes(text) and not (key and len(text) < WITHIN):
            return self._name(text, text)
        if self.tag in text:
            # Some of it is masked already, and placeholders stay as they are.
            parts = re.split(f"({self._placeholder})", text)
            return "".join(part if number % 2 else self._stretches(part, cut) for number, part in enumerate(parts))
        return self._stretches(text, cut)

    def _stretches(self, text: str, cut: bool) -> str:
        parts, done = [], 0
        tail = self.finder.tail(text) if cut else None
        for start, end, value in _merged((*self.finder.within(text, longest=True), *([tail] if tail else []))):
            parts += [text[done:start], self._name(text[start:end], value)]
            done = end
        return "".join([*parts, text[done:]])

    @cached_property
    def _tokens(self) -> re.Pattern[str]:
        # A placeholder that stands alone is one thing: what it is made of may look like a number that is somebody's.
        return re.compile(rf"(?P<ours>{self._placeholder})|{TOKEN.pattern}", re.DOTALL)

    @property
    def _placeholder(self) -> str:
        return rf"<[a-z0-9_]+-\d+-{self.tag}>"

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


def withheld(sensitive: Sensitives, allows: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """What of *sensitive* is to be masked where *allows* may be told: a value of two classes is told where both may be."""
    told = frozenset(allows)
    return {data_class: tuple(values) for data_class, values in sensitive.items() if data_class not in told}


def _merged(found: Iterable[tuple[int, int, str]]) -> Iterator[tuple[int, int, str]]:
    """Stretches of *found* that overlap, as one."""
    current: tuple[int, int, str] | None = None
    for start, end, value in sorted(found, key=lambda each: (each[0], -each[1])):
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
