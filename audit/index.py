"""
The index of archives: a hash chain with one signed entry for each archived run, in the order of archiving.

An entry names its archive by digest and size and the entry before it by its link. Each is signed by the exporter, so whoever
can write to the store cannot make the chain anew; each is an object of its own that is never written again, because an object
store has no append. What the chain cannot tell is that its end is missing: for that, whoever verifies remembers a head.

Source: docs/audit-format.md
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime

from pydantic import AwareDatetime, Field, ValidationError

from approvals.errors import SignatureError
from approvals.evidence import Evidence
from approvals.jws import Signer, Token, take_apart, verify
from audit.errors import ArchiveError
from policies.action import MissionRef
from policies.canonical import Digest, digest
from policies.errors import CanonicalError
from policies.keys import PublicKey
from policies.model import Written

FORMAT = "sayso-index/1"
TYP = "sayso-index+jws"
INDEX, ARCHIVES = "index", "archives"
"""The two folders of a place: entries by number, and archives."""
START = Digest(hashlib.sha256(b"sayso:index:v1\n").hexdigest())
"""What the first entry has before it."""
MAX_ENTRY = 16 * 1024
MARK = 16
"""So many digits of its digest are in an archive's name."""
_ENTRY = re.compile(r"([0-9]{10})\.jws")
_ARCHIVE = re.compile(r"[A-Za-z0-9_.~%-]{1,180}\.[0-9a-f]{16}\.sayso")
_HEAD = re.compile(r"(?:([0-9]{1,10}):)?([0-9a-f]{64})")


class Entry(Written):
    """One line of the index: which run was archived, and as what."""

    format: str = FORMAT
    number: int = Field(ge=1)
    mission: MissionRef
    closed_at: AwareDatetime
    """When the run ended, by the server's clock."""
    head: Evidence
    """The trail through the run's last event."""
    archive: str
    """Name of the archive's file."""
    sha256: Digest
    """Of the archive's bytes."""
    bytes: int = Field(ge=0)
    iat: int
    """When it was listed: seconds since 1970, by the exporter's clock."""
    previous: Digest
    """Link of the entry before, or `START`."""

    @property
    def link(self) -> Digest:
        """Covers this entry and, through `previous`, every one before it."""
        return digest("index", self.model_dump(mode="json"))


class Head(Written):
    """How far an index went when somebody looked: what a later look is held against."""

    number: int | None = Field(default=None, ge=0)
    """None where only the digest was kept."""
    digest: Digest

    def __str__(self) -> str:
        return self.digest if self.number is None else f"{self.number}:{self.digest}"


@dataclass(frozen=True)
class Line:
    """An entry as it lies in the store: taken apart, and not believed."""

    entry: Entry
    token: Token


def head_of(text: str) -> Head:
    """
    The head in *text*, `NUMBER:DIGEST` or the digest alone.

    Raises:
        ArchiveError: It is neither.
    """
    found = _HEAD.fullmatch(text.strip())
    if found is None:
        raise ArchiveError("a head is `NUMBER:DIGEST`, as `sayso audit archive` prints it")
    return Head(number=int(found[1]) if found[1] else None, digest=Digest(found[2]))


def entry_name(number: int) -> str:
    """Where entry *number* lies in a place."""
    return f"{INDEX}/{number:010}.jws"


def number_of(name: str) -> int | None:
    """The number of the entry whose file in the index is called *name*; None where none can be called so."""
    found = _ENTRY.fullmatch(name)
    return int(found[1]) or None if found else None


def archive_name(exported: str, sha256: Digest) -> str:
    """
    The name in a place of the archive that is exported as *exported*: with a mark of its content, so that no two archives of
    a run are in each other's way.

    Raises:
        ArchiveError: There is no such name.
    """
    name = f"{exported.removesuffix('.sayso')}.{sha256[:MARK]}.sayso"
    if not is_archive(name):
        raise ArchiveError(f"`{name[:80]}` is no name for an archive")
    return name


def is_archive(name: str) -> bool:
    """Whether an archive in a place can be called *name*: one file, nowhere else."""
    return _ARCHIVE.fullmatch(name) is not None


def sign(entry: Entry, signer: Signer) -> bytes:
    """
    *entry* as it is stored.

    Raises:
        ArchiveError: Something in it has no single form, such as a mission's id.
    """
    try:
        return signer.sign(TYP, entry.model_dump(mode="json")).encode()
    except CanonicalError as error:
        raise ArchiveError(f"the run cannot be listed: {error}") from error


def line_of(text: bytes) -> Line:
    """
    The entry in *text*, whoever signed it.

    Raises:
        SignatureError: It is none that this version can read.
    """
    try:
        token = take_apart(text.decode("ascii"))
        entry = Entry.model_validate(token.payload)
    except (UnicodeDecodeError, ValidationError) as error:
        raise SignatureError("is no entry of an index that this version can read") from error
    if entry.format != FORMAT or entry.model_dump(mode="json") != token.payload or not is_archive(entry.archive):
        raise SignatureError("is not in the one form an entry has")
    return Line(entry, token)


def check(line: Line, key: PublicKey) -> None:
    """Returns when *key* signed *line*. Raises SignatureError."""
    verify(line.token, TYP, key)


def moment(entry: Entry) -> datetime:
    """When *entry* was listed, in the form of its other time."""
    return datetime.fromtimestamp(entry.iat, entry.closed_at.tzinfo)
