"""Key rings where they are kept: by reference only, for their owner alone, whole or not at all."""

from __future__ import annotations

import json
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.rings import ring_file, ring_text
from workers.cli.main import run
from workers.errors import WrongUse
from workers.ring_files import add_key, ring_in_file, ring_of, written_ring
from workers.settings import Role, read


def test_ring_is_read_from_a_file_or_another_variable(tmp_path: Path) -> None:
    path = ring_file(tmp_path)
    for environment in ({"SAYSO_KEY_RING": f"file:{path}"}, {"SAYSO_KEY_RING": "env:OUR_RING", "OUR_RING": ring_text()}):
        found = ring_of(environment)
        assert found is not None and (found.active, found.ids) == ("test-1", ("test-1", "test-2"))


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644])
def test_file_that_others_may_use_is_refused_with_the_way_out(tmp_path: Path, mode: int) -> None:
    path = ring_file(tmp_path)
    path.chmod(mode)
    with pytest.raises(WrongUse, match=f"`chmod 600 {path}`"):
        ring_in_file(path)


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"SAYSO_KEY_RING": ring_text()}, "neither `file:PATH` nor `env:NAME`"),
        ({"SAYSO_KEY_RING": f"file:{ring_text()}"}, "neither `file:PATH` nor `env:NAME`"),
        ({"SAYSO_KEY_RING": f"env:{ring_text()}"}, "neither `file:PATH` nor `env:NAME`"),
        ({"SAYSO_KEY_RING": "file:"}, "neither `file:PATH` nor `env:NAME`"),
        ({"SAYSO_KEY_RING": "env:GONE"}, "the variable GONE, which is not set"),
        ({"SAYSO_KEY_RING": "env:RING", "RING": ring_text()[:-5]}, "what is in RING is no key ring"),
        ({"SAYSO_KEY_RING": "file:/nowhere"}, "`/nowhere` cannot be read"),
        ({"SAYSO_KEY_RING": "file:/"}, "`/` cannot be read"),
        ({}, "SAYSO_KEY_RING is not set"),
        ({"SAYSO_ENCRYPTION": "on"}, "SAYSO_ENCRYPTION knows only `off`"),
        ({"SAYSO_ENCRYPTION": "OFF"}, "SAYSO_ENCRYPTION knows only `off`"),
        ({"SAYSO_ENCRYPTION": "off", "SAYSO_KEY_RING": "file:/nowhere"}, "`/nowhere` cannot be read"),
    ],
)
def test_worker_without_a_ring_that_works_does_not_start(environment: dict[str, str], message: str) -> None:
    """And never says what was in the variable."""
    with pytest.raises(WrongUse, match=message) as refused:
        read([Role.MISSION], environment)
    said = str(refused.value)
    assert len(said.splitlines()) == 1
    assert not any(key in said for key in json.loads(ring_text())["keys"].values())


def test_worker_goes_without_only_where_it_is_told_so(tmp_path: Path) -> None:
    """With a ring it still opens what was encrypted before."""
    off = {"SAYSO_ENCRYPTION": "off", "SAYSO_PAYLOAD_STORE": "off"}
    without = read([Role.MISSION], off)
    reading = read([Role.MISSION], off | {"SAYSO_KEY_RING": f"file:{ring_file(tmp_path)}"})
    assert (without.ring, without.encrypts, reading.encrypts) == (None, False, False)
    assert reading.ring is not None


def sayso(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    """What the command prints with `--json`."""
    assert run([*arguments, "--json"]) == 0
    printed = capsys.readouterr().out
    assert "keys" not in printed
    return json.loads(printed)


def test_ring_is_made_rotated_and_activated_by_commands(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Old keys stay; nothing half-written is left."""
    path = tmp_path / "ring.json"
    first = sayso(capsys, "keys", "ring", "new", "--out", str(path))["active"]
    second = sayso(capsys, "keys", "ring", "rotate", "--ring", str(path), "--id", "second")["added"]
    third = sayso(capsys, "keys", "ring", "rotate", "--ring", str(path), "--later")["added"]
    assert (ring_in_file(path).active, ring_in_file(path).ids) == ("second", (first, second, third))
    sayso(capsys, "keys", "ring", "activate", third, "--ring", str(path))
    assert ring_in_file(path).active == third
    assert list(tmp_path.iterdir()) == [path] and stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("new", "--out", "RING"), "exists and is not overwritten"),
        (("new", "--out", "other", "--id", "No Id"), "a key's id is 1 to 32"),
        (("rotate", "--ring", "RING", "--id", "test-1"), "there is a key `test-1` already"),
        (("rotate", "--ring", "nowhere"), "cannot be read"),
        (("activate", "gone", "--ring", "RING"), "has no such key; it has test-1, test-2"),
        (("activate", "gone", "--data", "nowhere"), "no stack is set up"),
    ],
)
def test_command_that_cannot_be_done_changes_nothing(
    arguments: tuple[str, ...],
    message: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ring_file(tmp_path).rename(tmp_path / "RING")
    monkeypatch.chdir(tmp_path)
    assert run(["keys", "ring", *arguments]) == 2
    assert message in capsys.readouterr().err
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"RING": ring_text()}


def test_written_ring_shows_no_key(tmp_path: Path) -> None:
    assert "**********" in repr(written_ring(ring_file(tmp_path)))


def test_keys_that_are_added_at_the_same_time_are_all_kept(tmp_path: Path) -> None:
    """A key that was lost after it encrypted would take with it what it encrypted."""
    path = ring_file(tmp_path)
    with ThreadPoolExecutor(8) as pool:
        added = list(pool.map(lambda _: add_key(path), range(32)))
    assert set(written_ring(path).keys) == {"test-1", "test-2", *added}


def test_ring_behind_a_link_is_changed_where_it_is(tmp_path: Path) -> None:
    """Else who reads the link and who reads the file would have two rings."""
    (tmp_path / "kept").mkdir()
    path = ring_file(tmp_path / "kept")
    link = tmp_path / "ring.json"
    link.symlink_to(path)
    added = add_key(link)
    assert link.is_symlink() and added in written_ring(path).keys
