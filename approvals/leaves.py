"""The values in arguments, each with the path that a person reads, and paths to values elsewhere."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence

from pydantic import JsonValue

from approvals.display import visible_json

_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")


def leaves(value: JsonValue, path: str = "") -> Iterator[tuple[str, JsonValue]]:
    """Every value below *value* that holds no other, with its path, in the order of a card. What is empty is a value too."""
    match value:
        case dict() if value:
            for key in sorted(value):
                yield from leaves(value[key], below(path, key))
        case list() if value:
            for index, item in enumerate(value):
                yield from leaves(item, f"{path}[{index}]")
        case _:
            yield path, value


def below(path: str, key: str) -> str:
    """The path of *key*. One that could be read as a path itself stands in quotes: `a.b` is never `a["b"]`."""
    if not _PLAIN_KEY.fullmatch(key):
        return f"{path}[{visible_json(key)}]"
    return f"{path}.{key}" if path else key


def place(parts: Sequence[str | int]) -> str:
    """The path over keys and indices, as `below` has it save that nothing is escaped: `visible` makes it safe to print."""
    path = ""
    for part in parts:
        if isinstance(part, int) or not _PLAIN_KEY.fullmatch(part):
            path += f"[{json.dumps(part, ensure_ascii=False)}]"
        else:
            path += f".{part}" if path else part
    return path
