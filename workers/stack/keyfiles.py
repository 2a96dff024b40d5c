"""Private keys as files: one JWK each, for their owner's eyes."""

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
    """
    Writes the private JWK with mode 0600, whole or not at all.

    Raises:
        WrongUse: *path* exists, or cannot be written.
    """
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE), "w") as file:
            file.write(json.dumps(signer.to_jwk(), indent=2) + "\n")
        try:
            # A link, unlike a rename, does not replace what is there.
            os.link(partial, path)
        finally:
            partial.unlink()
    except FileExistsError as error:
        raise WrongUse(f"`{path}` exists and is not overwritten: remove it yourself, or name another with `--out`") from error
    except OSError as error:
        raise WrongUse(f"`{path}` cannot be written ({error.strerror})") from error


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
