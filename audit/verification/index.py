"""
The verification of an index: its entries against each other, against the keys and the head that the verifier brings, and
against the archives that lie beside it. Pure: whoever calls has read the place.

An index proves that nothing is missing *between* its entries. That its end was cut off shows only against a head that somebody
remembered, or by an archive that lies there unlisted; without a head it is never better than INCOMPLETE.

Source: docs/audit-format.md
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from approvals.errors import SignatureError
from audit import archive, manifest
from audit.errors import ArchiveError
from audit.index import START, Entry, Head, Line, check, line_of
from audit.manifest import MANIFEST, Manifest, exporter, sha256
from audit.verification.container import check_checkpoint
from audit.verification.result import Found, Result, fails, holds, missing
from policies.canonical import Digest
from policies.directory import Directory

MOST = 20
"""So many findings of one kind; then they are counted."""


@dataclass(frozen=True)
class Catalog:
    """An index as it was read, and what it is verified with."""

    texts: Mapping[int, bytes]
    """The entries by the number in their name."""
    strangers: Sequence[str]
    """Names in the index that are no entry's."""
    archives: Mapping[str, int]
    """Bytes of what lies among the archives, by name."""
    settled: frozenset[str]
    """Those of them that lay there before the index was read: what came later may be listed later."""
    trust: Directory
    remembered: Head | None

    @cached_property
    def lines(self) -> dict[int, Line | str]:
        """By number; a text says why it is none."""
        return {number: _line(self.texts[number]) for number in sorted(self.texts)}

    @cached_property
    def entries(self) -> dict[int, Entry]:
        """The entries that can be read, in order, whoever signed them."""
        return {number: line.entry for number, line in self.lines.items() if isinstance(line, Line)}

    @cached_property
    def links(self) -> dict[int, Digest]:
        """The chain's digest through each entry that can be read; at 0 what is before the first."""
        return {0: START} | {number: entry.link for number, entry in self.entries.items()}

    @property
    def head(self) -> Head:
        """How far the index goes."""
        last = max(self.links)
        return Head(number=last, digest=self.links[last])

    @cached_property
    def unlisted(self) -> tuple[str, ...]:
        """What lies among the archives and is named by no entry."""
        return tuple(sorted((self.archives.keys() & self.settled) - {entry.archive for entry in self.entries.values()}))


def check_numbers(catalog: Catalog) -> list[Found]:
    """Whether every number from 1 to the last has an entry, and nothing else is there."""
    if not catalog.texts:
        return [missing("numbers", "the index lists nothing")]
    last = max(catalog.texts)
    lost = _spans(sorted(catalog.texts))
    lines = [f"entry {span} is missing" for span in lost]
    lines += [f"entry {number} {line}" for number, line in catalog.lines.items() if isinstance(line, str)]
    lines += [f"entry {entry.number} lies where entry {n} belongs" for n, entry in catalog.entries.items() if entry.number != n]
    lines += [f"`{name}` is no entry's name" for name in catalog.strangers]
    return _failed("numbers", lines) or [holds("numbers", f"{last} entries, none missing between them")]


def check_signatures(catalog: Catalog) -> list[Found]:
    """Whether an exporter whom the verifier pins signed every entry."""
    bad, unknown = list[str](), dict[str, int]()
    for number, line in catalog.lines.items():
        if isinstance(line, str):
            continue
        known = exporter(catalog.trust, line.token.kid)
        if known is None:
            unknown[line.token.kid] = unknown.get(line.token.kid, 0) + 1
            continue
        try:
            if known[1].revoked:
                raise SignatureError(f"is signed with key `{known[1].kid}`, which you pin as revoked")
            check(line, known[1])
        except SignatureError as error:
            bad.append(f"entry {number} {error}")
    found = _failed("signatures", bad)
    for kid, count in sorted(unknown.items())[:MOST]:
        found.append(missing("signatures", f"{count} entries are signed by `{kid}`, which is not an exporter you pin"))
    return found or [holds("signatures", f"{len(catalog.entries)} entries are signed by exporters you pin")]


def check_links(catalog: Catalog) -> list[Found]:
    """Whether every entry follows from the one before it."""
    lines = [
        f"entry {number} does not follow from the entry before it: one of them was changed, or the index was made anew"
        for number, entry in catalog.entries.items()
        if number - 1 in catalog.links and entry.previous != catalog.links[number - 1]
    ]
    return _failed("links", lines) or [holds("links", f"the chain ends with `{catalog.head.digest[:12]}`")]


def check_runs(catalog: Catalog) -> list[Found]:
    """Whether no run is listed twice."""
    first, lines = dict[tuple[str, str], int](), list[str]()
    for number, entry in catalog.entries.items():
        earlier = first.setdefault((entry.mission.namespace, entry.mission.run_id), number)
        if earlier != number:
            lines.append(f"entry {number} lists a run of `{entry.mission.mission_id}` that entry {earlier} lists")
    return _failed("runs", lines) or [holds("runs", f"{len(first)} runs, each listed once")]


def check_tail(catalog: Catalog) -> list[Found]:
    """Whether the index still holds what it held when somebody remembered its head."""
    head = catalog.remembered
    if head is None:
        words = "no earlier head is given: a tail that was cut off together with its archives would not show"
        return [
            missing("tail", f"{words} (`--remember FILE` keeps one from now on, `--head` takes one from the archiver's log)")
        ]
    if head.number is None:
        place = next((number for number, link in catalog.links.items() if link == head.digest), None)
        if place is None:
            return [fails("tail", f"the head `{head.digest[:12]}` is not in the index any more: it was cut off or made anew")]
        return [holds("tail", f"it goes on from the head you gave, entry {place}")]
    last = max(catalog.links)
    if head.number > last:
        return [fails("tail", f"the index ends at entry {last} and went on to entry {head.number} before: it was cut off")]
    if catalog.links.get(head.number) != head.digest:
        return [fails("tail", f"entry {head.number} is not the one it was: the index was made anew")]
    return [holds("tail", f"it goes on from the head you gave, entry {head.number}")]


def check_there(catalog: Catalog) -> list[Found]:
    """Whether the archive of every entry is there, as large as listed."""
    lines = []
    for number, entry in catalog.entries.items():
        size = catalog.archives.get(entry.archive)
        if size is None:
            lines.append(f"the archive of entry {number} is gone: `{entry.archive}`")
        elif size != entry.bytes:
            lines.append(f"the archive of entry {number} has {size} bytes, {entry.bytes} are listed: `{entry.archive}`")
    return _failed("there", lines) or [holds("there", f"{len(catalog.entries)} archives are there")]


CHECKS: Mapping[str, Callable[[Catalog], list[Found]]] = {
    "numbers": check_numbers,
    "signatures": check_signatures,
    "links": check_links,
    "runs": check_runs,
    "tail": check_tail,
    "there": check_there,
}
"""What is checked of an index, in this order. After it: each archive against its entry, and what is listed nowhere."""
CHAINED = ("numbers", "signatures", "links")
"""The checks that a head must pass to be worth remembering, beside the head before it."""


def check_index(catalog: Catalog) -> list[Found]:
    """All findings about the index itself."""
    return [found for check_one in CHECKS.values() for found in check_one(catalog)]


def worth_remembering(findings: Sequence[Found]) -> bool:
    """Whether the head may take the place of the one remembered before: the chain is whole, signed, and goes on from it."""
    whole = all(found.result is Result.HOLDS for found in findings if found.check in CHAINED)
    return whole and not any(found.result is Result.FAILS for found in findings if found.check == "tail")


def check_archive(entry: Entry, data: bytes) -> Found:
    """Whether *data* is the archive that *entry* lists, and of the run it lists."""
    if len(data) != entry.bytes or sha256(data) != entry.sha256:
        return fails("archive", f"the archive of entry {entry.number} is not the one that was listed: `{entry.archive}`")
    listed = _manifest(data)
    if isinstance(listed, str):
        return fails("archive", f"the archive of entry {entry.number} is none: {listed}")
    if (listed.mission, listed.head, listed.closed) != (entry.mission, entry.head, True):
        return fails("archive", f"the archive of entry {entry.number} is of another run than listed: `{entry.archive}`")
    return holds("archive", f"entry {entry.number} is its archive")


def check_unlisted(name: str, data: bytes, catalog: Catalog) -> Found:
    """What it means that *name* lies among the archives and no entry names it."""
    try:
        members = archive.unpack(data)
        listed = manifest.read(members[MANIFEST])
    except (ArchiveError, KeyError):
        return fails("unlisted", f"`{name}` is no archive, and no entry lists it")
    (checkpoint,) = check_checkpoint(listed, members, catalog.trust)
    if checkpoint.result is not Result.HOLDS:
        return Found(check="unlisted", result=checkpoint.result, words=f"no entry lists `{name}`, and {checkpoint.words}")
    heads = [entry.head for entry in catalog.entries.values() if entry.mission == listed.mission]
    if not heads:
        words = f"no entry lists `{name}`: the index was cut off, or an archiver was interrupted just then"
        return missing("unlisted", f"{words}; run `sayso audit archive --once` and verify again")
    if listed.head not in heads:
        return fails(
            "unlisted", f"no entry lists `{name}`, which tells another history of a run than the archive listed for it"
        )
    return holds("unlisted", f"`{name}` is a second archive of a listed run, left by an archiver that came second")


def _line(text: bytes) -> Line | str:
    try:
        return line_of(text)
    except SignatureError as error:
        return str(error)


def _manifest(data: bytes) -> Manifest | str:
    try:
        return manifest.read(archive.unpack(data)[MANIFEST])
    except KeyError:
        return "it holds no manifest"
    except ArchiveError as error:
        return str(error)


def _spans(numbers: Sequence[int]) -> list[str]:
    """The gaps between 1 and the last of *numbers*, as words."""
    gaps, before = [], 0
    for number in numbers:
        if number > before + 1:
            gaps.append(str(number - 1) if number == before + 2 else f"{before + 1} to {number - 1}")
        before = number
    return gaps


def _failed(check_name: str, lines: Sequence[str]) -> list[Found]:
    more = [f"and {len(lines) - MOST} more"] if len(lines) > MOST else []
    return [fails(check_name, line) for line in [*lines[:MOST], *more]]
