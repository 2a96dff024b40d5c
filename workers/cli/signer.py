"""Whose key a command signs with, and the options that choose it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from workers.errors import WrongUse

if TYPE_CHECKING:
    from approvals.jws import Signer
    from workers.profile import Profile


def key_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """`--as NAME` and `--key FILE`, handed on as `name: str | None` and `key: Path | None`."""
    named = click.option("--as", "name", metavar="NAME", help="Sign with NAME's key from the stack's key directory.")
    filed = click.option(
        "--key",
        type=click.Path(dir_okay=False, path_type=Path),
        metavar="FILE",
        help="Sign with the private key in FILE; else SAYSO_KEY, else the stack's own default.",
    )
    return named(filed(command))


def choose(profile: Profile, name: str | None, key: Path | None, default: str | None) -> Signer:
    """
    The signer: `--key`, else `--as`, else SAYSO_KEY, else *default* by name.

    Raises:
        WrongUse: No key, or a file that holds none.
    """
    if key is not None and name is not None:
        raise WrongUse("`--key` and `--as` name two keys: give one of them")
    if key is not None:
        return _read(key)
    if name is None and os.environ.get("SAYSO_KEY"):
        return _read(Path(os.environ["SAYSO_KEY"]))
    wanted = name or default
    if wanted is None:
        raise WrongUse(f"no key to sign with: give `--key FILE`, set SAYSO_KEY, or name one with `--as`{_known(profile)}")
    found = {path.stem: path for path in _files(profile)}.get(wanted)
    if found is None:
        raise WrongUse(f"there is no key of `{wanted}` here{_known(profile) or ': give `--key FILE`'}")
    return _read(found)


def _read(path: Path) -> Signer:
    from approvals.errors import SignatureError
    from workers.stack.keyfiles import read_key

    try:
        return read_key(path.expanduser())
    except SignatureError as error:
        reason = str(error).removeprefix("the key file ")
        raise WrongUse(f"key file `{path}` {reason}: make one with `sayso keys new NAME`") from error


def _files(profile: Profile) -> list[Path]:
    return sorted(profile.keys.glob("*.jwk")) if profile.keys is not None and profile.keys.is_dir() else []


def _known(profile: Profile) -> str:
    names = [path.stem for path in _files(profile)]
    return f"; there are keys of {', '.join(names)}" if names else ""
