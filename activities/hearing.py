"""
A model's answer in a dialogue, as the history takes it: text and tool calls, bounded, each with one reading.

Nothing a model writes is an error: whatever cannot be read is a call with its trouble, and the mission tells the model.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from pydantic import JsonValue

from activities.dialogue import ToolCall
from activities.prompted import RawCall
from activities.toolbox import Toolbox
from policies.action import MAX_ARGUMENTS
from policies.canonical import canonical, parse, readable, settled
from policies.errors import CanonicalError

MAX_CALLS = 64
"""Calls of one answer that are read at all."""
MAX_TEXT = 48 * 1024
"""Bytes of a text, as JSON writes it."""
MAX_ALL_ARGUMENTS = 96 * 1024
"""Bytes of the arguments of all calls of one answer."""
CUT = " [cut: the answer was longer]"
_ARGUMENTS_STAND = 8
"""How deep arguments stand in whatever holds them, at most."""
_ID = re.compile(r"[a-zA-Z0-9_-]{1,64}")


def heard(text: str) -> str:
    """*text* in a form that can be digested, and no longer than MAX_TEXT."""
    plain = readable(text[: 2 * MAX_TEXT])
    if _size(plain) <= MAX_TEXT and len(text) <= 2 * MAX_TEXT:
        return plain
    low, high = 0, len(plain)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if _size(plain[:middle]) <= MAX_TEXT - len(CUT) else (low, middle - 1)
    # A cut may part a letter from its accent; what is left is in one form all the same.
    return readable(plain[:low]) + CUT


def calls(raw: Sequence[RawCall], toolbox: Toolbox) -> tuple[ToolCall, ...]:
    """The first MAX_CALLS of *raw*. Their ids are unique, and of a form that every provider takes back."""
    found: list[ToolCall] = []
    ids = set[str]()
    left = MAX_ALL_ARGUMENTS
    for number, call in enumerate(raw[:MAX_CALLS], start=1):
        identity = _identity(call.id, number, ids)
        ids.add(identity)
        arguments, trouble = _arguments(call.arguments)
        size = len(canonical(arguments))
        if size > left:
            arguments, trouble = {}, f"the arguments of all calls together are larger than {MAX_ALL_ARGUMENTS} bytes"
        else:
            left -= size
        operation, effect = toolbox.called(readable(call.name))
        found.append(ToolCall(id=identity, operation=operation, arguments=arguments, effect=effect, trouble=trouble))
    return tuple(found)


def _identity(given: str, number: int, taken: set[str]) -> str:
    if _ID.fullmatch(given) and given not in taken:
        return given
    made = f"call_{number}"
    while made in taken:
        made += "_"
    return made


def _arguments(text: str) -> tuple[dict[str, JsonValue], str]:
    """The arguments in *text*, or none and why."""
    if len(text) > 4 * MAX_ARGUMENTS:
        return {}, f"the arguments are larger than {MAX_ARGUMENTS} bytes"
    try:
        # A tool without parameters is called with nothing by some models.
        found = settled(parse(text), _ARGUMENTS_STAND) if text.strip() else {}
    except CanonicalError as error:
        return {}, readable(f"the arguments have no single reading: {error}")[:300]
    if not isinstance(found, dict):
        return {}, "the arguments are no JSON object"
    if len(canonical(found)) > MAX_ARGUMENTS:
        return {}, f"the arguments are larger than {MAX_ARGUMENTS} bytes"
    return found, ""


def _size(text: str) -> int:
    return len(json.dumps(text, ensure_ascii=False).encode())
