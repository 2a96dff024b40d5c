"""
The index of a place, as the archiver reads and extends it.

What it believes is what an exporter of its directory signed and whose archive is there; anything else counts for nothing, so
that nobody can keep a mission out of the archive by listing it himself. It never gives up over a damaged index: it goes on
after the last entry that counts, and whoever verifies sees the damage for ever.

Source: docs/archiver.md
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from activities.errors import Absent, PlaceTrouble, Taken
from activities.exports import Exported
from activities.places import Place
from approvals.errors import SignatureError
from approvals.evidence import Evidence
from approvals.jws import Signer
from audit import archive, index
from audit.archive import MAX_ARCHIVE
from audit.errors import ArchiveError
from audit.index import ARCHIVES, INDEX, MAX_ENTRY, START, Entry, Head
from audit.manifest import MANIFEST, exporter, read, sha256
from audit.record import when
from audit.verification.container import check_checkpoint
from audit.verification.result import Result
from policies.canonical import Digest
from policies.directory import Directory

MOST_TRIES = 100_000
"""So many numbers may be taken, by other archivers or by whoever fills the place, before it is given up for now."""


@dataclass
class Index:
    """One place's index. Kept by one archiver; others may write to the place meanwhile."""

    place: Place
    signer: Signer
    directory: Callable[[], Directory]
    """Who signs exports; asked anew where a key is not known yet."""
    strange: dict[int, str] = field(default_factory=dict)
    """Entries that count for nothing, with why."""
    top: int = 0
    """The highest number that an exporter gave."""
    _listed: dict[str, Entry] = field(default_factory=dict)
    _last: Digest = START
    _archives: dict[str, int] = field(default_factory=dict)
    _free: int = 1
    """No number before it can be given."""

    @property
    def head(self) -> Head:
        """How far it goes."""
        return Head(number=self.top, digest=self._last)

    def listed(self, run_id: str) -> Entry | None:
        """The entry of a run whose archive is there. Ids of runs are the server's, and unique."""
        return self._listed.get(run_id)

    def newest(self) -> Entry | None:
        """The entry with the highest number among those that count."""
        return max(self._listed.values(), key=lambda entry: entry.number, default=None)

    def refresh(self) -> None:
        """
        Looks at everything anew: what was removed since counts no more.

        Raises:
            PlaceTrouble: The place cannot be read.
        """
        # In this order: an entry is made after its archive, so the archive of each entry listed here is listed there.
        names = self.place.sizes(INDEX)
        self._archives = self.place.sizes(ARCHIVES)
        known = {entry.number: entry for entry in self._listed.values()}
        self._listed, self._last, self.top, self._free, self.strange = {}, START, 0, 1, {}
        for number in sorted(filter(None, map(index.number_of, names))):
            self._take(number, known.get(number))

    def catch_up(self) -> None:
        """Takes what others listed since. Raises PlaceTrouble."""
        while self._take(self.top + 1, None):
            pass

    def add(self, exported: Exported, now: datetime) -> Entry | None:
        """
        Keeps an archive and lists it; None where another archiver listed the run first.

        Raises:
            PlaceTrouble: The place cannot be written.
            ArchiveError: The run cannot be listed.
        """
        self.catch_up()
        if self.listed(exported.record.run_id) is not None:
            return None
        name, digest, size = self._put(exported)
        record, number = exported.record, max(self.top + 1, self._free)
        for _ in range(MOST_TRIES):
            if self.listed(record.run_id) is not None:
                return None
            entry = Entry(
                number=number,
                mission=record.started.mission,
                closed_at=when(record.raw[-1].event_time),
                head=Evidence(through=len(record.chain), digest=record.chain[-1]),
                archive=name,
                sha256=digest,
                bytes=size,
                iat=int(now.timestamp()),
                previous=self._last,
            )
            try:
                self.place.create(index.entry_name(number), index.sign(entry, self.signer))
            except Taken:
                self._take(number, None)
                # Whatever lies there, nobody can list anything under this number again.
                number = self._free = max(self.top, number) + 1
                continue
            self._believe(entry)
            return entry
        raise PlaceTrouble(self.place.where, INDEX, "its next number is always taken")

    def _put(self, exported: Exported) -> tuple[str, Digest, int]:
        """The archive in the place: one that an archiver left there unlisted, where it is the same, else this one."""
        stem = exported.name.removesuffix(archive.SUFFIX) + "."
        used = {entry.archive for entry in self._listed.values()}
        for name in sorted(name for name in self._archives.keys() - used if name.startswith(stem)):
            data = self._same(name, exported)
            if data is not None:
                return name, sha256(data), len(data)
        digest = sha256(exported.data)
        name = index.archive_name(exported.name, digest)
        try:
            self.place.create(f"{ARCHIVES}/{name}", exported.data)
        except Taken:
            # Another archiver made the very same in the same second.
            if self.place.read(f"{ARCHIVES}/{name}", MAX_ARCHIVE) != exported.data:
                raise
        self._archives[name] = len(exported.data)
        return name, digest, len(exported.data)

    def _same(self, name: str, exported: Exported) -> bytes | None:
        """The archive called *name*, if it is *exported* but for the moment it was signed at."""
        try:
            data = self.place.read(f"{ARCHIVES}/{name}", MAX_ARCHIVE)
            members, wanted = archive.unpack(data), archive.unpack(exported.data)
            listed = read(members[MANIFEST])
        except (PlaceTrouble, ArchiveError, KeyError):
            return None
        same = members.keys() == wanted.keys() and members[MANIFEST] == wanted[MANIFEST]
        good = same and all(found.result is Result.HOLDS for found in check_checkpoint(listed, members, self.directory()))
        fits = name == index.archive_name(exported.name, sha256(data))
        return data if good and fits else None

    def _take(self, number: int, known: Entry | None) -> bool:
        """Whether the entry *number* is there and an exporter's; *known* if it was read before."""
        try:
            entry = known or self._read(number)
        except Absent:
            return False
        except (SignatureError, PlaceTrouble) as error:
            if isinstance(error, PlaceTrouble):
                # Where the place answers, it is this entry alone that somebody made unreadable.
                self.place.sizes(INDEX)
            self.strange[number] = str(error)
            return False
        if entry.previous != self._last:
            self.strange[number] = "does not follow from the entry before it"
        if self._there(entry):
            self._believe(entry)
        else:
            self.strange[number] = f"names the archive `{entry.archive}`, which is not there, or cut off"
            self._last, self.top = entry.link, number
        return True

    def _there(self, entry: Entry) -> bool:
        if entry.archive not in self._archives:
            self._archives = self.place.sizes(ARCHIVES)
        return self._archives.get(entry.archive) == entry.bytes

    def _read(self, number: int) -> Entry:
        line = index.line_of(self.place.read(index.entry_name(number), MAX_ENTRY))
        known = exporter(self.directory(), line.token.kid)
        if known is None or known[1].revoked:
            raise SignatureError(f"is signed by `{line.token.kid[:80]}`, which is no exporter's key")
        index.check(line, known[1])
        if line.entry.number != number:
            raise SignatureError("is another entry's")
        return line.entry

    def _believe(self, entry: Entry) -> None:
        self._listed[entry.mission.run_id] = entry
        self._last, self.top = entry.link, entry.number
