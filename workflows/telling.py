"""What a model is told of its calls: JSON with a kind, bounded, in a form that can be digested."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterator, Sequence

from pydantic import JsonValue

from activities.dialogue import Message, Speaker, ToolCall
from activities.read import ReadResult
from approvals.proposal import proposal_id
from policies.classes import Sensitives
from workflows.outcome import Outcome

MAX_RESULT = 32 * 1024
"""Bytes that a model is told of one call."""
MAX_RESULTS = 96 * 1024
"""Bytes that it is told of all calls of one answer."""
MAX_SENSITIVE = 128 * 1024
"""Bytes of the values of data classes that go along with one answer: each message has to be digested."""
MAX_REASON = 1000
_NOTE = "cut: the answer was longer"
_ROOM = 256
"""Bytes for what stands around what was cut."""


def told(call: ToolCall, kind: str, *reasons: str) -> Message:
    """That *call* came to nothing, and why."""
    return _tool(call, {"kind": kind, "reasons": [reason[:MAX_REASON] for reason in reasons]})


def told_read(call: ToolCall, answer: ReadResult) -> Message:
    """What was read; not, where more of it is of a data class than can go along to be masked."""
    unmaskable = _unmaskable(answer.sensitive)
    if unmaskable is not None:
        return told(call, "too_much", f"{unmaskable}; ask for less")
    content: dict[str, JsonValue] = {"kind": "failed" if answer.failed else "read", "result": answer.result}
    return _tool(call, content).model_copy(update={"sensitive": answer.sensitive})


def told_outcome(call: ToolCall, outcome: Outcome) -> Message:
    """What became of a commit."""
    content: dict[str, JsonValue] = {"kind": outcome.kind.value}
    if outcome.proposal is not None:
        content["proposal"] = proposal_id(outcome.proposal)
    if outcome.reasons:
        content["reasons"] = [reason[:MAX_REASON] for reason in outcome.reasons]
    if outcome.amended:
        content["amended"] = outcome.amended
    unmaskable = _unmaskable(outcome.sensitive)
    if unmaskable is not None:
        return _tool(call, {"kind": outcome.kind.value, "note": f"its result is not told: {unmaskable}"})
    if outcome.result is not None:
        content["result"] = outcome.result
    return _tool(call, content).model_copy(update={"sensitive": outcome.sensitive})


def fitting(messages: Sequence[Message]) -> tuple[Message, ...]:
    """*messages*, cut evenly where they are too much together; each value of a data class once, for it is masked in all."""
    messages = tuple(_once(messages))
    if sum(len(message.text.encode()) for message in messages) <= MAX_RESULTS:
        return messages
    share = MAX_RESULTS // len(messages)
    return tuple(message.model_copy(update={"text": _cut(message.text, share)}) for message in messages)


def _unmaskable(sensitive: Sensitives) -> str | None:
    """Why that cannot go along with one message, or None."""
    size = sum(len(json.dumps(value)) for values in sensitive.values() for value in values)
    return f"{size} bytes of it are of a data class, and {MAX_SENSITIVE} can be masked" if size > MAX_SENSITIVE else None


def _once(messages: Sequence[Message]) -> Iterator[Message]:
    known = set[tuple[str, str]]()
    for message in messages:
        kept = {
            name: tuple(value for value in dict.fromkeys(values) if (name, value) not in known)
            for name, values in message.sensitive.items()
        }
        known |= {(name, value) for name, values in kept.items() for value in values}
        yield message.model_copy(update={"sensitive": {name: values for name, values in kept.items() if values}})


def _tool(call: ToolCall, content: dict[str, JsonValue]) -> Message:
    return Message(speaker=Speaker.TOOL, text=_cut(_json(content), MAX_RESULT), answers=call.id)


def _cut(text: str, most: int) -> str:
    """*text*, which is JSON; where it is longer than *most* bytes, JSON with the beginning of it."""
    if len(text.encode()) <= most:
        return text
    beginning = text.encode()[: max(0, most - _ROOM)].decode("utf-8", "ignore")
    while True:
        made = _json({"kind": _kind(text), "note": _NOTE, "beginning": beginning})
        over = len(made.encode()) - most
        if over <= 0 or not beginning:
            return made
        # Quoting grew it: at most as much goes as is over, and at least something.
        beginning = beginning[: -max(1, over // 2)]


def _kind(text: str) -> JsonValue:
    found = json.loads(text)
    return found.get("kind") if isinstance(found, dict) else None


def _json(content: dict[str, JsonValue]) -> str:
    text = json.dumps(content, ensure_ascii=False)
    # Text in two forms, or in none, is written by its code points: nothing of it is lost or changed.
    plain = unicodedata.is_normalized("NFC", text) and not any("\ud800" <= char <= "\udfff" for char in text)
    return text if plain else json.dumps(content)
