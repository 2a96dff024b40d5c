"""
The container of an archive: a tar file with exactly one form.

Packing the same members gives the same bytes anywhere, and only those bytes are read: an archive is unpacked, packed again
and compared. So there is no second member of a name, no hidden trailer and no header that two readers could read differently.
The reader here takes names and sizes from plain headers and nothing else: a general one would follow sparse maps and extended
headers, which may claim any size, before anything could be compared.

Source: docs/audit-format.md
"""

from __future__ import annotations

import io
import re
import tarfile
from collections.abc import Mapping

from audit.errors import ArchiveError

SUFFIX = ".sayso"
MAX_ARCHIVE = 512 * 1024 * 1024
MAX_MEMBERS = 20_000
_BLOCK = 512
MANIFEST_ROOM = 16 * 1024 * 1024
"""Room for the chain in a manifest, and for a checkpoint."""
_SIZE = re.compile(rb"[0-7]{11}\0")
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*(/[A-Za-z0-9_][A-Za-z0-9._-]*)*")


def pack(members: Mapping[str, bytes]) -> bytes:
    """
    The archive of *members*.

    Raises:
        ArchiveError: A name has no place in an archive, or there is too much.
    """
    if len(members) > MAX_MEMBERS or sum(map(len, members.values())) > MAX_ARCHIVE:
        raise ArchiveError(f"an archive holds at most {MAX_MEMBERS} members and {MAX_ARCHIVE} bytes")
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name in sorted(members):
            if not _NAME.fullmatch(name):
                raise ArchiveError(f"`{name}` is no name for a member: letters, digits, `.`, `_` and `-` only")
            header = tarfile.TarInfo(name)
            header.size = len(members[name])
            try:
                tar.addfile(header, io.BytesIO(members[name]))
            except ValueError as error:
                raise ArchiveError(f"`{name}` is too long a name for a member") from error
    return buffer.getvalue()


def fits(members: Mapping[str, bytes]) -> bool:
    """Whether *members* have room in one archive, with a manifest and a checkpoint."""
    # A header and padding each; of the manifest a line each, and one for each event of the longest history.
    whole = sum(len(content) + 2 * _BLOCK + len(name) + 200 for name, content in members.items())
    return len(members) <= MAX_MEMBERS - 2 and whole <= MAX_ARCHIVE - MANIFEST_ROOM


def unpack(data: bytes) -> dict[str, bytes]:
    """
    The members of an archive, by name.

    Raises:
        ArchiveError: *data* is not exactly what packing its members gives.
    """
    if len(data) > MAX_ARCHIVE:
        raise ArchiveError(f"it is larger than {MAX_ARCHIVE} bytes")
    members: dict[str, bytes] = {}
    offset = 0
    while data[offset : offset + _BLOCK].strip(b"\0"):
        name, size = _header(data[offset : offset + _BLOCK])
        offset += _BLOCK
        if name in members or len(members) >= MAX_MEMBERS or offset + size > len(data):
            raise ArchiveError("it is no archive of plain members of different names, or was cut off")
        members[name] = data[offset : offset + size]
        offset += -(-size // _BLOCK) * _BLOCK
    if pack(members) != data:
        raise ArchiveError("it is not in the one form an archive has")
    return members


def _header(block: bytes) -> tuple[str, int]:
    """Name and size of a member. Whether the rest is as it must be, packing again tells."""
    name, prefix = (field.split(b"\0", 1)[0] for field in (block[:100], block[345:500]))
    whole = prefix + b"/" + name if prefix else name
    if not whole.isascii() or not _SIZE.fullmatch(block[124:136]):
        raise ArchiveError("it is no archive, or was cut off")
    return whole.decode("ascii"), int(block[124:135], 8)
