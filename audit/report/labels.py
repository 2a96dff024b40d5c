"""Where labels of strokes go, so that none lies on another; one without room is left to the stroke's title and the table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from approvals.display import columns
from audit.report.strokes import Shape, Stroke

CHARACTER = 6.6
"""Units that a character takes, at most."""
MARGIN = 8.0
_ALONE = frozenset({Shape.BAR, Shape.MODEL})
"""Bars that have their label beside them where it does not fit inside; of the others there are many, close together."""
LEFTMOST, RIGHTMOST = 124.0, 1000.0


@dataclass(frozen=True)
class Label:
    """A text beside its stroke."""

    x: float
    y: float
    text: str
    anchor: str
    """`start` or `end`."""
    inner: bool = False
    """It stands in its bar."""


def labels(
    bars: Sequence[tuple[float, float, float, Stroke]],
    points: Sequence[tuple[float, float, Stroke]],
    breaks: Sequence[tuple[float, float]],
) -> tuple[Label, ...]:
    """
    The labels there is room for.

    Args:
        bars: From, to, middle, stroke; a stroke may have several pieces, and then the widest is labelled.
        points: Place, middle, stroke.
        breaks: From, to; no label stands on a broken axis.
    """
    lanes = {bar[3].lane for bar in bars} | {point[2].lane for point in points}
    rows: dict[int, list[tuple[float, float]]] = {lane: [*breaks] for lane in lanes}
    for x, right, _, stroke in bars:
        if stroke.shape is not Shape.RUN:
            rows[stroke.lane].append((x, right))
    for x, _, stroke in points:
        rows[stroke.lane].append((x - MARGIN + 1, x + MARGIN - 1))
    found: list[Label] = []
    for x, right, y, stroke in _widest(bars):
        label = _inside(x, right, y, stroke) or (
            _beside(x, right, y, stroke, rows[stroke.lane]) if stroke.shape in _ALONE else None
        )
        found += [label] if label else []
    for x, y, stroke in points:
        label = _beside(x, x, y, stroke, rows[stroke.lane])
        found += [label] if label else []
    return tuple(found)


def _widest(bars: Sequence[tuple[float, float, float, Stroke]]) -> list[tuple[float, float, float, Stroke]]:
    best: dict[int, tuple[float, float, float, Stroke]] = {}
    for bar in bars:
        known = best.get(id(bar[3]))
        if bar[3].label and (known is None or bar[1] - bar[0] > known[1] - known[0]):
            best[id(bar[3])] = bar
    return list(best.values())


def _width(stroke: Stroke) -> float:
    return columns(stroke.label) * CHARACTER


def _inside(x: float, right: float, y: float, stroke: Stroke) -> Label | None:
    return Label(x + 5, y, stroke.label, "start", inner=True) if _width(stroke) + 10 <= right - x else None


def _beside(x: float, right: float, y: float, stroke: Stroke, taken: list[tuple[float, float]]) -> Label | None:
    """To the right, else to the left, where nothing is; what it takes is taken from then on."""
    if not stroke.label:
        return None
    width = _width(stroke)
    for start, anchor in ((right + MARGIN, "start"), (x - MARGIN - width, "end")):
        room = (start, start + width)
        if room[0] < LEFTMOST or room[1] > RIGHTMOST or any(low < room[1] and room[0] < high for low, high in taken):
            continue
        taken.append(room)
        return Label(start if anchor == "start" else start + width, y, stroke.label, anchor)
    return None
