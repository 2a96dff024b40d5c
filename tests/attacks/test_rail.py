"""Whatever was said, refused or left to lapse is on the rail, and nothing hides from it. Source: docs/threats.md, I7."""

from __future__ import annotations

import pytest
from temporalio.api.enums.v1 import EventType

from audit import trail
from audit.observation import Mark, Observation
from audit.rail import rail
from tests.fakes.bench import Bench
from tests.fakes.kit import Kit
from tests.fakes.stories import STORIES, eventful


def told(bench: Bench) -> dict[int, Observation]:
    """The rail of the bench's mission, by event."""
    return {entry.event_id: entry for entry in rail(bench.mission.record(), bench.law.directory)}


@pytest.mark.promise("G13")
async def test_every_signal_is_told_whatever_it_is(bench: Bench) -> None:
    """Malformed, sealed, of no value or several, under any name, forged, refused, late, or the gate's own."""
    await bench.propose()
    bench.say(b"\xff")
    bench.say({"approve": "please"})
    bench.mission.signal("decide")
    bench.mission.signal("decide", "one", "two")
    bench.mission.signal("hello", "x" * 100_000)
    bench.mission.signal("used", {"kind": "claim"})
    bench.approve("olga", "stranger", "sam")
    await bench.settle()
    bench.deny("lena")
    await bench.settle()
    signals = {heard.event_id for heard in bench.mission.record().signals}
    kinds = [str(entry.kind) for number, entry in told(bench).items() if number in signals]
    assert kinds == ["refused"] * 8 + ["decided", "used", "late"]


@pytest.mark.promise("G13")
@pytest.mark.parametrize("story", STORIES)
async def test_every_answer_of_the_gate_is_told_with_its_reasons(kit: Kit, story: str) -> None:
    """Refusals, expiries, revocations, freezes: each settlement and refusal is an observation of its own, signed."""
    bench = eventful(kit)
    await STORIES[story](bench)
    answers = [done.event_id for done in bench.mission.record().completed if done.activity in ("propose", "settle")]
    entries = told(bench)
    assert answers and all(entries[number].assurance == "signed" and entries[number].what for number in answers)


def hide(bench: Bench) -> int:
    """Somebody who can write histories gives a decision the number of a timer that fired."""
    bench.say({"approve": "please"})
    bench.mission.events[-1].event_type = EventType.EVENT_TYPE_TIMER_FIRED
    return len(bench.mission.events)


@pytest.mark.promise("G13")
async def test_nothing_hides_under_an_event_that_is_folded(bench: Bench) -> None:
    """An event whose attributes are another's is shown, and nothing after it is believed."""
    await bench.propose()
    hidden = hide(bench)
    bench.approve("sam")
    entries = told(bench)
    assert "with the attributes of workflow execution signaled" in entries[hidden].what
    assert entries[hidden].marks == entries[hidden + 1].marks == (Mark.UNSOUND,)


@pytest.mark.control("G13")
async def test_decision_hides_where_attributes_are_not_looked_at(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """One defence: what an event carries must be what its type says."""
    await bench.propose()
    hidden = hide(bench)
    monkeypatch.setattr(trail, "attributes_of", lambda event: None)
    assert hidden not in told(bench)
