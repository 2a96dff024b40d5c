"""
The container of an archive: a tar file with exactly one form.

Packing the same members gives the same bytes anywhere, and only those bytes are read: an archive is unpacked, packed again
and compared. So there is no second member of a name, no hidden trailer and no header that two readers could read differently.

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


def unpack(data: bytes) -> dict[str, bytes]:
    """
    The members of an archive, by name.

    Raises:
        ArchiveError: *data* is not exactly what packing its members gives.
    """
    if len(data) > MAX_ARCHIVE:
        raise ArchiveError(f"it is larger than {MAX_ARCHIVE} bytes")
    members: dict[str, bytes] = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:", format=tarfile.USTAR_FORMAT) as tar:
            while (header := tar.next()) is not None:
                content = tar.extractfile(header) if header.isreg() else None
                if content is None or header.name in members or len(members) >= MAX_MEMBERS:
                    raise ArchiveError("it holds something else than plain members of different names")
                members[header.name] = content.read()
    except (tarfile.TarError, ValueError, OverflowError, OSError) as error:
        raise ArchiveError("it is no archive, or was cut off") from error
    if pack(members) != data:
        raise ArchiveError("it is not in the one form an archive has")
    return members
