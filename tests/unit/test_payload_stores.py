"""Payload stores over a real directory and a real fsspec file system: what is kept, and what is told apart from silence."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import fsspec
import pytest

from activities.errors import StoreSilent
from activities.payload_stores import MARK, PlacedPayloads, open_store
from activities.places import open_place
from audit.references import MAX_STORED, address_of
from policies.canonical import Digest
from tests.fakes.stores import made_store

CONTENT = b"what is too large for a history" * 100
ADDRESS = address_of(CONTENT)


@pytest.fixture(params=["directory", "objects"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[PlacedPayloads]:
    """One in a directory, and one in an object store of fsspec's own."""
    named = str(tmp_path / "payloads") if request.param == "directory" else f"memory://{uuid4()}"
    made = open_store(named)
    made.make()
    yield made
    if request.param == "objects":
        fsspec.filesystem("memory").store.clear()


async def test_what_is_put_is_got_by_its_digest(store: PlacedPayloads) -> None:
    assert await store.put(CONTENT) == ADDRESS
    assert await store.get(ADDRESS) == CONTENT


async def test_putting_again_is_no_error_and_changes_nothing(store: PlacedPayloads) -> None:
    """A task that is tried again puts the same content."""
    assert [await store.put(CONTENT) for _ in range(3)] == [ADDRESS] * 3
    assert await store.get(ADDRESS) == CONTENT


async def test_what_is_not_there_is_none(store: PlacedPayloads) -> None:
    assert await store.get(Digest("0" * 64)) is None


HOSTILE = [
    "",
    "0" * 63,
    "0" * 65,
    "A" * 64,
    "../" * 20 + "etc/passwd",
    "/etc/passwd",
    MARK,
    "g" * 64,
    "0" * 64 + "\n",
    "\u0660" * 64,
]


@pytest.mark.parametrize("address", HOSTILE)
async def test_address_that_is_none_is_never_followed(store: PlacedPayloads, address: str, tmp_path: Path) -> None:
    """64 lower-case hex digits; a stranger's signal may hold any text."""
    assert await store.get(Digest(address)) is None


@pytest.mark.promise("H11")
async def test_changed_content_is_none_and_is_not_taken_for_kept(tmp_path: Path) -> None:
    """Whoever may write to the store changes nothing unseen; and what is needed is not said to be kept where it is not."""
    store = made_store(tmp_path)
    path = await _put(store, tmp_path)
    path.chmod(0o600)
    path.write_bytes(CONTENT[:-1] + b"X")
    assert await store.get(ADDRESS) is None
    with pytest.raises(StoreSilent, match="is not what its name says"):
        await store.put(CONTENT)


async def test_what_is_too_large_is_none_and_is_not_read_whole(tmp_path: Path) -> None:
    store = made_store(tmp_path)
    path = await _put(store, tmp_path)
    path.chmod(0o600)
    os.truncate(path, MAX_STORED + 1)
    assert await store.get(ADDRESS) is None


async def test_files_are_spread_over_folders_and_for_their_owner_alone(tmp_path: Path) -> None:
    """So that a thousand million of them make folders of a quarter of a million."""
    store = made_store(tmp_path / "payloads")
    for number in range(50):
        await store.put(b"%d" % number)
    folders = {path.parent.name: path for path in (tmp_path / "payloads").rglob("*") if len(path.name) == 64}
    assert len(folders) > 40 and all(name == path.name[:3] for name, path in folders.items())
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "payloads").iterdir()} == {0o700}
    assert list((tmp_path / "payloads" / "partial").iterdir()) == []


def _moved(root: Path) -> None:
    root.rename(root.with_name("elsewhere"))


def _unmounted(root: Path) -> None:
    """What a mount point is without its disk: there, and empty."""
    _moved(root)
    root.mkdir()


def _without_mark(root: Path) -> None:
    (root / MARK).unlink()


def _in_the_way(root: Path) -> None:
    _moved(root)
    root.write_text("a file")


GONE: list[Callable[[Path], None]] = [_moved, _unmounted, _without_mark, _in_the_way]


@pytest.mark.promise("H11")
@pytest.mark.parametrize("away", GONE)
async def test_store_that_is_not_there_is_silent_and_not_empty(tmp_path: Path, away: Callable[[Path], None]) -> None:
    """Of an empty store everything is sealed for good; and what would be put there would be missed when it is back."""
    root = tmp_path / "payloads"
    store = made_store(root)
    await _put(store, root)
    away(root)
    with pytest.raises(StoreSilent):
        await store.get(Digest("0" * 64))
    with pytest.raises(StoreSilent):
        await store.put(b"another")
    with pytest.raises(StoreSilent):
        store.check()


async def test_store_that_is_back_answers_again(tmp_path: Path) -> None:
    root = tmp_path / "payloads"
    store = made_store(root)
    await _put(store, root)
    _moved(root)
    with pytest.raises(StoreSilent):
        await store.get(ADDRESS)
    root.with_name("elsewhere").rename(root)
    assert await store.get(ADDRESS) == CONTENT


async def test_what_was_fetched_is_remembered_within_bounds(tmp_path: Path) -> None:
    """What an address names never changes."""
    made_store(tmp_path)
    store = PlacedPayloads(open_place(str(tmp_path)), most_kept=8 * len(CONTENT))
    others = [await store.put(CONTENT + b"%d" % number) for number in range(8)]
    await _put(store, tmp_path)
    assert await store.get(ADDRESS) == CONTENT
    _moved(tmp_path / ADDRESS[:3])
    assert await store.get(ADDRESS) == CONTENT
    for address in others:
        if (tmp_path / address[:3]).exists():
            await store.get(address)
    assert await store.get(ADDRESS) is None


async def test_making_a_store_again_leaves_it_as_it_is(tmp_path: Path) -> None:
    store = made_store(tmp_path)
    address = await store.put(b"kept")
    store.make()
    assert await made_store(tmp_path).get(address) == b"kept"


@pytest.mark.parametrize(
    ("named", "words"),
    [
        ("s3://key:hunter2@bucket/payloads", "`s3://bucket/payloads` cannot be reached (Install s3fs"),
        ("nosuch://key:hunter2@bucket", "Protocol not known: nosuch"),
    ],
)
def test_place_that_cannot_be_used_is_told_without_its_password(named: str, words: str) -> None:
    """And says what to install."""
    with pytest.raises(StoreSilent) as refused:
        open_store(named)
    assert words in str(refused.value) and "hunter2" not in str(refused.value)


async def test_error_of_a_driver_is_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    """A driver may raise whatever its library raises: that is no answer that nothing is there."""
    named = f"memory://user:hunter2@{uuid4()}"
    store = open_store(named)
    store.make()

    def fail(*_: object, **__: object) -> bytes:
        raise RuntimeError("503 from https://user:hunter2@host")

    monkeypatch.setattr(type(fsspec.filesystem("memory")), "cat_file", fail)
    with pytest.raises(StoreSilent) as silent:
        await store.get(ADDRESS)
    assert "503" in str(silent.value) and "hunter2" not in str(silent.value)


async def _put(store: PlacedPayloads, root: Path) -> Path:
    """The file of CONTENT."""
    await store.put(CONTENT)
    return root / ADDRESS[:3] / ADDRESS
