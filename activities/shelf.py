"""
The shelf: every policy bundle a gate ruled with, kept by its digest, so that an auditor can judge by it years later.

A bundle is one directory that people change. What a gate had loaded when it settled is named in its settlement by digest; here
are the files behind it.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable, Mapping
from pathlib import Path

from audit.archive import pack, unpack
from audit.errors import ArchiveError
from policies.bundle import bundle_digest
from policies.canonical import Digest

FOLDER = "bundles"
_SUFFIX = ".tar"


class Shelf:
    """Bundles kept in one directory; nothing on it is ever changed."""

    def __init__(self, state: Path) -> None:
        """
        Args:
            state: The gate's own directory.
        """
        self._folder = state / FOLDER

    def keep(self, files: Mapping[str, bytes]) -> Digest:
        """
        Puts the bundle of *files* on the shelf, whole or not at all.

        Raises:
            ArchiveError: A file's name has no place in an archive.
            OSError: The directory cannot be written.
        """
        name = bundle_digest(files)
        path = self._folder / f"{name}{_SUFFIX}"
        if path.exists():
            return name
        content = pack(files)
        self._folder.mkdir(parents=True, exist_ok=True)
        partial = self._folder / f".{name}.{secrets.token_hex(4)}"
        try:
            with partial.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
        return name

    def find(self, names: Iterable[Digest]) -> dict[Digest, dict[str, bytes]]:
        """The files of those of *names* that are on the shelf and still what their digest says."""
        found: dict[Digest, dict[str, bytes]] = {}
        for name in names:
            try:
                files = unpack((self._folder / f"{name}{_SUFFIX}").read_bytes())
            except (OSError, ArchiveError):
                continue
            if bundle_digest(files) == name:
                found[name] = files
        return found
