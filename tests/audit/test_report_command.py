"""`sayso audit report` as a person runs it. Source: docs/cli.md."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.audit.stories import ARCHIVES, TRUST
from workers.cli.main import run

REFUNDED = ARCHIVES / "refunded.sayso"


def test_page_is_written_and_its_verdict_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With 0, and with every field of the JSON."""
    out = tmp_path / "report.html"
    assert run(["audit", "report", str(REFUNDED), "-o", str(out), "--trust", str(TRUST), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["verdict"], told["page"], told["reasons"]) == ("VERIFIED", str(out), [])
    assert out.read_text().startswith("<!doctype html>")
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]


def test_page_without_pins_is_written_with_0_and_says_incomplete(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The page was written; what it says is no matter of the exit code."""
    assert run(["audit", "report", str(REFUNDED), "-o", str(tmp_path / "r.html")]) == 0
    assert capsys.readouterr().out.startswith("INCOMPLETE  ")


@pytest.mark.parametrize(
    ("archive", "out", "code", "words"),
    [
        ("nowhere.sayso", "r.html", 1, "cannot be read"),
        (str(REFUNDED), "nowhere/r.html", 2, "cannot be written"),
        (str(REFUNDED), ".", 2, "is a directory"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(
    archive: str,
    out: str,
    code: int,
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """And nothing is left behind."""
    monkeypatch.chdir(tmp_path)
    assert run(["audit", "report", archive, "-o", out]) == code
    (line,) = capsys.readouterr().err.splitlines()
    assert words in line
    assert list(tmp_path.iterdir()) == []
