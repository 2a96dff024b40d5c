"""Policies as a person wrote them: each with its id, what it does, its text, and a form in which layout does not count."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

import cedarpy
from pydantic import JsonValue

_PIECE = re.compile(r'"(?:\\.|[^"\\])*"|//[^\n]*|;|[^"/;]+|.', re.DOTALL)


@dataclass(frozen=True)
class Source:
    """One policy."""

    name: str
    """Its `@id`."""
    effect: str
    """`permit` or `forbid`."""
    text: str
    """As written, from its first annotation to its semicolon; comments before it are left out."""
    meaning: JsonValue
    """As Cedar reads it: equal where two texts differ in layout and comments alone."""


def sources(text: str) -> tuple[Source, ...]:
    """
    Every policy of *text*, in its order. *text* is that of a rulebook, which read and validated it.

    Raises:
        ValueError: Not Cedar.
    """
    return tuple(_source(piece) for piece in _pieces(text))


def _source(text: str) -> Source:
    (meaning,) = json.loads(cedarpy.policies_to_json_str(text))["staticPolicies"].values()
    return Source(meaning["annotations"]["id"], meaning["effect"], text, meaning)


def _pieces(text: str) -> list[str]:
    """Cut at each semicolon that is in no string and in no comment."""
    found: list[str] = []
    current = ""
    for match in _PIECE.finditer(text):
        piece = match[0]
        if not current and (piece.startswith("//") or piece.isspace()):
            continue
        current += piece if current else piece.lstrip()
        if piece == ";":
            found.append(current)
            current = ""
    return found
