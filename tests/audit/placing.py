"""A place made from recorded archives, and the command that verifies it: for tests that attack a store."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from approvals.jws import Signer
from audit import manifest
from audit.archive import unpack
from audit.index import ARCHIVES, START, Entry, archive_name, entry_name, sign
from audit.manifest import MANIFEST, sha256
from policies.canonical import Digest
from tests.audit import stories
from tests.audit.stories import TRUST
from workers.cli.main import run

_LIKE = ("denied", "expired", "revoked", "withdrawn", "denied-late", "batch", "amended-then-approved", "unknown-then-done")


def _twins() -> tuple[str, str]:
    """Two missions whose archives are of one size, so that only their content tells them apart."""
    size = {story: (stories.ARCHIVES / f"{story}.sayso").stat().st_size for story in _LIKE}
    return next((one, other) for one, other in combinations(_LIKE, 2) if size[one] == size[other])


KEPT = ("refunded", *_twins(), "not-due", "large")
"""Missions that are VERIFIED, in the order they are listed in."""
AT = datetime(2026, 11, 25, 12, tzinfo=UTC)


@dataclass(frozen=True)
class PlaceOnDisk:
    """A directory as an archiver leaves it."""

    root: Path

    def entry(self, number: int) -> Path:
        """Where an entry lies."""
        return self.root / entry_name(number)

    def archive(self, number: int) -> Path:
        """Where the archive of an entry lies; of the entry as it was listed."""
        return sorted((self.root / ARCHIVES).iterdir(), key=lambda path: KEPT.index(path.name.partition(".")[0]))[number - 1]

    def list(self, story: str, number: int, previous: Digest, signer: Signer, **changes: Any) -> Entry:
        """Keeps a recorded archive and lists it."""
        data = (stories.ARCHIVES / f"{story}.sayso").read_bytes()
        listed = manifest.read(unpack(data)[MANIFEST])
        name = archive_name(f"{story}.{listed.mission.run_id}.sayso", sha256(data))
        entry = Entry(
            number=number,
            mission=listed.mission,
            closed_at=AT,
            head=listed.head,
            archive=name,
            sha256=sha256(data),
            bytes=len(data),
            iat=int(AT.timestamp()),
            previous=previous,
        ).model_copy(update=changes)
        write(self.root / ARCHIVES / name, data)
        write(self.entry(number), sign(entry, signer))
        return entry


def make_place(root: Path, signer: Signer, kept: tuple[str, ...] = KEPT) -> PlaceOnDisk:
    """A place with the recorded archives of *kept*, listed by *signer*."""
    place, previous = PlaceOnDisk(root), START
    for number, story in enumerate(kept, start=1):
        previous = place.list(story, number, previous, signer).link
    return place


def write(path: Path, data: bytes) -> None:
    """As anybody may who can write to the store: over what is there, too."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.write_bytes(data)


@dataclass(frozen=True)
class Said:
    """What a verification came to."""

    code: int
    data: Any

    def doubts(self) -> dict[str, str]:
        """Every check that does not hold, with the worst of its results."""
        found: dict[str, str] = {}
        for each in self.data["findings"]:
            if each["result"] != "holds" and found.get(each["check"]) != "fails":
                found[each["check"]] = each["result"]
        return found


@dataclass(frozen=True)
class Verify:
    """`sayso audit verify --index`, in this process."""

    capture: pytest.CaptureFixture[str]

    def __call__(self, place: PlaceOnDisk | str, *options: str, trust: Path | None = TRUST, deep: bool = False) -> Said:
        """As JSON; archives against their entries alone, unless *deep*."""
        where = str(place.root) if isinstance(place, PlaceOnDisk) else place
        pins = ("--trust", str(trust)) if trust is not None else ()
        only = () if deep else ("--index-only",)
        self.capture.readouterr()
        code = run(["audit", "verify", "--index", where, *pins, *only, *options, "--json"])
        return Said(code, json.loads(self.capture.readouterr().out))
