"""Observations: the entries of the Explain rail. What they hold is data as the history has it, hostile text included."""

from __future__ import annotations

from enum import StrEnum

from pydantic import AwareDatetime, Field

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
    SUPERSEDED = "superseded"
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
    UNKNOWN = "unknown"
    UNVERIFIED = "unverified"
    """An answer that claims to be the gate's and is not proven to be."""
    ASKED = "asked"
    """An activity without an answer in this history."""
    TROUBLE = "trouble"
    """Something failed, timed out or was cancelled."""
    FINISHED = "finished"
    ENDED = "ended"
    """The run ended otherwise than by its own verdict."""
    EVENT = "event"


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
    """By what they are of: `proposal`, `result`, `head`, `sent`."""
    cause: int | None = None
    """The event it answers: the proposal, for whatever is about one; else the request."""
    judged_by: int | None = None
    """For a decision: the event of the last settlement that judged it."""
    open_seconds: float | None = None
    """For a decision that counted: how long its card was open."""
