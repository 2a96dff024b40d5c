"""
What a gate remembers of freezes, so that deleting one does not end it. A file outlives the process; without one, the process
remembers.

Source: docs/decisions/0010-freeze.md
"""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import quote

from pydantic import ValidationError

from activities.errors import Forgotten
from approvals.freeze import Remembered


class ProcessMemory:
    """Lasts as long as the process."""

    def __init__(self) -> None:
        self._seen: Remembered | None = None

    def read(self) -> Remembered | None:
        """The last freeze that was seen."""
        return self._seen

    def write(self, seen: Remembered) -> None:
        """Remembers *seen* alone."""
        self._seen = seen


class FileMemory:
    """A file a namespace, in a directory that outlives the process."""

    def __init__(self, directory: Path, namespace: str) -> None:
        self._path = directory / f"freeze-{quote(namespace, safe='')}.json"

    def read(self) -> Remembered | None:
        """The last freeze that was seen; None where there is no file. Raises Forgotten."""
        try:
            return Remembered.model_validate_json(self._path.read_bytes())
        except FileNotFoundError as error:
            if self._path.parent.is_dir():
                return None
            raise Forgotten(str(self._path.parent), "there is no such directory") from error
        except OSError as error:
            raise Forgotten(str(self._path), error.strerror or str(error)) from error
        except ValidationError as error:
            raise Forgotten(str(self._path), "it does not hold what a gate writes there") from error

    def write(self, seen: Remembered) -> None:
        """Remembers *seen* alone: the file is the old one or the new one, never half of it. Raises Forgotten."""
        partial = self._path.with_name(f".{self._path.name}.{os.getpid()}")
        try:
            with partial.open("w", encoding="utf-8") as file:
                file.write(seen.model_dump_json() + "\n")
                file.flush()
                os.fsync(file.fileno())
            os.replace(partial, self._path)
        except OSError as error:
            raise Forgotten(str(self._path), error.strerror or str(error)) from error
