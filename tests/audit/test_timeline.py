"""The timeline is to scale, and where it breaks its axis it says so. Source: docs/decisions/0018-report.md."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.report.drawing import RIGHT, THINNEST, Timeline
from audit.report.labels import CHARACTER, Label
from audit.report.scale import MOST_BREAKS, magnified, step, whole, working
from audit.report.times import span
from audit.verification.verify import Verifier
from tests.audit.hostile import flooded
from tests.audit.pages import report
from tests.audit.stories import STORIES, archive
from tests.audit.verifying import verifier
from tests.fakes.bench import Bench

SECONDS = st.floats(0, 1e6, allow_nan=False)


async def timeline(data: bytes, by: Verifier) -> Timeline:
    """The timeline of an archive."""
    found = (await report(data, by)).story
    assert found is not None
    return found.timeline


async def waited(bench: Bench, **wait: float) -> Timeline:
    """Of a mission whose one approver took so long."""
    await bench.propose()
    bench.clock.advance(**wait)
    bench.approve("sam")
    await bench.settle()
    return await timeline(flooded(bench, 0), verifier(bench.directories.now))


@pytest.mark.parametrize("name", STORIES)
async def test_on_the_whole_scale_places_are_proportional_to_time(name: str, ours: Verifier) -> None:
    """Every stroke and every bar, with one scale for all of them."""
    panel = (await timeline(archive(name), ours)).panels[0]
    run = panel.boxes[0]
    assert run.x + run.width == pytest.approx(RIGHT)
    per_second = run.width / (run.stroke.until - run.stroke.at).total_seconds()  # type: ignore[operator]
    places = [(point.x, point.seconds) for point in panel.points] + [(box.x, box.seconds) for box in panel.boxes]
    for x, seconds in places:
        assert x == pytest.approx(run.x + seconds * per_second, abs=0.01)
    for box in panel.boxes:
        assert box.stroke.until is not None
        long = (box.stroke.until - box.stroke.at).total_seconds() * per_second
        assert box.width == pytest.approx(max(long, THINNEST), abs=0.01)


async def test_days_of_waiting_are_left_out_of_the_second_scale_and_said_to_be(bench: Bench) -> None:
    """The first scale shows them in full; the second has one scale for all that is left."""
    whole_time, phases = (await waited(bench, hours=20)).panels
    assert [band.text for band in whole_time.bands] == ["A", "B"]
    assert (len(phases.breaks), phases.breaks[0].text) == (1, "20 h left out")
    assert any("20 h left out" in words for words in phases.words)
    strokes = sorted((point.seconds, point.x) for point in phases.points)
    before = [(seconds, x) for seconds, x in strokes if seconds < 3600]
    after = [(seconds, x) for seconds, x in strokes if seconds > 3600]
    pairs = [pair for part in (before, after) for pair in pairwise(part) if pair[1][0] > pair[0][0]]
    assert len({round((b[1] - a[1]) / (b[0] - a[0]), 3) for a, b in pairs}) == 1


async def test_what_hardly_waits_has_one_scale(bench: Bench) -> None:
    """A break that leaves out little would only confuse."""
    assert len((await waited(bench, seconds=1)).panels) == 1


def room(label: Label) -> tuple[float, float, float]:
    """The row of a label, and from where to where it reaches."""
    wide = CHARACTER * len(label.text)
    return (label.y, label.x, label.x + wide) if label.anchor == "start" else (label.y, label.x - wide, label.x)


async def test_no_label_lies_on_another_or_on_a_break(bench: Bench) -> None:
    """Each label has its room; one without is left to its stroke's title."""
    for panel in (await waited(bench, hours=20)).panels:
        rooms = [room(label) for label in panel.labels]
        for index, (y, left, right) in enumerate(rooms):
            assert not [other for other in rooms[index + 1 :] if other[0] == y and other[1] < right and left < other[2]]
            assert not [cut for cut in panel.breaks if cut.x < right and left < cut.right]


@given(st.lists(st.tuples(SECONDS, SECONDS).map(lambda pair: (min(pair), max(pair))), min_size=1), SECONDS)
def test_every_moment_of_work_is_in_a_phase(busy: list[tuple[float, float]], rest: float) -> None:
    """Whatever is left out, nothing that happened is: phases are in order, and hold all of it."""
    seconds = max(end for _, end in busy) + rest + 1e-3
    phases = working(busy, seconds)
    assert len(phases) <= MOST_BREAKS + 1
    assert all(before[1] < after[0] for before, after in pairwise(phases))
    if phases:
        assert all(any(low <= start and end <= high for low, high in phases) for start, end in busy)
        scale = magnified(phases, 100, 1000, 30, 9)
        assert all(100 <= phase.x <= phase.right <= 1000.01 for phase in scale.phases)
        assert len({phase.per_second for phase in scale.phases}) == 1


@given(st.floats(1e-3, 1e9), st.floats(0, 1), st.floats(0, 1))
def test_whole_scale_is_linear(seconds: float, first: float, second: float) -> None:
    """Half the time is half the way."""
    scale = whole(seconds, 100, 900)
    a, b = scale.place(first * seconds), scale.place(second * seconds)
    assert a is not None and b is not None
    assert a - b == pytest.approx((first - second) * 800, abs=1e-6)


@given(st.floats(1e-3, 1e10))
def test_step_of_an_axis_is_large_enough_and_not_much_larger(seconds: float) -> None:
    """So that ticks have room, and there are some."""
    assert seconds <= step(seconds) * (1 + 1e-9) and step(seconds) <= seconds * 2.6 + 1e-3


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"), (0.0412, "41 ms"), (0.9999, "1 s"), (16.702, "16.7 s"), (60, "1 min"), (200, "3 min 20 s"),
        (timedelta(days=3, hours=4, minutes=5).total_seconds(), "3 d 4 h"), (-2, "-2 s"),
    ],
)  # fmt: skip
def test_spans_are_told_in_words(seconds: float, words: str) -> None:
    """Two units at most."""
    assert span(seconds) == words
