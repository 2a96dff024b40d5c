"""Text as an approver sees it: complete, and unable to hide, reorder or imitate anything."""

from __future__ import annotations

import json
import re
import unicodedata

from pydantic import JsonValue

_HIDDEN_CATEGORIES = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
# Drawn as nothing or as blank although Unicode files them under letters, marks or symbols.
_HIDDEN = set("\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2800\u3164\uffa0") | {
    chr(code) for code in (*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0))
}
_PADDING = re.compile(r" {5,}")


def visible(text: str) -> str:
    """*text* on one line: what does not show as itself becomes its `\\uXXXX` escape, and long blanks are counted."""
    shown = "".join(_shown(char) for char in text)
    return _PADDING.sub(lambda blanks: f" [{len(blanks[0])} blanks] ", shown)


def visible_json(value: JsonValue) -> str:
    """*value* as JSON on one line, with the same escapes."""
    return visible(json.dumps(value, ensure_ascii=False, sort_keys=True))


def _shown(char: str) -> str:
    if char == " " or (char.isprintable() and char not in _HIDDEN and unicodedata.category(char) not in _HIDDEN_CATEGORIES):
        # Blanks other than the plain one would hide from the count below.
        return char if unicodedata.category(char) != "Zs" or char == " " else _escape(char)
    return _escape(char)


def _escape(char: str) -> str:
    if char == "\n":
        return "\\n"
    if char == "\t":
        return "\\t"
    units = char.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[i]:02x}{units[i + 1]:02x}" for i in range(0, len(units), 2))
