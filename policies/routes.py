"""
Model routes: which model answers which purpose, whether what it is told leaves the perimeter, and of which data classes.

A route is a first model and its fallbacks. Of a model outside the perimeter a person says which classes of data it may be
told; all others are masked. A perimeter that is closed has no model outside, and none without an endpoint: what has no
place of its own answers at its provider's.

Source: docs/decisions/0024-models.md
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from policies.classes import DataClass
from policies.model import Written

ANY = "*"
"""The purpose of the route for every purpose without one of its own."""
RULES = "sayso-rules/"
"""How the names of our own rules begin: they answer in the reason worker itself, so they are inside, wherever that is."""
MAX_FALLBACKS = 8
MAX_SECONDS = 280
"""Of one call: less than an attempt of the activity takes, so that it is the call that ends and says why."""
_PURPOSE = re.compile(r"[a-z][a-z0-9_]*(/[a-z][a-z0-9_]*)*")


def _purpose(text: str) -> str:
    if text != ANY and _PURPOSE.fullmatch(text) is None:
        raise ValueError(f"`{text}` is no purpose like `refund/assess`, and not `{ANY}`")
    return text


def _endpoint(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("is not a URL like `http://127.0.0.1:8000/v1`")
    if "@" in parts.netloc or parts.query or parts.fragment:
        # Every reader of a bundle reads this; keys belong into the reason worker's environment.
        raise ValueError("holds more than a place; a credential goes into the environment of the reason worker")
    return text


class Limits(Written):
    """Of one call."""

    timeout_seconds: float = Field(default=120, gt=0, le=MAX_SECONDS)
    max_output_tokens: int | None = Field(default=None, gt=0, le=10_000_000)
    """None is the provider's own."""
    max_input_chars: int = Field(default=1_000_000, gt=0, le=100_000_000)
    """Of all messages together, as JSON, before masking. What is longer is not sent."""


class Prices(Written):
    """In millionths of the currency."""

    input_micros_per_1k: int = Field(ge=0, le=10**12)
    output_micros_per_1k: int = Field(ge=0, le=10**12)

    def cost(self, input_tokens: int, output_tokens: int) -> int:
        """Of one answer, rounded up."""
        return -(-(input_tokens * self.input_micros_per_1k + output_tokens * self.output_micros_per_1k) // 1000)


class ModelChoice(Written):
    """One model, where it answers, and what it may be told."""

    model: str = Field(min_length=1)
    """As litellm names it: `openai/gpt-5`, `ollama/llama3`."""
    endpoint: Annotated[str, AfterValidator(_endpoint)] | None = None
    """Where its API answers; else the provider's own."""
    perimeter: Literal["inside", "outside"]
    """Whether what the model is told stays with the enterprise. A person's statement, shown to reviewers."""
    allows: tuple[DataClass, ...] = ()
    """The data classes that a model outside may be told; all others are masked. One inside is told everything."""
    limits: Limits = Limits()
    prices: Prices | None = None
    """Without prices an answer costs nothing, as far as budgets can tell."""

    @model_validator(mode="after")
    def _told(self) -> ModelChoice:
        if self.perimeter == "inside" and self.allows:
            raise ValueError("`allows` is for a model outside the perimeter; one inside is told everything")
        return self

    @property
    def ours(self) -> bool:
        """Whether no model is asked: our rules answer."""
        return self.model.startswith(RULES)

    def words(self) -> str:
        """In one line, for a reviewer."""
        where = self.endpoint or ("this worker" if self.ours else "its provider's own place")
        told = "told everything" if self.perimeter == "inside" else f"told {', '.join(self.allows) or 'no data class'}"
        return f"{self.model} at {where}, {self.perimeter}, {told}"


class Route(ModelChoice):
    """The models for one purpose: the first, and those that are asked when it gives no answer, in order."""

    fallbacks: tuple[ModelChoice, ...] = Field(default=(), max_length=MAX_FALLBACKS)

    @property
    def choices(self) -> tuple[ModelChoice, ...]:
        """All its models, in the order in which they are asked."""
        return (self, *self.fallbacks)


class Routes(Written):
    """All routes by purpose; none is a bundle that names no model."""

    perimeter: Literal["open", "closed"] = "open"
    """Closed: no model outside is ever asked."""
    currency: str = Field(default="", pattern="^([A-Z]{3})?$")
    """Of all prices."""
    routes: dict[Annotated[str, AfterValidator(_purpose)], Route] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _coherent(self) -> Routes:
        for purpose, choice in self._all():
            if choice.prices is not None and not self.currency:
                raise ValueError(f"`{purpose}` has prices, and no `currency` says of what")
            trouble = _leaves(choice) if self.perimeter == "closed" else None
            if trouble is not None:
                raise ValueError(f"the perimeter is closed, and `{choice.model}` of `{purpose}` {trouble}")
        return self

    def route(self, purpose: str) -> Route | None:
        """The route for *purpose*: its own, else the one for any, else None."""
        return self.routes.get(purpose) or self.routes.get(ANY)

    def refuses(self, model: str) -> str | None:
        """Why *model* may not be asked in place of all routes, or None. It has no place, so it counts as outside."""
        if self.perimeter == "open" or model.startswith(RULES):
            return None
        return (
            f"SAYSO_MODEL names `{model}`, which counts as outside, and the perimeter in `models.yaml` is closed; "
            "unset it, and write a route with `perimeter: inside` and an `endpoint`"
        )

    def undeclared(self, classes: tuple[str, ...]) -> str | None:
        """What is wrong with a class that is allowed and not among *classes*, or None."""
        for purpose, choice in self._all():
            for data_class in choice.allows:
                if data_class not in classes:
                    return f"`{purpose}` allows `{data_class}`, which `integrations.yaml` does not list under `classes`"
        return None

    def _all(self) -> Iterator[tuple[str, ModelChoice]]:
        return ((purpose, choice) for purpose, route in self.routes.items() for choice in route.choices)


def _leaves(choice: ModelChoice) -> str | None:
    if choice.perimeter == "outside":
        return "is outside"
    if choice.endpoint is None and not choice.ours:
        return "has no `endpoint`: it would answer at its provider's own place"
    return None


NO_ROUTES = Routes()
