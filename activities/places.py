"""
Places: where archives and payloads are kept, a directory or an object store. Nothing in a place is ever written again, or
removed.

Both kinds know one way to write: make an object that is not there yet, whole or not at all. Two archivers that make the same
one are told apart by it. A directory does that by a hard link; S3 by a conditional request; of other stores see `ObjectPlace`.

Source: docs/archiver.md
"""

from __future__ import annotations

import os
import re
import secrets
from pathlib import Path
from typing import Any, Protocol

from fsspec.core import url_to_fs
from fsspec.implementations.local import LocalFileSystem

from activities.errors import Absent, Oversized, PlaceTrouble, Taken

PARTIAL = "partial"
"""The folder of a directory with what is being written. What lies there was never finished, and counts for nothing."""
_PRIVATE, _READ_ONLY = 0o700, 0o444
_CREDENTIALS = re.compile(r"(?<=://)[^/\s]*@")


class Place(Protocol):
    """Objects by name, `FOLDER/NAME`."""

    @property
    def where(self) -> str:
        """How a person calls it."""

    def sizes(self, folder: str) -> dict[str, int]:
        """Bytes of each object in *folder*, by name without the folder; empty where there is none. Raises PlaceTrouble."""

    def read(self, name: str, most: int) -> bytes:
        """The object, at most so many bytes. Raises Absent; Oversized, where it is larger; PlaceTrouble."""

    def create(self, name: str, data: bytes) -> None:
        """Makes the object, durably, whole or not at all. Raises Taken, PlaceTrouble."""


def open_place(named: str) -> Place:
    """
    The place that a path or a URL names.

    Raises:
        PlaceTrouble: Its kind is not known here, needs something that is not installed, or does not answer.
    """
    try:
        system, root = url_to_fs(os.path.expanduser(named))
    except Exception as error:  # some drivers connect here, and raise what their libraries raise
        raise PlaceTrouble(f"`{shown(named)}`", "", _words(error)) from error
    return LocalPlace(Path(root)) if isinstance(system, LocalFileSystem) else ObjectPlace(system, root, named)


def shown(named: str) -> str:
    """*named* as it may be told: a URL may hold a password."""
    return _CREDENTIALS.sub("", named)


class LocalPlace:
    """A directory; its file system knows hard links."""

    def __init__(self, root: Path) -> None:
        self._root = root

    @property
    def where(self) -> str:
        """Its path."""
        return f"`{self._root}`"

    def sizes(self, folder: str) -> dict[str, int]:
        """Of the files in *folder*."""
        try:
            with os.scandir(self._root / folder) as found:
                return {entry.name: entry.stat(follow_symlinks=False).st_size for entry in found}
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise self._trouble(folder, error) from error

    def read(self, name: str, most: int) -> bytes:
        """The file's bytes."""
        try:
            with (self._root / name).open("rb") as file:
                data = file.read(most + 1)
        except (FileNotFoundError, NotADirectoryError) as error:
            raise Absent(self.where, name, "it is not there") from error
        except OSError as error:
            raise self._trouble(name, error) from error
        return _bounded(self.where, name, data, most)

    def create(self, name: str, data: bytes) -> None:
        """Written aside, synced, then linked under its name: a link, unlike a rename, does not replace what is there."""
        path, partial = self._root / name, self._root / PARTIAL / secrets.token_hex(8)
        try:
            for folder in (path.parent, partial.parent):
                _made(folder)
            self._write(partial, data)
            os.link(partial, path)
            _sync(path.parent)
        except FileExistsError as error:
            raise Taken(f"`{name}` is in the archive at {self.where} already") from error
        except OSError as error:
            raise self._trouble(name, error) from error
        finally:
            partial.unlink(missing_ok=True)

    def _write(self, path: Path, data: bytes) -> None:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _READ_ONLY), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())

    def _trouble(self, name: str, error: OSError) -> PlaceTrouble:
        return PlaceTrouble(self.where, name, error.strerror or str(error))


class ObjectPlace:
    """
    A prefix of an object store, through fsspec.

    S3 makes an object only where there is none (measured with moto, s3fs 2026.9). A store whose fsspec driver looks first and
    writes then keeps two archivers apart most of the time only: run one of them, and let the verifier find the rest.
    """

    def __init__(self, system: Any, root: str, named: str) -> None:
        """
        Args:
            system: An fsspec file system; its library may raise anything of its own.
        """
        self._system = system
        self._root = root.rstrip("/")
        self._named = named

    @property
    def where(self) -> str:
        """Its URL."""
        return f"`{shown(self._named)}`"

    def sizes(self, folder: str) -> dict[str, int]:
        """Of the objects right under *folder*."""
        try:
            self._system.invalidate_cache()
            found = self._system.ls(f"{self._root}/{folder}", detail=True)
        except FileNotFoundError:
            return {}
        except Exception as error:
            raise PlaceTrouble(self.where, folder, _words(error)) from error
        return {str(each["name"]).rpartition("/")[2]: int(each["size"] or 0) for each in found if each["type"] == "file"}

    def read(self, name: str, most: int) -> bytes:
        """The object's bytes."""
        data = self._found(name, most + 1)
        if data is None:
            raise Absent(self.where, name, "it is not there")
        return _bounded(self.where, name, data, most)

    def create(self, name: str, data: bytes) -> None:
        """
        After any error the store is asked what is there: an answer may get lost after the object was made, and drivers say
        "there is one already" in words of their own.
        """
        try:
            self._system.pipe_file(f"{self._root}/{name}", data, mode="create")
        except Exception as error:
            found = self._found(name, len(data) + 1)
            if found is None:
                raise PlaceTrouble(self.where, name, _words(error)) from error
            if found != data:
                raise Taken(f"`{name}` is in the archive at {self.where} already") from error

    def _found(self, name: str, most: int) -> bytes | None:
        """The first bytes of the object, or None. Raises PlaceTrouble."""
        try:
            data: bytes = self._system.cat_file(f"{self._root}/{name}", start=0, end=most)
        except FileNotFoundError:
            return None
        except Exception as error:
            if self._empty(name):
                # S3 knows no first bytes of an object that has none.
                return b""
            raise PlaceTrouble(self.where, name, _words(error)) from error
        return data

    def _empty(self, name: str) -> bool:
        try:
            size: int = self._system.size(f"{self._root}/{name}")
        except Exception:  # what matters was the first error
            return False
        return size == 0


def _bounded(where: str, name: str, data: bytes, most: int) -> bytes:
    if len(data) > most:
        raise Oversized(where, name, f"it is larger than {most} bytes")
    return data


def _words(error: Exception) -> str:
    return shown((str(error).splitlines() or [type(error).__name__])[0])[:200]


def _made(folder: Path) -> None:
    if not folder.is_dir():
        folder.mkdir(parents=True, exist_ok=True, mode=_PRIVATE)
        _sync(folder.parent)


def _sync(folder: Path) -> None:
    """A name in a directory outlives a crash only once the directory is synced."""
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
