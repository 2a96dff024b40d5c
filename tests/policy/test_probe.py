"""A bundle is read by another process first. Source: workers/probe.py; promise H4."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from policies.errors import BundleError
from tests.policy.conftest import Copy
from workers.probe import probe, survived


@pytest.mark.promise("H4")
@pytest.mark.parametrize(
    ("script", "why"),
    [
        ("import os; os.abort()", "kills the process that reads it (SIGABRT)"),
        ("raise MemoryError", "fails (MemoryError)"),
        ("import sys; sys.exit(7)", "fails (exit code 7)"),
    ],
)
def test_reader_that_ends_badly_is_a_bundle_that_does_not_load(script: str, why: str) -> None:
    """However it ends."""
    with pytest.raises(BundleError) as error:
        survived([sys.executable, "-c", script], Path("there"))
    assert why in str(error.value)
    assert "\n" not in str(error.value)


def test_reader_that_never_ends_is_a_bundle_that_does_not_load(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bounded in time."""
    monkeypatch.setattr("workers.probe.SECONDS", 0.2)
    with pytest.raises(BundleError, match="takes longer than"):
        survived([sys.executable, "-c", "while True: pass"], Path("there"))


def test_reader_does_not_import_from_where_it_is_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, copy: Copy) -> None:
    """Somebody else's bundle may lie beside somebody else's `yaml.py`."""
    (tmp_path / "yaml.py").write_text("raise SystemExit(99)")
    monkeypatch.chdir(tmp_path)
    probe(copy.root)


def test_reader_lives_where_less_is_allowed_than_it_may_take(copy: Copy) -> None:
    """Its own limits never raise the machine's."""
    script = "import resource; resource.setrlimit(resource.RLIMIT_AS, (2**31, 2**31)); from workers.probe import main; main()"
    survived([sys.executable, "-P", "-c", script, str(copy.root)], copy.root)
