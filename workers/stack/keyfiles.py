"""Secrets as files, for their owner's eyes: private keys, one JWK each, and whatever else is secret."""

from __future__ import annotations

import json
import os
import secrets
from pathlib import Path

from approvals.jws import Signer
from workers.errors import WrongUse

PRIVATE = 0o600


def new_key(name: str) -> Signer:
    """A key for *name*; its id tells keys of one holder apart."""
    return Signer.generate(f"{name}-{secrets.token_hex(4)}")


def write_key(path: Path, signer: Signer) -> None:
    """Writes the private JWK, as `write_secret`. Raises WrongUse."""
    write_secret(path, json.dumps(signer.to_jwk(), indent=2) + "\n")


def write_secret(path: Path, text: str) -> None:
    """
    Writes *text* into a new file with mode 0600, whole or not at all.

    Raises:
        WrongUse: *path* exists, or cannot be written.
    """
    try:
        partial = _partial(path, text)
        try:
            # A link, unlike a rename, does not replace what is there.
            os.link(partial, path)
            _keep_name(path)
        finally:
            partial.unlink()
    except FileExistsError as error:
        raise WrongUse(f"`{path}` exists and is not overwritten: remove it yourself, or name another with `--out`") from error
    except OSError as error:
        raise WrongUse(f"`{path}` cannot be written ({error.strerror})") from error


def replace_secret(path: Path, text: str) -> None:
    """Writes *text* in place of what is in *path*, with mode 0600, whole or not at all. Raises WrongUse."""
    try:
        _partial(path, text).replace(path)
        _keep_name(path)
    except OSError as error:
        raise WrongUse(f"`{path}` cannot be written ({error.strerror})") from error


def _partial(path: Path, text: str) -> Path:
    """A private file beside *path* with *text*, safely on disk."""
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    return partial


def _keep_name(path: Path) -> None:
    """Puts the name of *path* safely on disk too: what is encrypted from now on must not outlive its key."""
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def read_key(path: Path) -> Signer:
    """
    The signer in *path*.

    Raises:
        WrongUse: It cannot be read.
        SignatureError: It holds no private key.
    """
    try:
        return Signer.from_jwk(path.read_bytes())
    except OSError as error:
        raise WrongUse(f"key file `{path}` cannot be read ({error.strerror})") from error
