"""JSON values of strangers, for a page: by path, escaped, bounded in depth, rows and characters. Nothing is left out unsaid."""

from __future__ import annotations

import json

from pydantic import JsonValue

from approvals.display import visible
from approvals.leaves import below
from audit.report.pieces import Row, Shown, Value

MOST_CHARACTERS = 40_000
MOST_TEXT = 4_000
"""Of one value: a long one must not push out those after it."""
MOST_ROWS = 400
MOST_DEPTH = 24
MOST_LABEL = 200
INLINE = 320


def value_of(value: JsonValue, where: str) -> Value:
    """
    *value* in rows.

    Args:
        where: Where the whole is, in our words: `event 7 in history.json`.
    """
    rows: list[Row] = []
    room = MOST_CHARACTERS
    waiting: list[tuple[str, JsonValue, int]] = [("", value, 0)]
    while waiting and len(rows) < MOST_ROWS and room > 0:
        path, here, depth = waiting.pop()
        inner = _inner(path, here) if depth < MOST_DEPTH else []
        if inner:
            waiting += [(name, item, depth + 1) for name, item in reversed(inner)]
            continue
        row = _row(path, here, room)
        room -= len(row.text) + len(row.label)
        rows.append(row)
    left = f"{len(waiting)} or more further values: {where}" if waiting else ""
    return Value(tuple(rows), left)


def text_of(text: str, most: int) -> tuple[str, str]:
    """*text* up to *most* characters, and in our words how many more there are."""
    return (text, "") if len(text) <= most else (text[:most], f"{len(text) - most} more characters")


def inline(value: JsonValue, most: int = INLINE) -> str:
    """*value* on one line, for a sentence: `amount_minor 4200, currency "EUR"`. What is longer ends in an ellipsis."""
    if isinstance(value, dict) and value:
        found = ", ".join(f"{key[:most]} {_json(item, most)}" for key, item in list(value.items())[:most])
    else:
        found = "nothing that can be read" if value is None else _json(value, most)
    return found if len(found) <= most else f"{found[:most]}…"


def _inner(path: str, value: JsonValue) -> list[tuple[str, JsonValue]]:
    match value:
        case dict():
            return [(below(path, key[: 2 * MOST_LABEL]), value[key]) for key in sorted(value)[: MOST_ROWS + 1]]
        case list():
            return [(f"{path}[{index}]", item) for index, item in enumerate(value[: MOST_ROWS + 1])]
    return []


def _row(path: str, value: JsonValue, room: int) -> Row:
    label, cut = text_of(path or "(value)", MOST_LABEL)
    room = min(room, MOST_TEXT)
    text, left = text_of(value, room) if isinstance(value, str) else text_of(_json(value, room), room)
    written = json.dumps(text, ensure_ascii=False) if isinstance(value, str) else text
    # A path was made visible where its keys were quoted; plain keys have nothing to hide.
    return Row(Shown(label), Shown(visible(written)), "; ".join(part for part in (left, cut and "the label is longer") if part))


def _json(value: JsonValue, most: int) -> str:
    if isinstance(value, str):
        value = value[: most + 1]
    try:
        return json.dumps(value, ensure_ascii=False, sort_keys=True)
    except (RecursionError, ValueError):
        return "(nested too deeply to show)"
