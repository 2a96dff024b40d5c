"""A question as it goes to a model, and what it answers: between the reason worker and whatever speaks to models."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from pydantic import JsonValue

from activities.question import Departure

ChatMessage = Mapping[str, JsonValue]
"""As the OpenAI API has them: `role` and `content`; `tool_calls` and `tool_call_id` where tools are called."""


@dataclass(frozen=True)
class Prompted:
    """Everything of one call to a model, before anything of it is masked."""

    purpose: str
    messages: tuple[ChatMessage, ...]
    schema: Mapping[str, JsonValue] | None = None
    """The answer's shape; None where tools may be called."""
    tools: tuple[ChatMessage, ...] = ()
    """As the OpenAI API has them."""
    sensitive: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Values in the messages that are of a data class, by class."""
    mission: str = ""
    """The mission's first run, so that what is masked looks alike in all its turns."""
    fallback: int = 0
    """Which of the route's models."""


@dataclass(frozen=True)
class RawCall:
    """A tool call as a model wrote it."""

    id: str
    name: str
    arguments: str
    """JSON, where the model kept to it."""


@dataclass(frozen=True)
class ModelAnswer:
    """Text and calls as a model gave them, nothing in them masked any more."""

    text: str
    model: str
    rule_based: bool
    calls: tuple[RawCall, ...] = ()
    response_model: str | None = None
    """The model that its provider says answered."""
    input_tokens: int | None = None
    output_tokens: int | None = None
    cost_micros: int = 0
    departure: Departure | None = None
    fallbacks: int = 0
    """How many further models the route has, should this answer be of no use."""


class Models(Protocol):
    """Models, by whatever route."""

    async def complete(self, prompted: Prompted) -> ModelAnswer:
        """One completion, without retries. Raises Unreachable, ProviderRefused, each with a `Setback` in its details."""
