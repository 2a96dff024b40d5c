"""Observations: the entries of the Explain rail. What they hold is data as the history has it, hostile text included."""

from __future__ import annotations

from enum import StrEnum

from pydantic import AwareDatetime, Field, field_validator

from policies.canonical import Digest
from policies.model import Recorded
from policies.requirement import Assurance


class ObservationKind(StrEnum):
    """What an observation is about. `event` is what this version has no word for; it is shown as itself."""

    STARTED = "started"
    READ = "read"
    REASONED = "reasoned"
    OBSERVED = "observed"
    PROPOSED = "proposed"
    RECEIVED = "received"
    """A decision that no settlement has judged yet."""
    DECIDED = "decided"
    """A decision that counted."""
    REFUSED = "refused"
    """An action that was not even proposed, or a decision that did not count."""
    USED = "used"
    """The gate took the one use of a proposal and was about to send."""
    PENDING = "pending"
    DENIED = "denied"
    EXPIRED = "expired"
    AMENDED = "amended"
    """An amendment superseded a proposal; what takes its place needs its own say-so."""
    REVOKED = "revoked"
    WITHDRAWN = "withdrawn"
    ANSWERED = "answered"
    """People said what became of an action whose outcome was unknown."""
    ESCALATED = "escalated"
    """Time passed, and further groups are asked."""
    LATE = "late"
    """A decision after the use was taken: it is recorded, and stops nothing that was sent."""
    COMMITTED = "committed"
    NOT_SENT = "not_sent"
    FROZEN = "frozen"
    """Not sent, because everything is frozen; the approval stands."""
    UNKNOWN = "unknown"
    UNVERIFIED = "unverified"
    """An answer that claims to be the gate's and is not proven to be."""
    ASKED = "asked"
    """An activity without an answer in this history, or the mission's own request to withdraw."""
    TROUBLE = "trouble"
    """Something failed, timed out or was cancelled."""
    FINISHED = "finished"
    ENDED = "ended"
    """The run ended otherwise than by its own verdict."""
    EVENT = "event"


class Mark(StrEnum):
    """What a reader must know about an observation before its words."""

    SEALED = "sealed"
    """Some of the event's contents could not be opened here."""
    UNKNOWN_FIELDS = "unknown fields"
    """The event holds fields that this version does not know. Nothing after it is proven: update sayso."""
    UNSOUND = "unsound"
    """It, or an event before it, is none that a Temporal server writes in this place. Nothing from here on is proven."""


class Observation(Recorded):
    """One entry of the rail."""

    event_id: int
    """The event it is read from."""
    at: AwareDatetime
    kind: ObservationKind
    what: str
    """One line for a person. Not escaped: whoever prints it does that."""
    actor: str | None = None
    """Who did it, as far as it is known: a person, a gate, a model, a worker."""
    assurance: Assurance | None = None
    """How sure it is that the actor did it; None where nobody is named."""
    digests: dict[str, Digest] = Field(default_factory=dict)
    """
    By what they are of. `proposal`, `action` (of the first item; `action.1` and so on of those after it), `card`, `receipt`,
    `claim`, `sent`, `input` as the gate makes them; `passage`, `passage.1` and so on: of the knowledge that a read brought;
    `departure`: of the messages that left for a model, as its worker says; `head`: of the trail that was judged, reviewed or
    proposed upon; `request`, `result`: SHA-256 of the bytes in the history.
    """
    cause: int | None = None
    """
    The event it answers: for an outcome the use, for whatever else is about a proposal the proposal, for a withdrawal by the
    mission its request, else the request.
    """
    item: int | None = None
    """Which action of a batch it is about; None where there is one."""
    decisions: tuple[int, ...] = ()
    """For a settlement: the events of the decisions that counted in it."""
    marks: tuple[Mark, ...] = ()
    judged_by: int | None = None
    """For a decision: the event of the last settlement that judged it."""
    open_seconds: float | None = None
    """For a decision that counted: how long its card was open."""

    @field_validator("what", "actor", mode="before")
    @classmethod
    def _unicode(cls, text: str | None) -> str | None:
        # JSON can hold half a character, and no stranger's text may keep an event from the rail.
        return text if text is None or text.isascii() else text.encode("utf-8", "replace").decode()
