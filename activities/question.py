"""What is asked of a model, and its answer: the input and the result of the activity `reason`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, JsonValue

from activities.dialogue import Dialogue, ToolCall, TranscriptRef
from policies.canonical import Digest
from policies.model import Recorded


class ReasonRequest(Recorded):
    """
    A question: the purpose names the prompt file, the inputs are data, the schema is the answer's shape.

    With a dialogue the model answers with text or tool calls, and the schema is not used.
    """

    purpose: str
    inputs: dict[str, JsonValue]
    result_schema: dict[str, JsonValue]
    sensitive: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """The values in `inputs` that are of a data class, by class; never sent where the route does not allow the class."""
    fallback: int = Field(default=0, ge=0)
    """Which of the route's models: 0 is its first, and each further one its next fallback."""
    dialogue: Dialogue | None = None


class Usage(Recorded):
    """What one answer cost, as its provider counted and the route's prices say."""

    input_tokens: int = 0
    output_tokens: int = 0
    cost_micros: int = 0
    """Millionths of the currency of `models.yaml`; 0 where the route has no prices."""


class Departure(Recorded):
    """What left for a model, and where to. Its content is in the history, masked as said here."""

    place: str
    """The endpoint; empty where the provider's own place is meant."""
    perimeter: Literal["inside", "outside"]
    digest: Digest
    """SHA-256 of the messages as they were sent, in canonical form."""
    masked: dict[str, int] = Field(default_factory=dict)
    """How many different values were masked, by data class."""


class Setback(Recorded):
    """What the activity `reason` tells beside an error's words."""

    fallbacks: int = 0
    """How many further models the route has."""
    departure: Departure | None = None
    """What left before it failed; None where nothing did."""


class Reasoned(Recorded):
    """A model's answer. Untrusted, whatever it says."""

    purpose: str
    model: str
    rule_based: bool
    """No model was asked: rules of ours answered in its place."""
    result: JsonValue
    """Of the shape asked for; None in a dialogue."""
    text: str = ""
    """In a dialogue: what the model says."""
    calls: tuple[ToolCall, ...] = ()
    """In a dialogue: what it asks for; none is its last word."""
    unread: int = 0
    """In a dialogue: how many further calls it made, beyond what is read of one answer."""
    transcript: TranscriptRef | None = None
    """In a dialogue: all that was said, this answer included."""
    usage: Usage = Usage()
    departure: Departure | None = None
    """None where no model was asked."""
    signature: str | None = None
    """The worker's testimony over question and answer; without one, the answer is whoever's claim."""
