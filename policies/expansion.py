"""How large a JSON schema is once every reference in it is followed: else its reader may never end."""

from __future__ import annotations

from pydantic import JsonValue

MAX_PLACES = 5000
"""So many places a schema may have; one that refers to itself has no end of them."""


def endless(schema: JsonValue) -> bool:
    """Whether a walk through *schema* that follows its references has more than MAX_PLACES places, or no end."""
    todo, places = [schema], 0
    while todo and places <= MAX_PLACES:
        node, places = todo.pop(), places + 1
        match node:
            case list():
                todo += node
            case dict():
                todo += node.values()
                todo += [_named(ref, schema) for key, ref in node.items() if key in ("$ref", "$dynamicRef")]
    return places > MAX_PLACES


def _named(ref: JsonValue, schema: JsonValue) -> JsonValue:
    for part in str(ref).removeprefix("#").split("/")[1:]:
        schema = schema.get(part.replace("~1", "/").replace("~0", "~")) if isinstance(schema, dict) else None
    return schema
