"""Verifying many archives: spread over the cores, in their order, each read only when its turn comes."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from activities.errors import PlaceTrouble
from activities.places import Place, open_place
from audit.archive import MAX_ARCHIVE
from audit.index import ARCHIVES, Entry
from audit.verification.index import check_archive
from audit.verification.result import Found, Verification, missing
from audit.verification.verify import Verifier
from policies.load import load_trust
from workers.archiving import ArchivedBundles, opener, sayso_version
from workers.encryption import RingCodec
from workers.errors import CommandError, Refused
from workers.ring_files import ring_in_file, ring_of

ALONE = 100
"""So few archives are verified in this process: starting others takes about as long."""


@dataclass(frozen=True)
class Recipe:
    """How a process makes its verifier: plain values, so that another process can have them."""

    trust: Path | None
    """The file with the keys and people that are pinned."""
    key_ring: Path | None = None
    """The file with the key ring; else SAYSO_KEY_RING."""
    place: str | None = None
    """Where archives named by entries lie."""

    def verifier(self) -> Verifier:
        """
        A verifier of this process.

        Raises:
            BundleError: The trust file is none.
            WrongUse: The key ring is none.
        """
        pinned = load_trust(self.trust.expanduser()) if self.trust is not None else None
        ring = ring_in_file(self.key_ring.expanduser()) if self.key_ring is not None else ring_of(os.environ)
        codec = RingCodec(ring) if ring is not None else None
        return Verifier(pinned, ArchivedBundles(), sayso_version(), codec, opener(ring) if ring is not None else None)


@dataclass(frozen=True)
class Listed:
    """An archive in a place, against its entry."""

    entry: Entry
    deep: bool
    """Whether it is also verified itself."""


@dataclass(frozen=True)
class Checked:
    """What was found about one archive."""

    name: str
    """Of its file."""
    found: Found | None
    """Against its entry; None where there is none."""
    verification: Verification | None


Job = Path | Listed


class Bench:
    """One process's means."""

    def __init__(self, recipe: Recipe) -> None:
        self._verifier = recipe.verifier()
        self._recipe = recipe

    def check(self, job: Job) -> Checked:
        """Raises Refused: a file that was named cannot be read."""
        if isinstance(job, Path):
            return Checked(job.name, None, asyncio.run(self._verifier.verify(read_file(job))))
        try:
            data = self._place.read(f"{ARCHIVES}/{job.entry.archive}", min(job.entry.bytes, MAX_ARCHIVE))
        except PlaceTrouble as error:
            return Checked(job.entry.archive, missing("archive", str(error)), None)
        found = check_archive(job.entry, data)
        return Checked(job.entry.archive, found, asyncio.run(self._verifier.verify(data)) if job.deep else None)

    @cached_property
    def _place(self) -> Place:
        if self._recipe.place is None:
            raise LookupError("no place was named")
        return open_place(self._recipe.place)


def check_all(jobs: Sequence[Job], recipe: Recipe, processes: int | None = None) -> Iterator[Checked]:
    """
    What is found about each of *jobs*, in their order.

    Raises:
        Refused: A file that was named cannot be read.
        CommandError: A process that verified died.
    """
    count = processes or min(os.cpu_count() or 1, len(jobs))
    if count < 2 or (processes is None and len(jobs) < ALONE):
        bench = Bench(recipe)
        yield from map(bench.check, jobs)
        return
    # Started anew and not forked: this process has threads of the Temporal SDK.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(count, context, _prepare, (recipe,)) as pool:
        try:
            yield from pool.map(_check, jobs, chunksize=8)
        except BrokenProcessPool as error:
            raise CommandError("a process that verified archives died: is there memory left? verify fewer at once") from error


def read_file(path: Path) -> bytes:
    """The archive in *path*. Raises Refused."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise Refused(f"`{path}` cannot be read ({error.strerror})") from error


_benches: list[Bench] = []
"""Of a process of the pool: its one."""


def _prepare(recipe: Recipe) -> None:
    _benches.append(Bench(recipe))


def _check(job: Job) -> Checked:
    (bench,) = _benches
    return bench.check(job)
