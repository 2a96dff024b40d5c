"""A provider behind the OpenAI API, on loopback: it keeps every request as it came, and answers what a test says."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.e2e.serving import Answer as Answer
from tests.e2e.serving import served


@dataclass
class Provider:
    """The provider at work."""

    url: str
    answer: Callable[[dict[str, Any]], Answer]
    heard: list[bytes] = field(default_factory=list)
    """Every body, in order."""

    @property
    def questions(self) -> list[list[dict[str, Any]]]:
        """The messages of each request."""
        return [json.loads(body)["messages"] for body in self.heard]

    @property
    def text(self) -> str:
        """All that came, with every escape of JSON undone once."""
        return "\n".join(json.dumps(json.loads(body), ensure_ascii=False) for body in self.heard)


def saying(content: str | None, **message: Any) -> Answer:
    """An answer of *content*, and of what else is in its message."""
    answer = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "judge-2026-11",
        "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": content, **message}}],
        "usage": {"prompt_tokens": 321, "completion_tokens": 45, "total_tokens": 366},
    }
    return 200, json.dumps(answer).encode()


def failing(status: int, message: str = "no", code: str | None = None) -> Answer:
    """An error as providers write it; *message* is their own."""
    return status, json.dumps({"error": {"message": message, "type": code or "error", "code": code}}).encode()


def sending_on(status: int, place: str) -> Answer:
    """An answer that it is elsewhere."""
    return status, b"", place


@contextmanager
def provider(answer: Answer | Callable[[dict[str, Any]], Answer]) -> Iterator[Provider]:
    """A provider at work; *answer* is given to every question, or made from its body."""
    made = Provider("", answer if callable(answer) else lambda _: answer)

    def reply(asked: bytes) -> Answer:
        made.heard.append(asked)
        return made.answer(json.loads(asked))

    with served(reply) as made.url:
        yield made
