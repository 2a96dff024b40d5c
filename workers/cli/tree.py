"""A tree in a terminal. What stands in it went through `visible` before it got here."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Branch:
    """One line, and what stands under it. Further lines of its text stand under the first."""

    text: str
    under: tuple[Branch, ...] = ()


def drawn(branch: Branch) -> str:
    """*branch* and everything under it, with lines that show what belongs to what."""
    return "\n".join([branch.text, *_under(branch, "")])


def _under(branch: Branch, margin: str) -> Iterator[str]:
    for index, child in enumerate(branch.under):
        last = index == len(branch.under) - 1
        first, *rest = child.text.split("\n")
        inner = margin + ("   " if last else "│  ")
        yield f"{margin}{'└─ ' if last else '├─ '}{first}"
        yield from (f"{inner}{'│  ' if child.under else '   '}{line}".rstrip() for line in rest)
        yield from _under(child, inner)
