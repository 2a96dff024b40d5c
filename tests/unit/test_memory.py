"""What a gate remembers of freezes, on disk. Source: docs/decisions/0010-freeze.md."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from activities.errors import Forgotten
from activities.memory import FileMemory
from approvals.freeze import Remembered

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
SEEN = Remembered(run_id="run-1", began_at=NOON, thawed=False, at=NOON)


def test_memory_outlives_its_process(tmp_path: Path) -> None:
    """Nothing at first, then the last freeze alone; one namespace knows nothing of another."""
    assert FileMemory(tmp_path, "default").read() is None
    FileMemory(tmp_path, "default").write(SEEN)
    FileMemory(tmp_path, "default").write(SEEN.model_copy(update={"thawed": True}))
    found = FileMemory(tmp_path, "default").read()
    assert found is not None and (found.run_id, found.thawed) == ("run-1", True)
    assert FileMemory(tmp_path, "../default").read() is None
    assert [path.name for path in tmp_path.iterdir()] == ["freeze-default.json"]


@pytest.mark.promise("D11")
@pytest.mark.parametrize("content", ["", "{}", "null", '{"run_id": "run-1", "began_at"', "\udcff"])
def test_memory_that_cannot_be_read_is_an_error_and_never_nothing(tmp_path: Path, content: str) -> None:
    """None would mean that there never was a freeze."""
    (tmp_path / "freeze-default.json").write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises(Forgotten, match="nothing is sent"):
        FileMemory(tmp_path, "default").read()


@pytest.mark.promise("D11")
def test_memory_without_its_directory_is_an_error(tmp_path: Path) -> None:
    """A volume that is not mounted is no sign that nothing was frozen."""
    memory = FileMemory(tmp_path / "gone", "default")
    with pytest.raises(Forgotten, match="no such directory"):
        memory.read()
    with pytest.raises(Forgotten):
        memory.write(SEEN)


def test_write_that_fails_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file is the old one or the new one."""
    memory = FileMemory(tmp_path, "default")
    memory.write(SEEN)

    def full(fd: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(Forgotten, match="No space left"):
        memory.write(SEEN.model_copy(update={"run_id": "run-2"}))
    assert memory.read() == SEEN
