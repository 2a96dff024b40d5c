"""
Time to places, linearly. One scale spans the whole mission. Where a mission mostly waits, a second one holds its working phases
alone: every phase of it is drawn with the same pixels a second, and between two of them the axis is broken, visibly.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

MOST_BREAKS = 5
IDLE = 0.25
"""A gap of this share of what is drawn is worth a break."""
WAIT = 1.0
"""Seconds; what is shorter is not waited for."""
CROWDED = 0.6
"""Phases that take more than this share of the whole need no scale of their own."""
_STEPS = (1, 2, 5, 10, 20, 50, 100, 200, 500)
_SECONDS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 432000, 864000)
DAY = 86400.0

Interval = tuple[float, float]


@dataclass(frozen=True)
class Phase:
    """A stretch of time, in seconds since the mission began, and where it is drawn."""

    start: float
    end: float
    x: float
    per_second: float

    @property
    def right(self) -> float:
        """Where it ends."""
        return self.place(self.end)

    def place(self, seconds: float) -> float:
        """Where *seconds* is drawn. Linear."""
        return self.x + (seconds - self.start) * self.per_second


@dataclass(frozen=True)
class Scale:
    """Phases from left to right."""

    phases: tuple[Phase, ...]

    def place(self, seconds: float) -> float | None:
        """Where *seconds* is drawn; None where it is left out."""
        index = bisect_right([phase.start for phase in self.phases], seconds) - 1
        phase = self.phases[max(index, 0)]
        return phase.place(seconds) if phase.start <= seconds <= phase.end else None

    def pieces(self, start: float, end: float) -> list[tuple[float, float]]:
        """What of *start* to *end* is drawn, from and to where."""
        cut = ((max(start, phase.start), min(end, phase.end), phase) for phase in self.phases)
        return [(phase.place(low), phase.place(high)) for low, high, phase in cut if low <= high]


def whole(seconds: float, left: float, right: float) -> Scale:
    """The scale of everything."""
    return Scale((Phase(0.0, seconds, left, (right - left) / seconds),))


def working(busy: Iterable[Interval], seconds: float) -> tuple[Interval, ...]:
    """
    The phases of a mission in which something happened; empty where they need no scale of their own.

    The longest gap is left out, again and again, as long as it is a good part of what would still be drawn.
    """
    merged = _merged(busy)
    gaps = sorted((after[0] - before[1], index) for index, (before, after) in enumerate(pairwise(merged)))
    cuts: list[int] = []
    rest = merged[-1][1] - merged[0][0] if merged else 0.0
    while gaps and len(cuts) < MOST_BREAKS and gaps[-1][0] > IDLE * rest and gaps[-1][0] >= WAIT:
        gap, index = gaps.pop()
        cuts.append(index)
        rest -= gap
    if not cuts or rest > CROWDED * seconds:
        return ()
    starts = [0, *(index + 1 for index in sorted(cuts))]
    ends = [*sorted(cuts), len(merged) - 1]
    return tuple((merged[first][0], merged[last][1]) for first, last in zip(starts, ends, strict=True))


def magnified(phases: tuple[Interval, ...], left: float, right: float, gap: float, inset: float) -> Scale:
    """
    The scale of *phases* alone, all with the same pixels a second.

    Args:
        gap: Pixels between two phases.
        inset: Pixels of a phase before its first and after its last moment.
    """
    room = right - left - gap * (len(phases) - 1) - 2 * inset * len(phases)
    total = sum(end - start for start, end in phases)
    if total <= 0:
        # Moments alone: nothing has a length to be drawn by.
        total, inset = 1.0, inset + room / (2 * len(phases))
    per_second = room / total
    found = []
    x = left
    for start, end in phases:
        found.append(Phase(start, end, x + inset, per_second))
        x = found[-1].right + inset + gap
    return Scale(tuple(found))


def step(seconds: float) -> float:
    """The least round step that is at least *seconds*: 1, 2 or 5 of a unit; halves and quarters of minutes, hours and days."""
    scale = 1e-3
    while scale < 1:
        for count in _STEPS[:3]:
            if count * scale >= seconds:
                return count * scale
        scale *= 10
    for count in _SECONDS:
        if count >= seconds:
            return float(count)
    days = 10.0
    while days * DAY < seconds:
        days *= 2
    return days * DAY


def _merged(busy: Iterable[Interval]) -> list[Interval]:
    found: list[Interval] = []
    for start, end in sorted(busy):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((start, end))
    return found
