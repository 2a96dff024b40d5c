"""The approver directory on disk, read anew at every admission."""

from __future__ import annotations

from pathlib import Path

from policies.directory import Directory
from policies.load import load_directory, read_text


class FileDirectories:
    """`directory.yaml` of a bundle. A file that did not change since is not parsed again."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._seen: tuple[str, Directory] | None = None

    def read(self) -> Directory:
        """The directory as the file says now. Raises BundleError."""
        text = read_text(self._root / "directory.yaml")
        if self._seen is None or self._seen[0] != text:
            self._seen = (text, load_directory(self._root, text))
        return self._seen[1]
