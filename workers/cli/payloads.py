"""`sayso payloads`: the store of what is too large for a history."""

from __future__ import annotations

import os
from pathlib import Path

import click

from workers.cli.options import data_option, emit, json_option
from workers.errors import CannotReach, WrongUse


@click.group()
def payloads() -> None:
    """Make and check the payload store: a directory, or an fsspec URL such as `s3://bucket/payloads`."""


@payloads.command()
@click.argument("place")
@json_option
def new(place: str, as_json: bool) -> None:
    """
    Make PLACE a payload store.

    It gets a mark, without which nothing is read from it or written to it: a disk that is not mounted is no empty store.
    """
    from activities.errors import StoreSilent
    from workers.storing import VARIABLE, opened_store

    store = opened_store(place)
    try:
        store.make()
        store.check()
    except StoreSilent as error:
        raise CannotReach(str(error)) from error
    words = f"payload store made at {store.where}; set {VARIABLE} to it for every worker, command and codec server"
    kept = "keep it as long as any history or archive that refers to it: Sayso deletes nothing there"
    emit(as_json, {"place": store.where.strip("`")}, f"{words}\n{kept}")


@payloads.command()
@click.argument("place", required=False)
@data_option
@json_option
def check(place: str | None, data: Path | None, as_json: bool) -> None:
    """Say whether PLACE, else SAYSO_PAYLOAD_STORE, else the stack's, is a payload store that answers."""
    from workers.profile import data_directory, load
    from workers.storing import OFF, VARIABLE, opened_store, store_named
    from workers.storing import check as checked

    named = place or store_named(os.environ) or load(data_directory(data)).payload_store
    if named is None or named == OFF:
        raise WrongUse(f"there is no payload store to check: name one, or set {VARIABLE}")
    checked(named)
    where = opened_store(named).where
    emit(as_json, {"place": where.strip("`")}, f"{where} is a payload store, and it answers")
