"""How results are laid out in a terminal. Whatever comes from a history goes through `visible` before it gets here."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from datetime import datetime

from approvals.card import NARROWEST, Line, labelled

WIDEST = 100
_UNKNOWN = 80
"""Of a terminal that does not tell its width."""


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns as wide as their widest cell; the last one is not padded."""
    widths = [max(len(row[index]) for row in (heads, *rows)) for index in range(len(heads))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in (heads, *rows)]
    return "\n".join(line.rstrip() for line in lines)


def terminal_width() -> int:
    """How wide a card may be here: as the terminal is that any of our streams goes to, and at most 100."""
    for stream in (sys.__stdout__, sys.__stderr__, sys.__stdin__):
        try:
            found = os.get_terminal_size(stream.fileno() if stream else -1).columns
        except (OSError, ValueError):
            continue
        return max(NARROWEST, min(WIDEST, found or _UNKNOWN))
    return WIDEST


def pairs(rows: Sequence[tuple[str, Sequence[str]]], width: int = WIDEST) -> str:
    """Labels and their texts, each text on lines of its own under the first; broken like a card's."""
    lines = [Line(label="" if index else label, text=text) for label, texts in rows for index, text in enumerate(texts)]
    return "\n".join(labelled(lines, width))


def left(until: datetime, now: datetime) -> str:
    """`in 3h 20m`, or `20m ago` for what is over."""
    seconds = int((until - now).total_seconds())
    return f"in {span(seconds)}" if seconds > 0 else f"{span(-seconds)} ago"


def span(duration: float) -> str:
    """`3m 20s`: so many seconds in their two largest units."""
    seconds = int(duration)
    parts = [(seconds // 86400, "d"), (seconds // 3600 % 24, "h"), (seconds // 60 % 60, "m"), (seconds % 60, "s")]
    shown = [f"{count}{unit}" for count, unit in parts if count]
    return " ".join(shown[:2]) or "0s"
