"""What leaves for a model: the messages, masked for where they go, and the statement of it that goes on the rail."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import JsonValue

from activities.errors import ProviderRefused
from activities.prompted import ChatMessage, Prompted
from activities.question import Departure
from policies.canonical import Digest
from policies.finder import TooMuchError
from policies.masking import Masks, withheld
from policies.routes import ModelChoice

_KEPT = ("role", "type")
"""Keys of messages whose values are words of the API."""
_DATA = ("enum", "const", "default", "examples")
"""Keys of a schema whose values may come from data: the ids of passages that may be cited."""


@dataclass(frozen=True)
class Departing:
    """Ready to be sent."""

    messages: tuple[ChatMessage, ...]
    schema: Mapping[str, JsonValue] | None
    masks: Masks
    departure: Departure


def depart(prompted: Prompted, choice: ModelChoice) -> Departing:
    """
    What of *prompted* leaves for *choice*.

    Raises:
        ProviderRefused: It is longer than the route allows, or cannot be masked; nothing leaves.
    """
    messages = _sendable([dict(message) for message in prompted.messages])
    length, most = len(_form(messages)), choice.limits.max_input_chars
    if length > most:
        raise ProviderRefused(choice.model, f"the question has {length} characters, and its route allows {most}")
    sensitive = _sendable({name: list(values) for name, values in prompted.sensitive.items()})
    hidden = {} if choice.perimeter == "inside" or choice.ours else withheld(sensitive, choice.allows)
    masks = Masks.over(hidden, [*messages, _sendable(prompted.schema)], prompted.mission)
    names = _names(prompted.tools)
    try:
        masked: list[dict[str, JsonValue]] = [_masked(message, masks, names) for message in messages]
        schema = _shape(_sendable(prompted.schema), masks)
    except TooMuchError as error:
        raise ProviderRefused(choice.model, f"the question cannot be masked: {error}") from error
    departure = Departure(
        place=choice.endpoint or "",
        perimeter=choice.perimeter,
        digest=departed(masked),
        masked=dict(sorted(masks.counts.items())),
    )
    return Departing(tuple(masked), schema, masks, departure)


def departed(messages: Any) -> Digest:
    """The digest of *messages* as they leave. They may be larger than anything else that is digested, and hold any text."""
    return Digest(hashlib.sha256(b"sayso:departure:v1\n" + _form(messages).encode("utf-8")).hexdigest())


def _form(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def _masked(value: Any, masks: Masks, names: frozenset[str], key: str = "") -> Any:
    """*value* of a message with placeholders; words of the API and names of tools stay."""
    match value:
        case dict():
            return {name: _masked(item, masks, names, name) for name, item in value.items()}
        case list():
            return [_masked(item, masks, names, key) for item in value]
        case str() if key in _KEPT or (key == "name" and value in names):
            return value
    return masks.masked(value)


def _shape(schema: Any, masks: Masks) -> Any:
    """*schema* with placeholders where it holds data; a model that may cite an id is shown it as it knows it."""
    match schema:
        case dict():
            return {name: masks.masked(item) if name in _DATA else _shape(item, masks) for name, item in schema.items()}
        case list():
            return [_shape(item, masks) for item in schema]
    return schema


def _names(tools: tuple[ChatMessage, ...]) -> frozenset[str]:
    functions = (tool.get("function") for tool in tools)
    return frozenset(str(function.get("name")) for function in functions if isinstance(function, Mapping))


def _sendable(value: Any) -> Any:
    """*value* with `?` for half a character: nothing that is sent can hold one."""
    match value:
        case str():
            return value if value.isascii() else value.encode("utf-8", "replace").decode()
        case dict():
            return {_sendable(key): _sendable(item) for key, item in value.items()}
        case list() | tuple():
            return [_sendable(item) for item in value]
    return value
