"""What the commands that export share: the exporter's key, and the bundles it may know beside those that gates kept."""

from __future__ import annotations

import os
from pathlib import Path

import click

from workers.errors import WrongUse

key_option = click.option(
    "--key",
    type=click.Path(dir_okay=False, path_type=Path),
    default=None,
    metavar="FILE",
    help="The exporter's private key; else SAYSO_EXPORT_KEY_FILE, else the stack's.",
)
"""Handed to the command as `key: Path | None`; `export_key` resolves it."""

policies_option = click.option(
    "--policies",
    type=click.Path(file_okay=False, path_type=Path),
    multiple=True,
    metavar="DIR",
    help="A policy bundle that gates may have ruled with, beside those they kept. May be given again.",
)
"""Handed to the command as `policies: tuple[Path, ...]`."""


def export_key(given: Path | None, usual: Path | None) -> Path:
    """
    The exporter's key: as given, else SAYSO_EXPORT_KEY_FILE, else the stack's.

    Raises:
        WrongUse: There is none.
    """
    named = os.environ.get("SAYSO_EXPORT_KEY_FILE")
    path = given or (Path(named) if named else None) or usual
    if path is None:
        raise WrongUse("an export is signed, and there is no exporter's key: name it with `--key` or SAYSO_EXPORT_KEY_FILE")
    return path.expanduser()
