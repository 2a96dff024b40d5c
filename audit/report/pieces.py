"""What a report's parts are made of: text that says whose it is, values by path, bounded lists, sentences in pieces."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Generic, TypeVar

from approvals.card import Line

_T = TypeVar("_T")


class Shown(str):
    """Text that `approvals.display` has made visible already. A page escapes it for HTML, and no more."""


class Tone(StrEnum):
    """How something ended, for colour and shape. No page tells anything by it alone."""

    GOOD = "good"
    BAD = "bad"
    WARY = "wary"
    """Nobody knows, or nobody said so in time."""
    PLAIN = "plain"


@dataclass(frozen=True)
class Some(Generic[_T]):
    """As many as a page has room for, in order, and how many more there are."""

    shown: tuple[_T, ...]
    more: int

    @classmethod
    def of(cls, things: Iterable[_T], most: int, before: Callable[[_T], bool] | None = None) -> Some[_T]:
        """
        The first *most* of *things*, in their order.

        Args:
            before: Which are kept before the others: a flood of strangers' things must not push them out.
        """
        found = list(things)
        places = range(len(found)) if before is None else sorted(range(len(found)), key=lambda place: not before(found[place]))
        shown = tuple(found[place] for place in sorted(places[:most]))
        return cls(shown, len(found) - len(shown))

    def __bool__(self) -> bool:
        return bool(self.shown)


@dataclass(frozen=True)
class Row:
    """A label and its text, and in our words what of the text is not here."""

    label: Shown
    text: Shown
    left: str = ""

    @classmethod
    def of(cls, line: Line) -> Row:
        """A line of a card."""
        return cls(Shown(line.label), Shown(line.text))


@dataclass(frozen=True)
class Value:
    """A JSON value by path, one row each."""

    rows: tuple[Row, ...]
    left: str = ""
    """In our words, what of it is not here, and where it is."""


@dataclass(frozen=True)
class Who:
    """Somebody, and how sure that is."""

    who: str
    """Id of a person, service or gate; else what somebody says to be. Empty where nobody is named."""
    assurance: str
    """`signed`, `attested`, `claimed`; empty where nobody is named."""
    name: str = ""
    """As the trust file has it."""
    groups: tuple[str, ...] = ()
    """Those of the trust file."""


class Voice(StrEnum):
    """Whose words a piece of a sentence is."""

    OURS = "ours"
    NAME = "name"
    SAID = "said"
    """The archive's: stands in a box of its own, so that it cannot go on in our words."""
    DOUBT = "doubt"


@dataclass(frozen=True)
class Piece:
    """A piece of a sentence."""

    voice: Voice
    text: str

    @property
    def joined(self) -> bool:
        """Whether it goes on right behind the piece before it."""
        return self.voice is Voice.OURS and self.text[:1] in (",", ";", ":", ".")


@dataclass(frozen=True)
class Step:
    """One step of the story."""

    word: str
    tone: Tone
    at: datetime
    event: int
    pieces: tuple[Piece, ...]
