"""
Text as an approver sees it: complete, and unable to hide, reorder or imitate anything.

What does not show as itself becomes its `\\uXXXX` escape: control, format and invisible characters, blanks other than the
plain one, marks that stand on no letter or pile up, and right-to-left letters and digits. The last are honest text, and yet
a terminal moves what stands beside them: `100 to X 200`, with a Hebrew letter for X, may be drawn with the amounts swapped.
"""

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
_RIGHT_TO_LEFT = {"R", "AL", "AN"}
_PADDING = re.compile(r" {5,}")
_LIKE_A_COUNT = re.compile(r"\[(?=\d+ blanks\])")
MARKS = 3
"""So many marks on one letter any script needs; more would climb over the lines around."""


def visible(text: str) -> str:
    """*text* on one line: what does not show as itself is escaped, and long blanks are counted (` [6 blanks] `)."""
    # A count that was written as one is not ours.
    return _PADDING.sub(lambda blanks: f" [{len(blanks[0])} blanks] ", _LIKE_A_COUNT.sub(r"\\u005b", escaped(text)))


def escaped(text: str) -> str:
    """*text* with what does not show as itself escaped, and its blanks as they are. Doing it twice is doing it once."""
    parts: list[str] = []
    room = 0
    for char in text:
        mark = unicodedata.category(char).startswith("M")
        plain = _shows(char) and (room > 0 or not mark)
        if plain and mark:
            room -= 1
        else:
            room = MARKS if plain and char.isalnum() else 0
        parts.append(char if plain else _escape(char))
    return "".join(parts)


def visible_json(value: JsonValue) -> str:
    """*value* as JSON on one line, with the same escapes."""
    return visible(json.dumps(value, ensure_ascii=False, sort_keys=True))


def columns(text: str) -> int:
    """How many columns of a terminal *text* takes, which is safe to print: wide characters two, marks none."""
    return sum(_columns(char) for char in text)


def broken(text: str, width: int) -> list[str]:
    """*text* in lines of at most *width* columns, between words where it can be; nothing is dropped."""
    lines: list[str] = []
    line: list[str] = []
    used = gap = 0
    for char in text:
        size = _columns(char)
        if size == 0 and line:
            line[-1] += char
            continue
        while line and used + size > width:
            cut = gap or len(line)
            lines.append("".join(line[:cut]))
            line, gap = line[cut:], 0
            used = columns("".join(line))
        line.append(char)
        used += size
        if char == " ":
            gap = len(line)
    return [*lines, "".join(line)]


def _columns(char: str) -> int:
    if unicodedata.category(char) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in ("W", "F") else 1


def _shows(char: str) -> bool:
    """Whether *char* is drawn as itself, in its place. Blanks other than the plain one would hide from the count."""
    if char == " ":
        return True
    hidden = char in _HIDDEN or unicodedata.category(char) in _HIDDEN_CATEGORIES
    return char.isprintable() and not hidden and unicodedata.bidirectional(char) not in _RIGHT_TO_LEFT


def _escape(char: str) -> str:
    if char == "\n":
        return "\\n"
    if char == "\t":
        return "\\t"
    units = char.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[i]:02x}{units[i + 1]:02x}" for i in range(0, len(units), 2))
