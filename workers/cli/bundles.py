"""Which bundle a command is about, and reading it without being harmed by it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from workers.errors import WrongUse

if TYPE_CHECKING:
    from policies.bundle import Bundle

directory_argument = click.argument(
    "directory", type=click.Path(file_okay=False, path_type=Path), required=False, default=None, metavar="[DIR]"
)
policies_option = click.option(
    "--policies",
    type=click.Path(file_okay=False, path_type=Path),
    default=None,
    metavar="DIR",
    help="The bundle; else SAYSO_POLICIES, else the stack's, else the shipped one.",
)


def which(given: Path | None, data: Path | None = None) -> Path:
    """
    The bundle's directory: *given*, else SAYSO_POLICIES, else that of the stack in *data*, else the shipped one.

    Raises:
        WrongUse: There is no such directory, or the stack's profile cannot be read.
    """
    root = given or _usual(data)
    if not root.is_dir():
        from approvals.display import visible

        raise WrongUse(f"`{visible(str(root))}` is not a directory with a policy bundle")
    return root


def opened(root: Path) -> Bundle:
    """
    The bundle in *root*, after another process has read it and lived.

    Raises:
        BundleError: It does not load.
    """
    from policies.load import load
    from workers.probe import probe

    probe(root)
    return load(root)


def _usual(data: Path | None) -> Path:
    from policies.load import shipped
    from workers.profile import FILE, data_directory, load

    named = os.environ.get("SAYSO_POLICIES")
    if named:
        return Path(named).expanduser()
    place = data_directory(data)
    return load(place).policies if (place / FILE).exists() else shipped()
