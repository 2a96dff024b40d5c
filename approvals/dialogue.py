"""
A dialogue with a model that may ask for tools: what is said, what is called, and where the transcript of it lies.

The transcript is passed on by reference. Its digest is a chain over its messages, so that whoever has the history can compute
it again from what was said and answered, without the transcript itself.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from enum import StrEnum

from pydantic import Field, JsonValue

from policies.canonical import Digest, canonical
from policies.catalogue import Effect
from policies.model import Recorded

_BEGINNING = hashlib.sha256(b"sayso:transcript:v1\n").digest()


class Speaker(StrEnum):
    """Who says something."""

    USER = "user"
    MODEL = "model"
    TOOL = "tool"


class ToolCall(Recorded):
    """What a model asks for. Untrusted, whatever it says."""

    id: str
    """The model's own; answers name it."""
    operation: str
    """Full name, `payments.issue_refund`; the name as the model wrote it where that names no operation."""
    arguments: dict[str, JsonValue]
    effect: Effect | None = None
    """As the reason worker's bundle classifies it: a hint which verb to use; None where nothing is classified."""
    trouble: str = ""
    """Why the arguments could not be read; then they are empty."""


class Message(Recorded):
    """One message of a dialogue."""

    speaker: Speaker
    text: str = ""
    calls: tuple[ToolCall, ...] = ()
    """Of a model."""
    answers: str | None = None
    """Of a tool: the id of the call."""
    sensitive: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """The values in it that are of a data class, by class; never sent where the route does not allow the class."""


class TranscriptRef(Recorded):
    """A transcript by reference."""

    address: Digest
    """Where it lies in the payload store."""
    digest: Digest
    """Of its messages; see `chained`."""
    length: int = Field(ge=0)
    """How many messages it has."""


class Dialogue(Recorded):
    """What is new in a dialogue, and what the model may ask for."""

    transcript: TranscriptRef | None = None
    """What was said before; None at the beginning."""
    said: tuple[Message, ...]
    operations: tuple[str, ...]
    """Full names; the reason worker's bundle has their contracts."""
    first_run: str = ""
    """The mission's first run, as the mission says: what is masked looks alike in all its runs."""


def chained(before: Digest | None, said: Iterable[Message]) -> Digest:
    """
    The digest of a transcript with digest *before* once *said* is added.

    What stands at its default is left out of a message's form: so a message may grow a field, and digests stay.

    Raises:
        CanonicalError: A message has no single canonical form, or is too large for one.
    """
    link = bytes.fromhex(before) if before is not None else _BEGINNING
    for message in said:
        content = hashlib.sha256(canonical(message.model_dump(mode="json", exclude_defaults=True))).digest()
        link = hashlib.sha256(link + content).digest()
    return Digest(link.hex())
