"""A real browser, where there is one: Debian's Chromium, driven by Playwright."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

CHROMIUM = os.environ.get("SAYSO_TEST_CHROMIUM") or shutil.which("chromium") or ""
PATIENCE_MS = 15_000.0


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium; the test is skipped, and says why, where it is not installed."""
    if not CHROMIUM:
        pytest.skip("chromium is not installed (Debian: apt-get install chromium), so nothing was looked at in a browser")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield launched
        launched.close()
