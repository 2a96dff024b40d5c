"""The parts of a report: data for a page. Text is as the archive has it, unless it is `Shown`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Generic, TypeVar

from approvals.card import Line
from policies.canonical import Digest

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


@dataclass(frozen=True)
class MissionPart:
    """The mission run, from its history alone."""

    mission_type: str
    owner: Who
    owner_doubt: str
    on_behalf_of: str
    given: Value
    wanted: str
    """The input on one line."""
    began_at: datetime
    last_at: datetime
    closed: bool
    ending: str
    """How it ended, or that it had not."""
    ended_by: Who
    events: int
    sealed: int
    """Events that could not be opened."""
    notes: tuple[str, ...]


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


@dataclass(frozen=True)
class DecisionPart:
    """What somebody said, and what it was worth."""

    event: int
    at: datetime
    proposal: Digest | None
    by: Who
    verdict: str
    reason: str
    key: str
    """Id of the key that signed it; empty where none did."""
    open_seconds: float | None
    standing: str
    """`counted`, `did not count`, `late`, `not judged`."""
    tone: Tone
    refused: tuple[str, ...]
    changes: Value | None
    judged_by: int | None
    doubt: str
    """Why the judgement itself is not proven to be the gate's."""

    @property
    def counts(self) -> bool:
        """Whether the gate counted it, in time or late."""
        return self.judged_by is not None and not self.refused


@dataclass(frozen=True)
class Outcome:
    """How one item of a proposal ended."""

    item: int
    kind: str
    tone: Tone
    words: str
    event: int | None
    at: datetime | None
    doubt: str


@dataclass(frozen=True)
class ProposalPart:
    """A proposal with its card as shown, and what became of it."""

    digest: Digest
    event: int
    at: datetime
    key: str
    doubt: str
    operations: tuple[str, ...]
    inline: str
    """The arguments on one line."""
    needs: str
    title: Shown
    facts: tuple[Row, ...]
    heading: str
    arguments: tuple[Row, ...]
    seen: tuple[Row, ...]
    untrusted: tuple[Shown, ...]
    card: Digest
    card_trouble: str
    bundle: Digest
    lacked: tuple[str, ...]
    outcomes: Some[Outcome]
    decisions: Some[DecisionPart]
    asks_about: Digest | None
    amends: Digest | None

    @property
    def ended(self) -> Outcome | None:
        """Where it ended as a whole, the last of its items; None while something is open."""
        ends = [outcome for outcome in self.outcomes.shown if outcome.at is not None]
        return max(ends, key=lambda outcome: outcome.event or 0) if len(ends) == len(self.outcomes.shown) and ends else None


@dataclass(frozen=True)
class ReadPart:
    """One read, or one answer of a model."""

    event: int
    asked_at: datetime
    at: datetime
    what: str
    """The operation, or the purpose."""
    model: str
    """Which model answered, in words; empty for a read."""
    asked: Value
    by: Who
    failed: bool
    sealed: bool
    answer: Value
    digest: Digest
    size: int


@dataclass(frozen=True)
class Work:
    """An activity by the time it took."""

    event: int
    asked_at: datetime
    at: datetime
    what: str


@dataclass(frozen=True)
class UsePart:
    """The one use of an item, as announced."""

    proposal: Digest
    item: int
    event: int
    at: datetime
    key: str
    head: int
    doubt: str
    archived: str
    """What the archive holds of the use's own workflow."""


@dataclass(frozen=True)
class ReceiptPart:
    """What a gate says it sent, and what came back."""

    digest: Digest
    proposal: Digest
    item: int
    operation: str
    sent: Digest
    idempotency_key: str
    admitted: int
    head: Digest
    key: str
    failed: bool
    result: Value
    inline: str
    at: datetime
    places: tuple[str, ...]
    """Where it is recorded."""
    doubt: str


@dataclass(frozen=True)
class Word:
    """Anything else that is told in one line: a refusal, a freeze, an observation, an event of the rail."""

    event: int
    at: datetime
    kind: str
    by: Who
    what: str
    left: str = ""
    doubt: str = ""
