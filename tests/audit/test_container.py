"""The file of an archive, byte by byte: whatever is done to it, a verdict comes back, and it is not VERIFIED."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable, Iterator

import pytest

from audit import archive as container
from audit.errors import ArchiveError
from audit.verification.result import Verdict
from audit.verification.verify import Verifier
from tests.audit.attacker import Loot, Strength
from tests.audit.stories import archive

BLOCK = 512
EVERY = 997
"""One byte in so many is flipped: a prime, so that all places of headers are met."""


async def _verdicts(archives: Iterator[bytes], using: Verifier) -> set[Verdict]:
    return {(await using.verify(data)).verdict for data in archives}


def _flipped(data: bytes, bit: int) -> Iterator[bytes]:
    for place in range(bit, len(data), EVERY):
        yield data[:place] + bytes([data[place] ^ (1 << bit)]) + data[place + 1 :]


@pytest.mark.promise("G1")
@pytest.mark.parametrize("bit", [0, 5])
async def test_flipped_byte_is_never_verified(bit: int, ours: Verifier) -> None:
    """docs/threats.md G1: in headers, in members, in padding."""
    assert await _verdicts(_flipped(archive("not-due"), bit), ours) == {Verdict.FAILED}


@pytest.mark.promise("G1")
async def test_flipped_byte_of_the_checkpoint_is_never_verified(ours: Verifier) -> None:
    """docs/threats.md G1: every byte of it, also those that a lenient reader of base64 skips; another key id is not pinned."""
    text = Loot.of(archive("not-due")).members["checkpoint.jws"]
    changed = (text[:place] + bytes([text[place] ^ 1]) + text[place + 1 :] for place in range(len(text)))
    archives = (Loot.of(archive("not-due")).with_member("checkpoint.jws", each).packed() for each in changed)
    assert await _verdicts(archives, ours) <= {Verdict.FAILED, Verdict.INCOMPLETE}


@pytest.mark.promise("G2")
async def test_truncated_file_is_never_verified(ours: Verifier) -> None:
    """docs/threats.md G2: at every block, and beside it."""
    data = archive("not-due")
    cuts = (
        data[: length + beside] for length in range(0, len(data), BLOCK) for beside in (0, 1) if length + beside < len(data)
    )
    assert await _verdicts(cuts, ours) == {Verdict.FAILED}


def _tar(change: Callable[[tarfile.TarFile, str, bytes], None], form: int = tarfile.USTAR_FORMAT) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=form) as tar:
        for name, content in sorted(Loot.of(archive("not-due")).members.items()):
            change(tar, name, content)
    return buffer.getvalue()


def _add(tar: tarfile.TarFile, name: str, content: bytes, **header: object) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    for key, value in header.items():
        setattr(info, key, value)
    tar.addfile(info, io.BytesIO(content))


def _twice(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    _add(tar, name, content)
    if name == "history.json":
        _add(tar, name, content)


def _linked(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    kind = {"type": tarfile.SYMTYPE, "linkname": "/etc/hostname", "size": 0} if name == "rail.json" else {}
    _add(tar, name, content, **kind)


def _paxed(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    _add(tar, name, content, pax_headers={"comment": "more"} if name == "rail.json" else {})


def _reordered() -> bytes:
    members = sorted(Loot.of(archive("not-due")).members.items(), reverse=True)
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, content in members:
            _add(tar, name, content)
    return buffer.getvalue()


def _huge(data: bytes) -> bytes:
    return data[:124] + b"77777777777\0" + data[136:]


def _renamed(name: str) -> bytes:
    return _tar(lambda tar, each, content: _add(tar, name if each == "rail.json" else each, content))


FORMS: dict[str, Callable[[], bytes]] = {
    "nothing": lambda: b"",
    "zeros": lambda: bytes(10 * BLOCK),
    "no tar": lambda: b"PK\3\4" * BLOCK,
    "bytes after the end": lambda: archive("not-due") + b"more",
    "padding after the end": lambda: archive("not-due") + bytes(20 * BLOCK),
    "a second archive after the end": lambda: archive("not-due") + archive("denied"),
    "another order": _reordered,
    "a member twice": lambda: _tar(_twice),
    "a symbolic link": lambda: _tar(_linked),
    "an extended header": lambda: _tar(_paxed, tarfile.PAX_FORMAT),
    "a sparse member": lambda: _tar(lambda tar, name, content: _add(tar, name, content, type=tarfile.GNUTYPE_SPARSE)),
    "a size beyond the file": lambda: _huge(archive("not-due")),
    "another owner": lambda: _tar(lambda tar, name, content: _add(tar, name, content, uid=1000, uname="root")),
    "another time": lambda: _tar(lambda tar, name, content: _add(tar, name, content, mtime=1)),
    "an absolute name": lambda: _renamed("/rail.json"),
    "a name that goes up": lambda: _renamed("../rail.json"),
    "a name with another case": lambda: _renamed("Rail.json"),
    "a name beyond ASCII": lambda: _renamed("räil.json"),
}


@pytest.mark.promise("G1")
@pytest.mark.parametrize("form", FORMS)
async def test_archive_in_another_form_is_never_verified(form: str, ours: Verifier) -> None:
    """docs/audit-format.md §1: one form, so that no two readers read two things."""
    assert (await ours.verify(FORMS[form]())).verdict is Verdict.FAILED


def test_sparse_member_is_not_expanded() -> None:
    """A header of a few bytes that claims a terabyte of holes: refused by what it is, not by what it takes."""
    info = tarfile.TarInfo("history.json")
    info.type, info.size = tarfile.GNUTYPE_SPARSE, 0
    header = bytearray(info.tobuf(tarfile.GNU_FORMAT))
    header[386:398], header[483:495] = b"00000000000\0", b"17777777777\0"
    with pytest.raises(ArchiveError):
        container.unpack(bytes(header) + bytes(20 * BLOCK))


@pytest.mark.control("G1")
async def test_without_the_one_form_what_follows_the_end_verifies(ours: Verifier, monkeypatch: pytest.MonkeyPatch) -> None:
    """The control: a plain tar reader stops at the end and never sees what another one would."""
    monkeypatch.setattr(container, "unpack", _plainly)
    verdicts = [(await ours.verify(archive("not-due") + archive("denied"))).verdict, (await ours.verify(_reordered())).verdict]
    assert verdicts == [Verdict.VERIFIED, Verdict.VERIFIED]


def _plainly(data: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as tar:
        found = ((member.name, tar.extractfile(member)) for member in tar)
        return {name: file.read() for name, file in found if file is not None}


MEMBERS: dict[str, Callable[[Loot], Loot]] = {
    "one more": lambda loot: loot.with_member("notes.txt", b"all is well"),
    "one more use": lambda loot: loot.with_member(f"uses/{'0' * 64}.json", _use(loot)),
    "an empty use": lambda loot: loot.with_member(_use_name(loot), b'{"events":[]}'),
    "one more policy file": lambda loot: loot.with_member(
        _policy(loot, "more.cedar"), b"permit (principal, action, resource);"
    ),
    "another policy": lambda loot: loot.with_member(_policy(loot, "refund.cedar"), b"permit (principal, action, resource);"),
    "a bundle that nothing names": lambda loot: loot.with_member(f"policies/{'0' * 64}/a.cedar", b""),
    "another rail": lambda loot: loot.with_member("rail.json", b"[]"),
    "another card": lambda loot: loot.with_member(_card(loot), b"{}"),
    "one more card": lambda loot: loot.with_member(f"cards/{'0' * 64}.json", b"{}"),
    "no hints": lambda loot: loot.with_member("keys.json", b"{}"),
}
"""What somebody who holds the exporter's key may put into an archive."""


def _first(loot: Loot, start: str, end: str) -> str:
    return next(name for name in sorted(loot.members) if name.startswith(start) and name.endswith(end))


def _use_name(loot: Loot) -> str:
    return _first(loot, "uses/", ".json")


def _use(loot: Loot) -> bytes:
    return loot.members[_use_name(loot)]


def _policy(loot: Loot, name: str) -> str:
    return _first(loot, "policies/", "refund.cedar").replace("refund.cedar", name)


def _card(loot: Loot) -> str:
    return _first(loot, "cards/", ".json")


@pytest.mark.promise("G3")
@pytest.mark.parametrize("what", MEMBERS)
@pytest.mark.parametrize("strength", Strength)
async def test_member_exchanged_or_added_is_never_verified(what: str, strength: Strength, ours: Verifier) -> None:
    """docs/threats.md G3: nor where manifest and checkpoint are made for it."""
    changed = MEMBERS[what](Loot.of(archive("refunded"))).packed(strength, retold=False)
    assert (await ours.verify(changed)).verdict is not Verdict.VERIFIED


@pytest.mark.promise("G3")
@pytest.mark.parametrize(
    "change",
    [
        {"closed": False},
        {"sealed": True},
        {"format": "sayso-archive/2"},
        {"chain": ("0" * 64,)},
        *({"mission": name} for name in ("namespace", "mission_type", "mission_id", "run_id", "first_execution_run_id")),
    ],
    ids=str,
)
@pytest.mark.parametrize("story", ["refunded", "not-due"])
async def test_manifest_that_says_otherwise_is_never_verified(story: str, change: dict[str, object], ours: Verifier) -> None:
    """docs/threats.md G3: signed by the exporter's key, and other than the history says."""
    loot = Loot.of(archive(story))
    if isinstance(change.get("mission"), str):
        mission = loot.manifest.mission.model_dump()
        change = {"mission": {**mission, str(change["mission"]): "another"}}
    assert (await ours.verify(loot.packed(Strength.SIGNED, retold=False, **change))).verdict is not Verdict.VERIFIED
