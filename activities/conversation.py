"""A dialogue as the OpenAI API has it: who said what, what was called and what came of it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from pydantic import JsonValue

from activities.dialogue import Message, Speaker
from activities.prompted import ChatMessage
from activities.toolbox import function


def chat(prompt: str, messages: Sequence[Message]) -> tuple[ChatMessage, ...]:
    """*messages* after *prompt*, which says what the model is to do and is nobody's in the dialogue."""
    return ({"role": "system", "content": prompt}, *(_one(message) for message in messages))


def sensitive(messages: Iterable[Message], more: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """The values of each data class in *messages*, and *more*; each value once, the first to come first."""
    found: dict[str, dict[str, None]] = {}
    for each in (*(message.sensitive for message in messages), more):
        for name, values in each.items():
            found.setdefault(name, {}).update(dict.fromkeys(values))
    return {name: tuple(values) for name, values in found.items()}


def _one(message: Message) -> ChatMessage:
    match message.speaker:
        case Speaker.USER:
            return {"role": "user", "content": message.text}
        case Speaker.TOOL:
            return {"role": "tool", "tool_call_id": message.answers or "", "content": message.text}
        case Speaker.MODEL:
            return _answer(message)


def _answer(message: Message) -> ChatMessage:
    if not message.calls:
        return {"role": "assistant", "content": message.text}
    called: list[JsonValue] = [
        {
            "id": call.id,
            "type": "function",
            "function": {
                "name": function(call.operation),
                "arguments": json.dumps(call.arguments, ensure_ascii=False),
            },
        }
        for call in message.calls
    ]
    return {"role": "assistant", "content": message.text or None, "tool_calls": called}
