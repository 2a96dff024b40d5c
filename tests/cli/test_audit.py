"""`sayso audit export` and `sayso audit verify`: evidence that leaves the server, and is proven without it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from audit.archive import unpack
from audit.manifest import CHECKPOINT
from tests.cli.conftest import Answer, Terminal
from tests.cli.test_flow import waiting
from tests.world import until
from workers.profile import FILE, Profile


@pytest.fixture(scope="session")
def kept(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the tests of this file make once and share."""
    return {"folder": tmp_path_factory.mktemp("archives")}


async def refunded(sayso: Terminal, kept: dict[str, Any]) -> str:
    """The id of a mission that was approved and has ended."""
    if "mission" not in kept:
        item = await waiting(sayso, "CASE-1001")
        assert (await sayso("approve", item["proposal_id"], "--yes")).code == 0
        handle = sayso.world.client.get_workflow_handle(item["mission_id"])
        await until(lambda: _result(handle))
        kept["mission"] = item["mission_id"]
    return str(kept["mission"])


async def _result(handle: Any) -> object:
    return await handle.result()


async def exported(sayso: Terminal, mission: str, folder: Path) -> Path:
    """The archive of *mission* in *folder*."""
    answer = await sayso("audit", "export", mission, "-o", str(folder), "--json")
    assert answer.code == 0, answer
    (found,) = answer.data["archives"]
    assert (found["mission_id"], found["closed"], found["rail"]) == (mission, True, True)
    return Path(found["path"])


async def verified(sayso: Terminal, *arguments: str, ring: bool = True) -> Answer:
    """`sayso audit verify` with the world's directory as what is pinned."""
    keys = ("--key-ring", str(sayso.data / "key-ring.json")) if ring else ()
    return await sayso.anywhere("audit", "verify", "--trust", str(sayso.world.policies / "directory.yaml"), *keys, *arguments)


@pytest.mark.promise("G6")
async def test_mission_is_exported_and_verified_with_the_key_ring(
    sayso: Terminal, kept: dict[str, Any], tmp_path: Path
) -> None:
    """Issue 4, items 2, 3 and 6: encrypted payloads are still verifiable."""
    path = await exported(sayso, await refunded(sayso, kept), tmp_path)
    answer = await verified(sayso, str(path), "--replay", "--json")
    assert answer.code == 0, answer
    (found,) = answer.data["archives"]
    assert found["verdict"] == "VERIFIED"
    assert {finding["result"] for finding in found["findings"]} == {"holds"}
    assert found["findings"][-1]["check"] == "replay"


async def test_without_the_key_ring_contents_are_sealed_and_the_chain_holds(
    sayso: Terminal, kept: dict[str, Any], tmp_path: Path
) -> None:
    """Issue 4, item 6: chain and checkpoint only, INCOMPLETE."""
    path = await exported(sayso, await refunded(sayso, kept), tmp_path)
    answer = await verified(sayso, str(path), "--json", ring=False)
    (found,) = answer.data["archives"]
    held = {finding["check"] for finding in found["findings"] if finding["result"] == "holds"}
    assert (answer.code, found["verdict"]) == (2, "INCOMPLETE")
    assert {"members", "checkpoint", "chain", "run"} <= held
    assert {finding["result"] for finding in found["findings"]} == {"holds", "missing"}


async def test_exporting_twice_gives_the_same_but_for_the_checkpoint(
    sayso: Terminal, kept: dict[str, Any], tmp_path: Path
) -> None:
    """Issue 4, item 2."""
    mission = await refunded(sayso, kept)
    first, second = [await exported(sayso, mission, tmp_path / name) for name in ("first", "second")]
    one, other = unpack(first.read_bytes()), unpack(second.read_bytes())
    assert first.name == second.name
    assert one.keys() == other.keys()
    assert {name for name in one if one[name] != other[name]} <= {CHECKPOINT}


async def test_nothing_in_clear_is_in_the_archive_of_an_encrypted_mission(
    sayso: Terminal, kept: dict[str, Any], tmp_path: Path
) -> None:
    """I8: what was kept from the server is not laid beside it; the policies are no secret of the case."""
    path = await exported(sayso, await refunded(sayso, kept), tmp_path)
    clear = {name: content for name, content in unpack(path.read_bytes()).items() if not name.startswith("policies/")}
    assert [name for name, content in clear.items() if b"ORD-2001" in content or b"amount_minor" in content] == []
    assert {"rail.json.sealed", "history.json", "manifest.json"} <= clear.keys()


async def test_without_pinned_keys_nothing_is_better_than_incomplete(
    sayso: Terminal, kept: dict[str, Any], tmp_path: Path
) -> None:
    """Design §7: keys in an export are hints."""
    path = await exported(sayso, await refunded(sayso, kept), tmp_path)
    answer = await sayso.anywhere("audit", "verify", "--key-ring", str(sayso.data / "key-ring.json"), str(path))
    assert (answer.code, answer.out.split()[0]) == (2, "INCOMPLETE")
    assert "not a gate you pin" in answer.out


async def test_changed_byte_fails_and_a_directory_is_verified_whole(
    sayso: Terminal, kept: dict[str, Any], tmp_path: Path
) -> None:
    """The worst of several decides the exit code."""
    path = await exported(sayso, await refunded(sayso, kept), tmp_path)
    data = bytearray(path.read_bytes())
    data[len(data) // 3] ^= 1
    path.with_name("changed.sayso").write_bytes(data)
    answer = await verified(sayso, str(tmp_path), "--json")
    assert (answer.code, [found["verdict"] for found in answer.data["archives"]]) == (1, ["FAILED", "VERIFIED"])


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("audit", "verify", "/nowhere/a.sayso"), 1, "cannot be read"),
        (("audit", "verify", "--trust", "/nowhere/trust.yaml", "/nowhere/a.sayso"), 2, "cannot be read"),
        (("audit", "verify", "--key-ring", "/nowhere/ring", "/nowhere/a.sayso"), 2, "key ring"),
        (("audit", "verify"), 2, "name archives to verify"),
    ],
)
async def test_what_cannot_be_read_is_told_in_one_line(
    sayso: Terminal, arguments: tuple[str, ...], code: int, words: str
) -> None:
    """Errors for people."""
    answer = await sayso.anywhere(*arguments)
    assert (answer.code, words in answer.err, answer.err.count("\n")) == (code, True, 1)


async def test_file_that_is_no_archive_fails(sayso: Terminal, tmp_path: Path) -> None:
    """Garbage, and a directory without any archive."""
    (tmp_path / "garbage.sayso").write_bytes(b"not a tar file")
    answer = await verified(sayso, str(tmp_path / "garbage.sayso"))
    empty = tmp_path / "empty"
    empty.mkdir()
    nothing = await verified(sayso, str(empty))
    assert (answer.code, answer.out.split()[0]) == (1, "FAILED")
    assert (nothing.code, "holds no archive" in nothing.err) == (2, True)


async def test_export_of_no_mission_or_by_nobody_is_refused(sayso: Terminal, tmp_path: Path) -> None:
    """Wrong input: no such mission, no key, a run of several."""
    unknown = await sayso("audit", "export", "no-such-mission", "-o", str(tmp_path))
    nobody = await sayso("audit", "export", "x", "-o", str(tmp_path), "--key", str(tmp_path / "none.jwk"))
    several = await sayso("audit", "export", "a", "b", "--run", "r", "-o", str(tmp_path))
    assert (unknown.code, "there is no mission" in unknown.err) == (2, True)
    assert (nobody.code, "cannot be read" in nobody.err) == (2, True)
    assert (several.code, "one mission" in several.err) == (2, True)


async def test_export_without_the_key_ring_says_that_rail_and_cards_are_not_in_it(
    sayso: Terminal, kept: dict[str, Any], tmp_path: Path
) -> None:
    """Whoever carries it away should know before the auditor does."""
    mission = await refunded(sayso, kept)
    profile = Profile.model_validate_json((sayso.data / FILE).read_text())
    (tmp_path / FILE).write_text(profile.model_copy(update={"key_ring": None}).model_dump_json())
    answer = await sayso.anywhere("audit", "export", mission, "-o", str(tmp_path / "out"), "--data", str(tmp_path))
    assert (answer.code, "without rail and cards" in answer.out) == (0, True)
    (path,) = (tmp_path / "out").iterdir()
    found = await verified(sayso, str(path))
    assert found.code == 2 and "could not read the contents" in found.out
