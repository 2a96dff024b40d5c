"""
Key rings where they are kept. A setting names the place and never holds the ring: `file:PATH`, or `env:NAME` for another
variable with the JSON in it. A file is for its owner alone, or it is refused.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from pydantic import SecretStr

from workers.errors import WrongUse
from workers.keyring import ID, KeyRing, Ring, key_ring, new_key, ring_in
from workers.stack.keyfiles import replace_secret, write_secret

VARIABLE = "SAYSO_KEY_RING"
SWITCH = "SAYSO_ENCRYPTION"
OFF = "off"
MAX_RING_BYTES = 64 * 1024
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def ring_of(environment: Mapping[str, str]) -> KeyRing | None:
    """
    The ring that SAYSO_KEY_RING names in *environment*; None where it is not set.

    Raises:
        WrongUse: It names no ring. Its value is quoted only where it is a file's name.
    """
    reference = environment.get(VARIABLE, "")
    kind, _, name = reference.partition(":")
    if not reference:
        return None
    if kind == "file" and name and "{" not in name:
        return ring_in_file(Path(name).expanduser())
    if kind == "env" and _NAME.fullmatch(name):
        if not environment.get(name):
            raise WrongUse(f"{VARIABLE} names the variable {name}, which is not set: put the key ring's JSON there")
        return key_ring(ring_in(f"what is in {name}", environment[name]))
    raise WrongUse(f"{VARIABLE} is neither `file:PATH` nor `env:NAME`: it says where the key ring is, and never holds it")


def encrypts(environment: Mapping[str, str]) -> bool:
    """
    Whether payloads are to be encrypted: unless SAYSO_ENCRYPTION says `off`.

    Raises:
        WrongUse: It says anything else.
    """
    said = environment.get(SWITCH, "")
    if said not in ("", OFF):
        raise WrongUse(f"{SWITCH} knows only `{OFF}`: unset it to encrypt")
    return said != OFF


def ring_in_file(path: Path) -> KeyRing:
    """
    The ring in the file *path*.

    Raises:
        WrongUse: It cannot be read, others may read it, or it holds no ring.
    """
    return key_ring(written_ring(path))


def written_ring(path: Path) -> Ring:
    """The ring in the file *path* as it is written. Raises WrongUse, as `ring_in_file`."""
    try:
        with path.open("rb") as file:
            found = os.fstat(file.fileno())
            if found.st_mode & _OTHERS:
                raise WrongUse(f"key ring `{path}` can be used by others than its owner: `chmod 600 {path}`")
            text = file.read(MAX_RING_BYTES + 1)
    except OSError as error:
        raise WrongUse(
            f"key ring `{path}` cannot be read ({error.strerror}): {VARIABLE} names it; `sayso keys ring new` makes one"
        ) from error
    if len(text) > MAX_RING_BYTES:
        raise WrongUse(f"key ring `{path}` is larger than {MAX_RING_BYTES} bytes: is it another file?")
    # What is no UTF-8 is no JSON either; with replacements it is told as such.
    return ring_in(f"`{path}`", text.decode(errors="replace"))


def make_ring(path: Path, key_id: str | None = None) -> str:
    """
    Writes a ring with one new key into *path*, which must not exist, and returns the key's id.

    Raises:
        WrongUse: It exists, cannot be written, or *key_id* is no id.
    """
    name = _named(key_id, ())
    write_secret(path, _text(Ring(active=name, keys={name: new_key()})))
    return name


def add_key(path: Path, key_id: str | None = None, *, activate: bool = True) -> str:
    """
    Adds a new key to the ring in *path* and returns its id; the old ones stay, to open what they encrypted.

    Args:
        activate: The new one encrypts from now on.

    Raises:
        WrongUse: No ring is there, or *key_id* is no new id.
    """
    with _alone(path):
        ring = written_ring(path)
        name = _named(key_id, tuple(ring.keys))
        changed = Ring(active=name if activate else ring.active, keys={**ring.keys, name: new_key()})
        _replace(path, changed)
    return name


def activate_key(path: Path, key_id: str) -> None:
    """Makes *key_id* of the ring in *path* the one that encrypts. Raises WrongUse."""
    with _alone(path):
        ring = written_ring(path)
        if key_id not in ring.keys:
            raise WrongUse(f"key ring `{path}` has no such key; it has {', '.join(ring.keys)}")
        _replace(path, Ring(active=key_id, keys=ring.keys))


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """
    Nobody else changes a ring in the same directory meanwhile: of two who read the same ring and add a key each, the last to
    write would throw the other's key away, and with it what was encrypted by then.
    """
    try:
        # The directory, not the file: that one is another after each change.
        directory = os.open(path.resolve().parent, os.O_RDONLY)
    except OSError as error:
        raise WrongUse(f"key ring `{path}` cannot be read ({error.strerror})") from error
    try:
        fcntl.flock(directory, fcntl.LOCK_EX)
        yield
    finally:
        os.close(directory)


def _replace(path: Path, ring: Ring) -> None:
    text = _text(ring)
    ring_in("the new key ring", text)
    # Where the file is a link, whoever reads it by its own name must see the new key too.
    replace_secret(path.resolve(), text)


def _named(key_id: str | None, taken: tuple[str, ...]) -> str:
    name = key_id or f"key-{os.urandom(4).hex()}"
    if not ID.fullmatch(name):
        raise WrongUse("a key's id is 1 to 32 lower-case letters, digits, `.`, `_` and `-`")
    if name in taken:
        raise WrongUse(f"there is a key `{name}` already, and it is never replaced: choose another id")
    return name


def _text(ring: Ring) -> str:
    keys: dict[str, SecretStr] = ring.keys
    written = {key_id: secret.get_secret_value() for key_id, secret in keys.items()}
    return json.dumps({"active": ring.active, "keys": written}, indent=2) + "\n"
