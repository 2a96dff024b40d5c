"""`sayso keys ring`: the key ring by which payloads are encrypted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from workers.cli.options import data_option, emit, json_option
from workers.errors import WrongUse

_file = click.Path(dir_okay=False, path_type=Path)
_id_option = click.option("--id", "key_id", default=None, metavar="ID", help="Of the new key; else a random one.")
_RESTART = "start every worker, command and codec server that uses it anew"


@click.group()
def ring() -> None:
    """Make a key ring, add keys to it, and choose the one that encrypts. No key is ever printed."""


def _ring_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """`--ring FILE`, else the stack's own."""
    named = click.option("--ring", "path", type=_file, default=None, metavar="FILE", help="The key ring; else the stack's.")
    return named(data_option(json_option(command)))


@ring.command()
@click.option("--out", type=_file, default=Path("key-ring.json"), show_default=True, metavar="FILE", help="Where it goes.")
@_id_option
@json_option
def new(out: Path, key_id: str | None, as_json: bool) -> None:
    """Make a key ring with one key, in a file for its owner alone."""
    from workers.ring_files import make_ring

    path = out.expanduser()
    made = make_ring(path, key_id)
    words = f"key ring with key `{made}` written to `{path}`; set SAYSO_KEY_RING=file:{path.absolute()}"
    emit(as_json, {"path": str(path), "active": made}, f"{words}\nkeep a copy: what is encrypted with it is lost without it")


@ring.command()
@_ring_options
@_id_option
@click.option("--later", is_flag=True, help="Add the key, and let the old one encrypt until `activate`.")
def rotate(path: Path | None, data: Path | None, key_id: str | None, later: bool, as_json: bool) -> None:
    """
    Add a new key, which encrypts from now on. The old ones stay, to open what they encrypted.

    Where several processes have copies of the ring: add with `--later`, give every one of them the new ring, then `activate`.
    A process that lacks a key reads what it encrypted as sealed.
    """
    from workers.ring_files import add_key

    found = _place(path, data)
    made = add_key(found, key_id, activate=not later)
    then = f"give it to all who use it, then `sayso keys ring activate {made}`" if later else f"it encrypts: {_RESTART}"
    emit(as_json, {"path": str(found), "added": made, "activated": not later}, f"key `{made}` added to `{found}`; {then}")


@ring.command()
@click.argument("key_id", metavar="ID")
@_ring_options
def activate(path: Path | None, data: Path | None, key_id: str, as_json: bool) -> None:
    """Let key ID of the ring encrypt from now on."""
    from workers.ring_files import activate_key

    found = _place(path, data)
    activate_key(found, key_id)
    emit(as_json, {"path": str(found), "active": key_id}, f"key `{key_id}` of `{found}` encrypts: {_RESTART}")


def _place(path: Path | None, data: Path | None) -> Path:
    """The ring that is named, else the one in the stack's profile."""
    from workers.profile import data_directory, load

    if path is not None:
        return path.expanduser()
    directory = data_directory(data)
    found = load(directory).key_ring
    if found is None:
        raise WrongUse(f"the stack in `{directory}` has no key ring: name one with `--ring FILE`")
    return found
