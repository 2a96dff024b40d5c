"""
An index under attack: whatever somebody who can write to the store does to it, `sayso audit verify --index` does not say
VERIFIED. Source: issue 4, item 5; docs/audit-format.md.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from audit.index import START, Entry, Head, head_of, line_of, sign
from audit.verification.index import CHECKS
from audit.verification.result import Found, holds
from tests.audit.keys import THEIRS, signer
from tests.audit.placing import KEPT, PlaceOnDisk, Verify, make_place, write
from tests.audit.stories import ARCHIVES, TRUST
from tests.conftest import Without

EXPORTER = signer("exporter")


@pytest.fixture
def place(tmp_path: Path) -> PlaceOnDisk:
    """Five archived missions."""
    return make_place(tmp_path / "place", EXPORTER)


@pytest.fixture
def verify(capsys: pytest.CaptureFixture[str]) -> Verify:
    """The command."""
    return Verify(capsys)


@pytest.fixture
def head(place: PlaceOnDisk) -> str:
    """What somebody wrote down before the attack."""
    return str(head_at(place, len(KEPT)))


def head_at(place: PlaceOnDisk, number: int) -> Head:
    """The head when *number* was the last entry."""
    return Head(number=number, digest=line_of(place.entry(number).read_bytes()).entry.link)


def test_whole_place_is_verified_with_every_archive_in_it(place: PlaceOnDisk, verify: Verify, head: str) -> None:
    """The control of every attack below: untouched, it verifies."""
    said = verify(place, "--head", head, deep=True)
    assert (said.code, said.doubts()) == (0, {}), said
    assert [each["verdict"] for each in said.data["archives"]] == ["VERIFIED"] * len(KEPT)
    assert said.data["head"] == head


def cut_archive(place: PlaceOnDisk) -> None:
    """Half of an archive."""
    data = place.archive(2).read_bytes()
    write(place.archive(2), data[: len(data) // 2])


def edit_archive(place: PlaceOnDisk) -> None:
    """One bit, in the middle."""
    data = bytearray(place.archive(2).read_bytes())
    data[len(data) // 2] ^= 1
    write(place.archive(2), bytes(data))


def swap_archives(place: PlaceOnDisk) -> None:
    """Each under the other's name, and both as large as listed."""
    one, other = place.archive(2).read_bytes(), place.archive(3).read_bytes()
    assert len(one) == len(other)
    write(place.archive(2), other)
    write(place.archive(3), one)


def put_another_mission(place: PlaceOnDisk) -> None:
    """A good archive of another run in the place of one."""
    write(place.archive(2), (ARCHIVES / "batch.sayso").read_bytes())


def swap_entries(place: PlaceOnDisk) -> None:
    """Each under the other's number."""
    one, other = place.entry(2).read_bytes(), place.entry(3).read_bytes()
    write(place.entry(2), other)
    write(place.entry(3), one)


def delete_middle(place: PlaceOnDisk) -> None:
    """An entry with its archive."""
    place.archive(3).unlink()
    place.entry(3).unlink()


def delete_first(place: PlaceOnDisk) -> None:
    """The first entry with its archive."""
    place.archive(1).unlink()
    place.entry(1).unlink()


def renumber(place: PlaceOnDisk) -> None:
    """The third entry is taken out, and those after it move up."""
    place.archive(3).unlink()
    write(place.entry(3), place.entry(4).read_bytes())
    write(place.entry(4), place.entry(5).read_bytes())
    place.entry(5).unlink()


def repeat_entry(place: PlaceOnDisk) -> None:
    """The last entry once more, under the next number."""
    write(place.entry(6), place.entry(5).read_bytes())


def edit_entry(place: PlaceOnDisk) -> None:
    """One character of an entry's payload."""
    header, payload, signature = place.entry(3).read_text().split(".")
    changed = payload[:40] + ("A" if payload[40] != "A" else "B") + payload[41:]
    write(place.entry(3), ".".join((header, changed, signature)).encode())


def empty_entry(place: PlaceOnDisk) -> None:
    """Nothing is left of an entry."""
    write(place.entry(3), b"")


def swell_entry(place: PlaceOnDisk) -> None:
    """More than is ever read of an entry."""
    write(place.entry(3), b"x" * 20_000)


def put_folder_in_place_of_entry(place: PlaceOnDisk) -> None:
    """What cannot be read at all."""
    place.entry(3).unlink()
    place.entry(3).mkdir()


def put_folder_among_archives(place: PlaceOnDisk) -> None:
    """Likewise."""
    place.archive(3).with_name("folder").mkdir()


def list_twice(place: PlaceOnDisk) -> None:
    """An exporter that lists a run again: only who has its key could."""
    last = line_of(place.entry(5).read_bytes()).entry
    place.list("refunded", 6, last.link, EXPORTER)


def fork(place: PlaceOnDisk) -> None:
    """An entry that an exporter signed elsewhere, for the same number."""
    place.list("batch", 3, START, EXPORTER)


def put_stranger_in_index(place: PlaceOnDisk) -> None:
    """A file that is no entry."""
    write(place.entry(1).with_name("notes.txt"), b"hello")


def put_stranger_among_archives(place: PlaceOnDisk) -> None:
    """A file that is no archive."""
    write(place.archive(1).with_name("notes.txt"), b"hello")


def put_archive_nobody_lists(place: PlaceOnDisk) -> None:
    """A good archive of theirs."""
    write(place.archive(1).with_name("theirs.0123456789abcdef.sayso"), (ARCHIVES / "theirs.sayso").read_bytes())


def delete_archive(place: PlaceOnDisk) -> None:
    """One archive, its entry stays."""
    place.archive(4).unlink()


def delete_last_entry(place: PlaceOnDisk) -> None:
    """The index is cut off by one; the archive still lies there."""
    place.entry(5).unlink()


def sign_as_person(place: PlaceOnDisk) -> None:
    """The last entry, signed by a person whose key is pinned, for other things."""
    entry = line_of(place.entry(5).read_bytes()).entry
    write(place.entry(5), sign(entry, signer("sam")))


def sign_as_stranger_in_exporters_name(place: PlaceOnDisk) -> None:
    """The last entry, signed by another key under the exporter's key id."""
    entry = line_of(place.entry(5).read_bytes()).entry
    write(place.entry(5), sign(entry, signer("stranger", THEIRS, kid=EXPORTER.kid)))


@dataclass(frozen=True)
class Attack:
    """What is done to a place, and what must not hold of it after, where nobody remembered a head."""

    do: Callable[[PlaceOnDisk], None]
    doubts: dict[str, str]
    control: tuple[str, ...] = ()
    """The checks without which it would pass."""


FAILS, MISSING = "fails", "missing"
ATTACKS = [
    Attack(cut_archive, {"there": FAILS}, ("there",)),
    Attack(edit_archive, {"archive": FAILS}, ("archive",)),
    Attack(swap_archives, {"archive": FAILS}, ("archive",)),
    Attack(put_another_mission, {"there": FAILS}, ("there",)),
    Attack(delete_archive, {"there": FAILS}, ("there",)),
    Attack(swap_entries, {"numbers": FAILS, "links": FAILS}, ("numbers", "links")),
    Attack(delete_middle, {"numbers": FAILS}, ("numbers",)),
    Attack(delete_first, {"numbers": FAILS}, ("numbers",)),
    Attack(renumber, {"numbers": FAILS, "links": FAILS}, ("numbers", "links")),
    Attack(repeat_entry, {"numbers": FAILS, "links": FAILS, "runs": FAILS}, ("numbers", "links", "runs")),
    Attack(edit_entry, {"numbers": FAILS, "unlisted": MISSING}, ("numbers", "unlisted")),
    Attack(empty_entry, {"numbers": FAILS, "unlisted": MISSING}, ("numbers", "unlisted")),
    Attack(swell_entry, {"numbers": FAILS, "unlisted": MISSING}, ("numbers", "unlisted")),
    Attack(put_folder_in_place_of_entry, {"numbers": FAILS, "unlisted": MISSING}, ("numbers", "unlisted")),
    Attack(list_twice, {"runs": FAILS}, ("runs",)),
    Attack(fork, {"links": FAILS, "unlisted": MISSING}, ("links", "unlisted")),
    Attack(delete_last_entry, {"unlisted": MISSING}, ("unlisted",)),
    Attack(put_stranger_in_index, {"numbers": FAILS}, ("numbers",)),
    Attack(put_stranger_among_archives, {"unlisted": FAILS}, ("unlisted",)),
    Attack(put_folder_among_archives, {"unlisted": FAILS}),
    Attack(put_archive_nobody_lists, {"unlisted": MISSING}, ("unlisted",)),
    Attack(sign_as_person, {"signatures": MISSING}, ("signatures",)),
    Attack(sign_as_stranger_in_exporters_name, {"signatures": FAILS}, ("signatures",)),
]


def named(attack: Attack) -> str:
    """How a test names it."""
    return attack.do.__name__


@pytest.mark.promise("G9")
@pytest.mark.parametrize("attack", ATTACKS, ids=named)
def test_attack_on_the_store_is_found(attack: Attack, place: PlaceOnDisk, verify: Verify) -> None:
    """With an early head remembered, so that the tail is no doubt of its own."""
    early = str(head_at(place, 1 if attack.do is not delete_first else 2))
    attack.do(place)
    said = verify(place, "--head", early)
    assert said.doubts() == attack.doubts
    assert said.code == (1 if FAILS in attack.doubts.values() else 2)


@pytest.mark.control("G9")
@pytest.mark.parametrize("attack", [attack for attack in ATTACKS if attack.control], ids=named)
def test_attack_on_the_store_passes_without_the_checks_against_it(
    attack: Attack, place: PlaceOnDisk, verify: Verify, without: Without, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So each check is needed, and nothing else finds it."""
    attack.do(place)
    without(CHECKS, *(name for name in (*attack.control, "tail") if name in CHECKS))
    if "archive" in attack.control:
        monkeypatch.setattr("workers.verifying.check_archive", anything_goes)
    if "unlisted" in attack.control:
        monkeypatch.setattr("audit.verification.index.check_unlisted", anything_unlisted)
    assert verify(place).code == 0


def anything_goes(entry: Entry, data: bytes) -> Found:
    """No check at all."""
    return holds("archive", "")


def anything_unlisted(name: str, data: bytes, catalog: object) -> Found:
    """No check at all."""
    return holds("unlisted", "")


def older(place: PlaceOnDisk) -> None:
    """The place as it was two missions ago."""
    for number in (5, 4):
        place.archive(number).unlink()
        place.entry(number).unlink()


def anew_with_own_key(place: PlaceOnDisk) -> None:
    """The whole index, without one mission, signed by the attacker."""
    shutil.rmtree(place.root)
    make_place(place.root, signer("stranger"), KEPT[:4])


def anew_with_stolen_key(place: PlaceOnDisk) -> None:
    """The whole index, without one mission, signed with the exporter's own key."""
    shutil.rmtree(place.root)
    make_place(place.root, EXPORTER, ("refunded", "denied", "expired", "large", "batch"))


def emptied(place: PlaceOnDisk) -> None:
    """All entries and archives but the first."""
    for number in (5, 4, 3, 2):
        place.archive(number).unlink()
        place.entry(number).unlink()


@pytest.mark.promise("G9")
@pytest.mark.parametrize("do", [older, anew_with_own_key, anew_with_stolen_key, emptied, delete_last_entry])
def test_index_that_does_not_go_on_from_the_remembered_head_fails(
    do: Callable[[PlaceOnDisk], None], place: PlaceOnDisk, verify: Verify, head: str
) -> None:
    """Cut off, replayed or made anew: even with the exporter's key."""
    do(place)
    said = verify(place, "--head", head)
    assert (said.code, said.doubts()["tail"]) == (1, FAILS)
    assert verify(place, "--head", head.partition(":")[2]).doubts()["tail"] == FAILS


@pytest.mark.control("G9")
@pytest.mark.parametrize("do", [older, anew_with_stolen_key, emptied])
def test_shorter_index_looks_whole_to_who_remembers_nothing(
    do: Callable[[PlaceOnDisk], None], place: PlaceOnDisk, verify: Verify, without: Without
) -> None:
    """So without a head it is INCOMPLETE, and with the check for one taken out it would be VERIFIED."""
    do(place)
    assert (verify(place).code, verify(place).doubts()) == (2, {"tail": MISSING})
    without(CHECKS, "tail")
    assert verify(place).code == 0


@pytest.mark.control("G9")
def test_index_made_anew_with_another_key_is_verified_by_who_pins_that_key(
    place: PlaceOnDisk, verify: Verify, tmp_path: Path
) -> None:
    """It is the pinned key that tells."""
    anew_with_own_key(place)
    assert verify(place).doubts()["signatures"] == MISSING
    pinned = tmp_path / "pinned.yaml"
    trust = yaml.safe_load(TRUST.read_text())
    key = signer("stranger").public()
    trust["services"]["stranger"] = {"name": "Stranger", "keys": [{"kid": key.kid, "x": key.x}], "signs": ["export"]}
    pinned.write_text(yaml.safe_dump(trust))
    assert verify(place, "--head", str(head_at(place, 1)), trust=pinned).code == 0


def test_head_is_remembered_from_look_to_look(place: PlaceOnDisk, verify: Verify, tmp_path: Path) -> None:
    """The first look cannot know; later ones hold the index against what the last one saw, and it grows."""
    kept = tmp_path / "head"
    assert verify(place, "--remember", str(kept)).doubts() == {"tail": MISSING}
    assert head_of(kept.read_text()) == head_at(place, 5)
    place.list("batch", 6, head_at(place, 5).digest, EXPORTER)
    assert verify(place, "--remember", str(kept)).code == 0
    assert head_of(kept.read_text()) == head_at(place, 6)


def test_head_of_a_damaged_index_is_not_remembered(place: PlaceOnDisk, verify: Verify, tmp_path: Path) -> None:
    """Else the next look would find it whole."""
    kept = tmp_path / "head"
    kept.write_text(f"{head_at(place, 5)}\n")
    delete_last_entry(place)
    assert verify(place, "--remember", str(kept)).code == 1
    assert kept.read_text().startswith("5:")
    assert verify(place, "--remember", str(kept)).code == 1


def test_nobody_pinned_is_incomplete(place: PlaceOnDisk, verify: Verify, head: str) -> None:
    """Promise G10: keys in a place are hints."""
    said = verify(place, "--head", head, trust=None)
    assert (said.code, said.doubts()) == (2, {"signatures": MISSING})


def test_revoked_exporter_fails(place: PlaceOnDisk, verify: Verify, head: str, tmp_path: Path) -> None:
    """A key that was stolen may have made it anew."""
    trust = yaml.safe_load(TRUST.read_text())
    trust["services"]["exporter"]["keys"][0]["revoked"] = True
    pinned = tmp_path / "trust.yaml"
    pinned.write_text(yaml.safe_dump(trust))
    assert verify(place, "--head", head, trust=pinned).doubts() == {"signatures": FAILS}


def test_second_archive_of_a_listed_run_is_named_and_no_doubt(place: PlaceOnDisk, verify: Verify, head: str) -> None:
    """An archiver that came second leaves one behind."""
    twin = place.archive(1).with_name("refunded.twin.0123456789abcdef.sayso")
    write(twin, place.archive(1).read_bytes())
    said = verify(place, "--head", head)
    assert said.code == 0
    assert [found["words"] for found in said.data["findings"] if found["check"] == "unlisted"] == [
        f"`{twin.name}` is a second archive of a listed run, left by an archiver that came second"
    ]


@pytest.mark.parametrize("name", ["../out.0123456789abcdef.sayso", "a/b.0123456789abcdef.sayso", "/etc/passwd", ".sayso"])
def test_entry_cannot_name_a_file_elsewhere(name: str, place: PlaceOnDisk, verify: Verify) -> None:
    """Not even one that an exporter signed."""
    place.list("batch", 6, head_at(place, 5).digest, EXPORTER, archive=name)
    assert verify(place).doubts()["numbers"] == FAILS


def test_place_in_memory_is_verified_too(verify: Verify, place: PlaceOnDisk, head: str) -> None:
    """Through fsspec, as any object store."""
    import fsspec

    system = fsspec.filesystem("memory")
    system.put(str(place.root), "/kept", recursive=True)
    try:
        assert verify("memory://kept", "--head", head).code == 0
    finally:
        system.rm("/kept", recursive=True)


def test_many_archives_are_verified_by_several_processes(place: PlaceOnDisk) -> None:
    """In their order, with the same findings."""
    from workers.verifying import Recipe, check_all

    paths = [ARCHIVES / f"{story}.sayso" for story in (*KEPT, "terminated", "forged-settlement")]
    alone = list(check_all(paths, Recipe(TRUST), processes=1))
    assert list(check_all(paths, Recipe(TRUST), processes=2)) == alone
