"""
A model behind the OpenAI API, on loopback, that says what a test tells it to say, and counts tokens.

What it says next is a matter of the conversation alone: of its first user message (the goal) and of how often it has answered.
So it answers a repeated question alike, and one server plays for many missions at once.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.e2e.serving import Answer, served

MODEL = "judge-2026-11"


@dataclass(frozen=True)
class Call:
    """A tool call; arguments that are text are sent as they are, JSON or not."""

    name: str
    arguments: str | Mapping[str, Any] = field(default_factory=dict)
    id: str | None = None
    """Else a plain one of its own."""


@dataclass(frozen=True)
class Turn:
    """One answer."""

    text: str = ""
    calls: tuple[Call, ...] = ()
    prompt_tokens: int = 321
    completion_tokens: int = 45
    status: int = 200
    """Anything else is an error of the provider."""


@dataclass(frozen=True)
class Asked:
    """One request, as the model got it."""

    body: dict[str, Any]

    @property
    def messages(self) -> list[dict[str, Any]]:
        """All that was said so far."""
        return list(self.body["messages"])

    @property
    def goal(self) -> str:
        """The first user message."""
        return next((str(message["content"]) for message in self.messages if message["role"] == "user"), "")

    @property
    def turn(self) -> int:
        """How often the model has answered before."""
        return sum(message["role"] == "assistant" for message in self.messages)

    @property
    def tools(self) -> list[str]:
        """Names of what it may call."""
        return [tool["function"]["name"] for tool in self.body.get("tools", [])]

    @property
    def told(self) -> list[Any]:
        """What its last calls brought, in their order."""
        found: list[Any] = []
        for message in reversed(self.messages):
            if message["role"] != "tool":
                break
            found.append(json.loads(message["content"]))
        return found[::-1]


Script = Sequence[Turn | str] | Callable[[Asked], Turn | str]
"""Answers in order, of which the last is given again and again, or whatever a function says."""


@dataclass
class ScriptedModel:
    """The model at work."""

    url: str = ""
    scripts: dict[str, Script] = field(default_factory=dict)
    """By goal."""
    otherwise: Script = ("I have nothing to say.",)
    asked: list[Asked] = field(default_factory=list)
    """Every request, in order."""

    def of(self, goal: str) -> list[Asked]:
        """The requests about *goal*."""
        return [each for each in self.asked if each.goal == goal]

    def answer(self, asked: Asked) -> Turn:
        """What it says to *asked*."""
        self.asked.append(asked)
        script = self.scripts.get(asked.goal, self.otherwise)
        said = script(asked) if callable(script) else script[min(asked.turn, len(script) - 1)]
        return Turn(said) if isinstance(said, str) else said


def call(operation: str, **arguments: Any) -> Call:
    """A call of *operation*, `orders.get_case`, as a model writes it."""
    return Call(operation.replace(".", "__"), arguments)


@contextmanager
def scripted() -> Iterator[ScriptedModel]:
    """A model at work, to be told what to say."""
    model = ScriptedModel()

    def reply(body: bytes) -> Answer:
        asked = Asked(json.loads(body))
        turn = model.answer(asked)
        said = _answer(turn, asked.turn) if turn.status == 200 else {"error": {"message": "no"}}
        return turn.status, json.dumps(said).encode()

    with served(reply) as model.url:
        yield model


@contextmanager
def answering(content: str, *, prompt_tokens: int = 321, completion_tokens: int = 45) -> Iterator[str]:
    """Yields the base URL of a model whose every answer is *content*."""
    with scripted() as model:
        model.otherwise = (Turn(content, prompt_tokens=prompt_tokens, completion_tokens=completion_tokens),)
        yield model.url


def _answer(turn: Turn, number: int) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": turn.text or None}
    if turn.calls:
        message["tool_calls"] = [_call(each, f"call-{number}-{index}") for index, each in enumerate(turn.calls)]
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": MODEL,
        "choices": [{"index": 0, "finish_reason": "tool_calls" if turn.calls else "stop", "message": message}],
        "usage": {
            "prompt_tokens": turn.prompt_tokens,
            "completion_tokens": turn.completion_tokens,
            "total_tokens": turn.prompt_tokens + turn.completion_tokens,
        },
    }


def _call(each: Call, default: str) -> dict[str, Any]:
    arguments = each.arguments if isinstance(each.arguments, str) else json.dumps(dict(each.arguments))
    identity = default if each.id is None else each.id
    return {"id": identity, "type": "function", "function": {"name": each.name, "arguments": arguments}}
