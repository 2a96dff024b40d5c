"""Model routes: which model answers which purpose, and whether what it is told leaves the perimeter."""

from __future__ import annotations

import re
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from policies.model import Written

ANY = "*"
"""The purpose of the route for every purpose without one of its own."""
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


class Route(Written):
    """One model for one purpose."""

    model: str = Field(min_length=1)
    """As litellm names it: `openai/gpt-5`, `ollama/llama3`."""
    endpoint: Annotated[str, AfterValidator(_endpoint)] | None = None
    """Where its API answers; else the provider's own."""
    perimeter: Literal["inside", "outside"]
    """Whether what the model is told stays with the enterprise. A person's statement, shown to reviewers."""


class Routes(Written):
    """All routes by purpose; none is a bundle that names no model."""

    routes: dict[Annotated[str, AfterValidator(_purpose)], Route] = Field(default_factory=dict)

    def route(self, purpose: str) -> Route | None:
        """The route for *purpose*: its own, else the one for any, else None."""
        return self.routes.get(purpose) or self.routes.get(ANY)


NO_ROUTES = Routes()
