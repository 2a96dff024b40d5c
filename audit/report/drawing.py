"""
The timeline in places: panels of lanes, for inline SVG. Everything is placed by attributes, in units of the drawing.

A stroke stands exactly where its time is; a bar is as long as its time, and never thinner than `THINNEST`, so that it is seen.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from audit.report.labels import Label, labels
from audit.report.scale import Interval, Scale, magnified, step, whole, working
from audit.report.strokes import WORK, Lanes, Shape, Stroke
from audit.report.times import clock, second, span

WIDTH, LEFT, RIGHT = 1000.0, 122.0, 990.0
ROW, TOP, AXIS = 19.0, 18.0, 20.0
THINNEST = 2.0
GAP, INSET = 30.0, 9.0
CROWDED = 40.0
"""Units that half the text of a tick may take."""
TICK_ROOM, FINE_TICK_ROOM = 84.0, 62.0
LANE_NAME = 18
_HEIGHTS = {Shape.RUN: 3.0, Shape.READ: 12.0, Shape.MODEL: 15.0, Shape.GATE: 6.0, Shape.BAR: 15.0}
_LETTERS = "ABCDEF"


@dataclass(frozen=True)
class Box:
    """A bar, or the piece of it that is drawn."""

    x: float
    y: float
    width: float
    height: float
    stroke: Stroke
    seconds: float
    """Since the mission began, of the stroke's beginning."""


@dataclass(frozen=True)
class Point:
    """A stroke at one time."""

    x: float
    y: float
    path: str
    stroke: Stroke
    seconds: float


@dataclass(frozen=True)
class Tick:
    """A tick of the axis."""

    x: float
    text: str

    @property
    def anchor(self) -> str:
        """`end` where the text would leave the drawing."""
        return "end" if self.x > RIGHT - CROWDED else "middle"


@dataclass(frozen=True)
class Span:
    """A stretch between two places: a phase on the whole scale, or a bar that goes on behind a break."""

    x: float
    right: float
    y: float
    text: str


@dataclass(frozen=True)
class Panel:
    """One drawing."""

    name: str
    words: tuple[str, ...]
    """What is to be known to read it."""
    height: float
    bottom: float
    """Where the axis is."""
    lanes: tuple[tuple[float, str], ...]
    boxes: tuple[Box, ...]
    links: tuple[Span, ...]
    points: tuple[Point, ...]
    labels: tuple[Label, ...]
    ticks: tuple[Tick, ...]
    axis: tuple[tuple[float, float], ...]
    breaks: tuple[Span, ...]
    bands: tuple[Span, ...]


@dataclass(frozen=True)
class Timeline:
    """The panels, and what there was no room for."""

    panels: tuple[Panel, ...]
    undrawn: int


def drawn(lanes: Lanes, began_at: datetime, last_at: datetime) -> Timeline:
    """The timeline of *lanes*: over the whole time, and where the mission mostly waited its working phases too."""
    seconds = max((last_at - began_at).total_seconds(), 1e-3)
    phases = working(_busy(lanes.every, began_at), seconds)
    full = whole(seconds, LEFT, RIGHT)
    words = [f"from {second(began_at)} to {second(last_at)} UTC: {span(seconds)}"]
    panels = [_panel("The whole time", words, lanes, full, began_at, _bands(phases, full))]
    if phases:
        scale = magnified(phases, LEFT, RIGHT, GAP, INSET)
        panels.append(_panel("Working phases, magnified", _told(phases, began_at), lanes, scale, began_at, ()))
    return Timeline(tuple(panels), len(lanes.every) - len(lanes.strokes))


def _busy(strokes: Iterable[Stroke], began_at: datetime) -> list[Interval]:
    """When something happened: every moment, and the time that reads, models and gates took. Waiting is not work."""
    found: list[Interval] = []
    for stroke in strokes:
        start = _since(began_at, stroke.at)
        end = _since(began_at, stroke.until) if stroke.until is not None else start
        found += [(start, end)] if stroke.shape in WORK else [(start, start), (end, end)]
    return found


def _since(began_at: datetime, at: datetime) -> float:
    return (at - began_at).total_seconds()


def _panel(name: str, words: Sequence[str], lanes: Lanes, scale: Scale, began_at: datetime, bands: tuple[Span, ...]) -> Panel:
    boxes: list[Box] = []
    links: list[Span] = []
    points: list[Point] = []
    for stroke in lanes.strokes:
        y, seconds = _middle(stroke.lane), _since(began_at, stroke.at)
        if stroke.until is not None:
            pieces = scale.pieces(seconds, _since(began_at, stroke.until))
            boxes += [_box(stroke, x, right, y, seconds) for x, right in pieces]
            links += [Span(a[1], b[0], y, "") for a, b in pairwise(pieces)]
        elif (x := scale.place(seconds)) is not None:
            points.append(Point(x, y, PATHS[stroke.shape].format(x=x, y=y), stroke, seconds))
    bottom = TOP + ROW * len(lanes.names) + 4
    return Panel(
        name=name,
        words=tuple(words),
        height=bottom + AXIS,
        bottom=bottom,
        lanes=tuple((_middle(index), name) for index, name in enumerate(lanes.names)),
        boxes=tuple(boxes),
        links=tuple(links),
        points=tuple(points),
        labels=labels(
            [(box.x, box.x + box.width, box.y + box.height / 2, box.stroke) for box in boxes],
            [(point.x, point.y, point.stroke) for point in points],
            [(cut.x, cut.right) for cut in _breaks(scale)],
        ),
        ticks=tuple(_ticks(scale)),
        axis=tuple((phase.x - _inset(scale), phase.right + _inset(scale)) for phase in scale.phases),
        breaks=tuple(_breaks(scale)),
        bands=bands,
    )


def _middle(lane: int) -> float:
    return TOP + ROW * lane + ROW / 2


def _box(stroke: Stroke, x: float, right: float, y: float, seconds: float) -> Box:
    height = _HEIGHTS[stroke.shape]
    return Box(x, y - height / 2, max(right - x, THINNEST), height, stroke, seconds)


def _inset(scale: Scale) -> float:
    return INSET if len(scale.phases) > 1 else 0.0


def _ticks(scale: Scale) -> Iterable[Tick]:
    several = len(scale.phases) > 1
    for letter, phase in zip(_LETTERS, scale.phases, strict=False):
        size = step((FINE_TICK_ROOM if several else TICK_ROOM) / phase.per_second)
        most = int((phase.end - phase.start) / size + 1e-9)
        for count in range(most + 1):
            word = _tick(count * size, most * size)
            text = (letter if several else "0") if count == 0 else f"+{word}" if several else word
            x = phase.place(phase.start + count * size)
            if x <= RIGHT - CROWDED or size * phase.per_second >= 2 * CROWDED:
                yield Tick(x, text)


def _tick(seconds: float, longest: float) -> str:
    """All ticks of an axis in one unit, below a minute."""
    if longest >= 60:
        return span(seconds)
    return f"{round(seconds, 4):g} s" if longest >= 1 else f"{round(seconds * 1000, 1):g} ms"


def _breaks(scale: Scale) -> Iterable[Span]:
    for before, after in pairwise(scale.phases):
        text = f"{span(after.start - before.end)} left out"
        yield Span(before.right + INSET, after.x - INSET, 0.0, text)


def _bands(phases: Sequence[Interval], scale: Scale) -> tuple[Span, ...]:
    """Where the phases of the second panel lie on the whole scale."""
    found = []
    for letter, (start, end) in zip(_LETTERS, phases, strict=False):
        x, right = scale.place(start) or LEFT, scale.place(end) or RIGHT
        found.append(Span(x - 1.5, max(right, x) + 1.5, 0.0, letter))
    return tuple(found)


def _told(phases: Sequence[Interval], began_at: datetime) -> list[str]:
    """In words where the phases lie, and what is left out between them."""
    words = ["one scale for all phases; a broken axis leaves out time in which nothing of this happened"]
    days = phases[-1][1] >= 86400
    for index, (letter, (start, end)) in enumerate(zip(_LETTERS, phases, strict=False)):
        at = began_at + timedelta(seconds=start)
        words.append(f"{letter} from {second(at) if days else clock(at)}, {span(end - start)}")
        if index + 1 < len(phases):
            words.append(f"{span(phases[index + 1][0] - end)} left out")
    return words


PATHS = {
    Shape.CHECK: "M{x:.2f} {y:.1f}m-5 0l3.5 4l6.5 -8",
    Shape.CROSS: "M{x:.2f} {y:.1f}m-4 -4l8 8m0 -8l-8 8",
    Shape.RING: "M{x:.2f} {y:.1f}m-4.5 0a4.5 4.5 0 1 0 9 0a4.5 4.5 0 1 0 -9 0",
    Shape.DOT: "M{x:.2f} {y:.1f}m-4 0a4 4 0 1 0 8 0a4 4 0 1 0 -8 0",
    Shape.TICK: "M{x:.2f} {y:.1f}m0 -5l0 10",
    Shape.TRIANGLE: "M{x:.2f} {y:.1f}m0 -6l5.5 10l-11 0z",
    Shape.DIAMOND: "M{x:.2f} {y:.1f}m0 -6l6 6l-6 6l-6 -6z",
}
