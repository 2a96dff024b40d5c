"""`sayso keys`: key pairs for people and processes, and key rings for payloads."""

from __future__ import annotations

import re
from pathlib import Path

import click

from workers.cli.options import emit, json_option
from workers.cli.rings import ring
from workers.errors import WrongUse

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


@click.group()
def keys() -> None:
    """Make keys for people and processes, and key rings for payloads."""


keys.add_command(ring)


@keys.command()
@click.argument("name")
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    default=None,
    metavar="FILE",
    help="Where the private key goes; else NAME.jwk here.",
)
@json_option
def new(name: str, out: Path | None, as_json: bool) -> None:
    """
    Make an Ed25519 key for NAME.

    The private key goes into a file for its owner alone; the public entry is printed, for `directory.yaml`.
    """
    from workers.stack.keyfiles import new_key, write_key

    if not _NAME.fullmatch(name):
        raise WrongUse(f"`{name}` is not a name for a key: use lower-case letters, digits, `.`, `_` and `-`")
    path = (out or Path(f"{name}.jwk")).expanduser()
    signer = new_key(name)
    write_key(path, signer)
    public = signer.public()
    text = (
        f"private key written to `{path}`; it never leaves your machine\n\n"
        f"to be known by it, put this under `keys` of `{name}` in directory.yaml:\n\n"
        f'      - kid: {public.kid}\n        x: "{public.x}"'
    )
    emit(as_json, {"path": str(path), "public": {"kid": public.kid, "x": public.x}}, text)
