"""`sayso up`, `sayso down` and `sayso worker`."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from workers.cli.options import data_option, emit, json_option


@click.command()
@click.option("--role", type=click.Choice(["mission", "reason", "read", "commit", "all"]), required=True, help="What it runs.")
def worker(role: str) -> None:
    """
    Run the workers of one role until they are told to end.

    Settings come from the environment; see workers/settings.py. `all` is for a laptop: it puts every credential into one
    process.
    """
    from workers.settings import Role, read
    from workers.worker import run

    roles = list(Role) if role == "all" else [Role(role)]
    asyncio.run(run(roles, read(roles)))
