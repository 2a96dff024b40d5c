"""One supervisor a data directory: an advisory lock that the operating system gives back when its holder dies."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path


class Lock:
    """The lock of a data directory. Its file holds the pid of whoever holds it."""

    def __init__(self, data: Path) -> None:
        self._path = data / "run" / "supervisor.pid"
        self._file: int | None = None

    @property
    def held(self) -> bool:
        """Whether this object holds it."""
        return self._file is not None

    def take(self) -> bool:
        """Takes it; False when another process holds it."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(file)
            return False
        os.ftruncate(file, 0)
        os.pwrite(file, f"{os.getpid()}\n".encode(), 0)
        self._file = file
        return True

    def give_back(self) -> None:
        """Gives it back; nothing when it is not held here. The file stays: removing it would race."""
        if self._file is not None:
            os.ftruncate(self._file, 0)
            os.close(self._file)
            self._file = None

    def holder(self) -> int | None:
        """The pid of the process that holds it, or None when nobody does."""
        try:
            file = os.open(self._path, os.O_RDWR)
        except FileNotFoundError:
            return None
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            written = os.pread(file, 32, 0).strip()
            return int(written) if written.isdigit() else 0
        finally:
            os.close(file)
        return None
