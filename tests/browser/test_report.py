"""The report in a browser: it runs and fetches nothing, hides nothing, is to scale. Source: docs/decisions/0018-report.md."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from jinja2 import Environment
from playwright.async_api import Browser, Page, async_playwright

from approvals.display import visible
from audit.report import page as pages
from audit.report.page import environment
from audit.verification.verify import Verifier
from policies.load import load_trust
from tests.audit.hostile import ATTACKS, HIDDEN, hostile
from tests.audit.pages import html, written
from tests.audit.stories import STORIES, TRUST, archive
from tests.audit.verifying import verifier
from tests.fakes.bench import Bench

pytestmark = pytest.mark.slow

CHROMIUM = os.environ.get("SAYSO_TEST_CHROMIUM") or shutil.which("chromium") or ""
SCREEN = {"width": 1280, "height": 900}
PHONE = {"width": 390, "height": 844}
BELOW = "element => element.getBoundingClientRect().bottom"
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
HIDDEN_TEXT = """() => [...document.querySelectorAll('body *')].filter(element => {
  const style = getComputedStyle(element);
  return ['hidden', 'clip'].includes(style.overflow) && element.tagName !== 'svg' && !element.closest('svg')
    || style.display === 'none' && element.tagName !== 'THEAD' && element.textContent.trim() && !element.closest('thead, svg')
    || style.visibility !== 'visible';
}).map(element => element.outerHTML.slice(0, 200))"""
PLACES = """() => [...document.querySelectorAll('figure:first-of-type [data-seconds]')].map(stroke => {
  const box = stroke.getBBox(), bar = stroke.tagName === 'rect';
  return [parseFloat(stroke.dataset.seconds), bar ? box.x : box.x + box.width / 2, stroke.getAttribute('class')];
})"""


@dataclass
class Seen:
    """A page that was opened, and what the browser had to say about it."""

    page: Page
    console: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)


@asynccontextmanager
async def opened(chromium: Browser, path: Path, size: dict[str, int]) -> AsyncIterator[Seen]:
    """The page of a file, in a window of *size*, with everything remembered."""
    page = await chromium.new_page(viewport={"width": size["width"], "height": size["height"]})
    seen = Seen(page)
    page.on("console", lambda message: seen.console.append(message.text))
    page.on("pageerror", lambda error: seen.console.append(str(error)))
    page.on("dialog", lambda dialog: seen.console.append(f"dialog {dialog.message}"))
    page.on("request", lambda request: seen.requests.append(request.url))
    try:
        await page.goto(path.as_uri())
        yield seen
    finally:
        await page.close()


@pytest.fixture(scope="module")
async def chromium() -> AsyncIterator[Browser]:
    """One real browser for all of these; without it they are skipped, and say so."""
    if not CHROMIUM:
        pytest.skip("chromium is not installed (Debian: apt-get install chromium), so no report was looked at in a browser")
    async with async_playwright() as playwright:
        found = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield found
        await found.close()


@pytest.fixture(scope="session")
def by() -> Verifier:
    """Verifies with the pins of the house that the archives were recorded in."""
    return verifier(load_trust(TRUST))


async def attacked(bench: Bench, tmp_path: Path) -> Path:
    """The page of the hostile archive."""
    return written(tmp_path / "hostile.html", await html(await hostile(bench), verifier(bench.directories.now)))


@pytest.mark.parametrize("name", STORIES)
async def test_page_is_quiet_and_fetches_nothing(name: str, chromium: Browser, by: Verifier, tmp_path: Path) -> None:
    """One request, for the page itself; no word on the console, where a violation of its policy would stand."""
    path = written(tmp_path / "report.html", await html(archive(name), by))
    async with opened(chromium, path, SCREEN) as seen:
        assert (seen.requests, seen.console) == ([path.as_uri()], [])
        assert await seen.page.evaluate(OVERFLOW) <= 0


@pytest.mark.promise("F2")
async def test_hostile_text_is_seen_as_text(chromium: Browser, bench: Bench, tmp_path: Path) -> None:
    """Every attack is there to be read, and none did anything."""
    path = await attacked(bench, tmp_path)
    async with opened(chromium, path, SCREEN) as seen:
        text = " ".join((await seen.page.inner_text("body")).split())
        assert [attack for attack in (*ATTACKS, visible(HIDDEN)) if attack not in text] == []
        assert await seen.page.title() == f"FAILED: refund-{ATTACKS[2]}"
        assert (seen.requests, seen.console) == ([path.as_uri()], [])
        assert await seen.page.evaluate("document.scripts.length + document.images.length + document.links.length") == 0


@pytest.mark.control("F2")
async def test_without_escaping_the_policy_of_the_page_still_stops_the_script(
    chromium: Browser, bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With one defence taken out there is a script; the next one, the policy, refuses it, and this test can see that."""

    def unescaped(texts: dict[str, str]) -> Environment:
        found = environment(texts)
        found.autoescape = False
        return found

    monkeypatch.setattr(pages, "environment", unescaped)
    path = await attacked(bench, tmp_path)
    async with opened(chromium, path, SCREEN) as seen:
        assert await seen.page.evaluate("document.scripts.length") > 0
        assert not [line for line in seen.console if line.startswith("dialog")]
        assert [line for line in seen.console if "Content Security Policy" in line]


@pytest.mark.promise("F2")
@pytest.mark.parametrize("size", [SCREEN, PHONE], ids=["screen", "phone"])
async def test_nothing_is_pushed_off_or_hidden(size: dict[str, int], chromium: Browser, bench: Bench, tmp_path: Path) -> None:
    """Long texts wrap: the page is never wider than its window, the verdict stands on top, and no style hides text."""
    async with opened(chromium, await attacked(bench, tmp_path), size) as seen:
        assert await seen.page.evaluate(OVERFLOW) <= 0
        assert await seen.page.evaluate(HIDDEN_TEXT) == []
        assert await seen.page.locator(".badge").evaluate(BELOW) < 120


@pytest.mark.parametrize("name", ["refunded", "denied", "expired", "large", "revoked"])
async def test_first_screen_holds_the_whole_story(name: str, chromium: Browser, by: Verifier, tmp_path: Path) -> None:
    """Verdict, what was wanted, who decided, what was done, and the timeline, at 1280 by 900."""
    path = written(tmp_path / "report.html", await html(archive(name), by))
    async with opened(chromium, path, SCREEN) as seen:
        assert await seen.page.locator(".timeline").evaluate(BELOW) <= SCREEN["height"]


@pytest.mark.parametrize("name", ["refunded", "expired", "batch", "unknown-then-retried"])
async def test_marks_are_drawn_in_proportion_to_time(name: str, chromium: Browser, by: Verifier, tmp_path: Path) -> None:
    """As the browser lays them out: one straight line from seconds to places."""
    path = written(tmp_path / "report.html", await html(archive(name), by))
    async with opened(chromium, path, SCREEN) as seen:
        strokes = await seen.page.evaluate(PLACES)
    (begin, *_), end = [x for _, x, shape in strokes if "run" in shape], 990.0
    longest = max(seconds for seconds, *_ in strokes)
    # A check and a triangle lean: their middle is not where they point.
    straight = [(seconds, x) for seconds, x, shape in strokes if "check" not in shape]
    assert len(straight) > 3
    for seconds, x in straight:
        assert x == pytest.approx(begin + (end - begin) * seconds / longest, abs=1)


async def test_page_prints_on_a4_without_losing_anything(chromium: Browser, by: Verifier, tmp_path: Path) -> None:
    """Chromium prints it to PDF; on paper it is light, and as wide as the sheet."""
    path = written(tmp_path / "report.html", await html(archive("large"), by))
    async with opened(chromium, path, {"width": 703, "height": 1020}) as seen:
        await seen.page.emulate_media(media="print", color_scheme="dark")
        assert await seen.page.evaluate(OVERFLOW) <= 0
        assert await seen.page.evaluate("getComputedStyle(document.documentElement).backgroundColor") == "rgb(255, 255, 255)"
        printed = await seen.page.pdf(prefer_css_page_size=True)
    assert printed.startswith(b"%PDF")
    assert 2 <= len(re.findall(rb"/Type\s*/Page[^s]", printed)) <= 12
