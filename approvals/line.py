"""A line of a card."""

from __future__ import annotations

from policies.model import Recorded


class Line(Recorded):
    """One labelled line, already safe to print."""

    label: str
    text: str
