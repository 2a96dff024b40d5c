"""How results are laid out in a terminal. Whatever comes from a history goes through `visible` before it gets here."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns as wide as their widest cell; the last one is not padded."""
    widths = [max(len(row[index]) for row in (heads, *rows)) for index in range(len(heads))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in (heads, *rows)]
    return "\n".join(line.rstrip() for line in lines)


def pairs(rows: Sequence[tuple[str, str]]) -> str:
    """Labels and their texts, one pair a line; further lines of a text stand under its first."""
    width = max((len(label) for label, _ in rows), default=0)
    lines = []
    for label, text in rows:
        first, *rest = text.split("\n")
        lines += [f"  {label.ljust(width)}  {first}", *(" " * (width + 4) + line for line in rest)]
    return "\n".join(line.rstrip() for line in lines)


def left(until: datetime, now: datetime) -> str:
    """`in 3h 20m`, or `20m ago` for what is over."""
    seconds = int((until - now).total_seconds())
    return f"in {_span(seconds)}" if seconds > 0 else f"{_span(-seconds)} ago"


def _span(seconds: int) -> str:
    parts = [(seconds // 86400, "d"), (seconds // 3600 % 24, "h"), (seconds // 60 % 60, "m"), (seconds % 60, "s")]
    shown = [f"{count}{unit}" for count, unit in parts if count]
    return " ".join(shown[:2]) or "0s"
