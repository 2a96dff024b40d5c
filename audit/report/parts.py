"""The parts of a report: data for a page. Text is as the archive has it, unless it is `Shown`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from audit.report.pieces import Row, Shown, Some, Tone, Value, Who
from policies.canonical import Digest

WANTING = ("open", "expired", "withdrawn")
"""Outcomes of a proposal that more say-so could have changed."""


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
    origins: tuple[Row, ...]
    cites: tuple[Row, ...]
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
    def wanting(self) -> bool:
        """Whether it ended, or is open, for want of what it lacked."""
        return bool(self.lacked) and any(outcome.kind in WANTING for outcome in self.outcomes.shown)

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
    flags: tuple[str, ...] = ()
    """What is to be known before the words: sealed, unknown fields, unsound."""
