"""What the commands that verify share: the keys that the verifier pins, and the key ring that opens contents."""

from __future__ import annotations

from pathlib import Path

import click

trust_option = click.option(
    "--trust",
    type=click.Path(dir_okay=False, path_type=Path),
    default=None,
    metavar="FILE",
    help="The keys and people you pin, in the form of directory.yaml. Without it nothing is better than INCOMPLETE.",
)
"""Handed to the command as `trust: Path | None`."""

key_ring_option = click.option(
    "--key-ring",
    type=click.Path(dir_okay=False, path_type=Path),
    default=None,
    metavar="FILE",
    help="The key ring that opens encrypted contents; else SAYSO_KEY_RING. Without it they stay sealed: INCOMPLETE.",
)
"""Handed to the command as `key_ring: Path | None`."""
