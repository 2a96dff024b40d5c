"""F2 on the page: whoever writes into a mission writes text, and a browser finds only text. Source: docs/threats.md, F2."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import Environment, UndefinedError

from approvals.display import escaped, visible
from audit.report import page as pages
from audit.report.drawing import Timeline
from audit.report.page import environment, page
from audit.report.strokes import Stroke
from tests.audit.hostile import ATTACKS, HIDDEN, LONG, flooded, hostile
from tests.audit.pages import ATTRIBUTES, ELEMENTS, Page, html, report
from tests.audit.verifying import verifier
from tests.fakes.bench import Bench
from workers.reporting import templates


async def attacked(bench: Bench) -> Page:
    """The page of the hostile archive."""
    return Page(await html(await hostile(bench), verifier(bench.directories.now)))


@pytest.mark.promise("F2")
async def test_hostile_text_makes_no_element_and_no_attribute(bench: Bench) -> None:
    """Nothing runs, fetches or leads anywhere, whatever stands in arguments, reasons, names, answers and policies."""
    found = await attacked(bench)
    assert (found.tags - ELEMENTS, found.attributes - ATTRIBUTES) == (set(), set())
    assert len(found.all("style")) == len(found.all("body")) == len(found.all("h1")) == 1
    values = [value or "" for _, attributes in found.elements for value in attributes.values()]
    assert not [value for value in values if "alert" in value or "://" in value]


@pytest.mark.promise("F2")
@pytest.mark.parametrize("attack", ATTACKS)
async def test_hostile_text_is_there_as_text(attack: str, bench: Bench) -> None:
    """Character for character; templates and entities stay what they are."""
    found = await attacked(bench)
    assert found.text.count(attack) >= 10
    assert "49" not in found.text.replace(attack, "").split()


@pytest.mark.promise("F2")
async def test_what_does_not_show_as_itself_stands_there_by_its_escape(bench: Bench) -> None:
    """Right-to-left, invisible, control characters, lone surrogates, padding: only plain characters are on the page."""
    found = await attacked(bench)
    assert visible(HIDDEN) in found.text
    assert ("\\ud800 lone" in found.text, "[3999 blanks]" in found.text) == (True, True)
    assert [char for char in set(found.html) if visible(char) != char and char != "\n"] == []
    assert found.html.encode("utf-8")


@pytest.mark.promise("F2")
async def test_long_text_is_bounded_and_the_page_says_so(bench: Bench) -> None:
    """A million characters of an outsider make no page of megabytes, and are not left out unsaid."""
    found = await attacked(bench)
    assert len(found.html) < 300_000
    assert f"[{len(LONG) - 4000} more characters]" in found.text


@pytest.mark.promise("F2")
async def test_what_the_gate_signed_is_shown_whole(bench: Bench) -> None:
    """Arguments are what was decided about: to the last character, in whatever length the gate lets pass."""
    long = "".join(f"{number:05d} " for number in range(1200))
    await bench.propose({"order_id": "ORD-2001", "amount_minor": 4200, "currency": "EUR", "reason": long})
    found = Page(await html(flooded(bench, 0), verifier(bench.directories.now)))
    assert long.strip() in found.text


@pytest.mark.control("F2")
async def test_without_escaping_the_page_holds_a_script(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """One defence: the environment's escaping."""

    def unescaped(texts: dict[str, str]) -> Environment:
        found = environment(texts)
        found.autoescape = False
        return found

    monkeypatch.setattr(pages, "environment", unescaped)
    assert "script" in (await attacked(bench)).tags


@pytest.mark.control("F2")
async def test_without_visible_text_a_page_is_turned_around(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other defence: HTML's escaping lets right-to-left strokes pass."""
    for name in ("visible", "escaped"):
        monkeypatch.setattr(pages, name, lambda text: text.replace("\ud800", ""))
    assert "\u202e" in (await attacked(bench)).html


@pytest.mark.promise("F2")
@pytest.mark.promise("F4")
async def test_flood_of_strangers_hides_nothing_of_what_counted(bench: Bench) -> None:
    """Beyond a few hundred a page says how many more there are, and the decisions that counted are never among them."""
    await bench.propose()
    for number in range(400):
        bench.say({"proposal": bench.found().digest, "verdict": "approve", "approver": f"stranger-{number}"})
    bench.approve("sam")
    await bench.settle()
    found = (await report(flooded(bench, 3000), verifier(bench.directories.now))).story
    assert found is not None
    (proposal,) = found.proposals.shown
    assert [said.by.who for said in proposal.decisions.shown if said.counts] == ["sam"]
    assert (len(proposal.decisions.shown), proposal.decisions.more, found.strays.more) == (200, 201, 2800)
    assert [stroke.title for stroke in found_strokes(found.timeline) if stroke.title.startswith("approve by sam")]


def found_strokes(timeline: Timeline) -> list[Stroke]:
    """All points of the first panel."""
    return [point.stroke for point in timeline.panels[0].points]


async def test_long_waits_and_odd_clocks_are_drawn_all_the_same(bench: Bench) -> None:
    """A clock that steps back before the start, and one that runs on for years."""
    await bench.propose()
    bench.clock.now -= timedelta(days=3)
    bench.approve("sam")
    bench.clock.now += timedelta(days=4000)
    found = (await report(flooded(bench, 1), verifier(bench.directories.now))).story
    assert found is not None
    first, *_ = found.timeline.panels
    assert all(100 <= point.x <= 1000 for point in first.points)


@given(st.text())
def test_making_visible_text_safe_once_more_changes_nothing(text: str) -> None:
    """What a card made visible may pass through a page's own escaping."""
    assert escaped(visible(text)) == visible(text)
    assert escaped(escaped(text)) == escaped(text)


@pytest.mark.parametrize(
    "wrong", ["{{ nowhere }}", "{{ report.story }}", "{{ report.held == 1 }}", "{{ report.held / 2 }}", "{{ report and none }}"]
)
async def test_template_that_prints_anything_but_words_and_numbers_is_refused(wrong: str, bench: Bench) -> None:
    """A mistake in a template is an error, not a page with a hole."""
    found = await report(flooded(bench, 0), verifier(bench.directories.now))
    with pytest.raises((UndefinedError, TypeError)):
        page(found, {**templates(), "page.html": wrong})
