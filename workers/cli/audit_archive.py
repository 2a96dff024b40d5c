"""`sayso audit archive`: keep every mission that closed, before the server deletes it."""

from __future__ import annotations

import asyncio
import os
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from workers.cli.exporting import export_key, key_option, policies_option
from workers.cli.options import AGE, data_option, emit, json_option
from workers.errors import WrongUse

if TYPE_CHECKING:
    from activities.archiver import Archiver, Round
    from workers.profile import Profile


@click.command()
@click.option(
    "--to", "place", default=None, metavar="PLACE", help="A directory or an fsspec URL such as `s3://…`; else SAYSO_ARCHIVE."
)
@click.option("--once", is_flag=True, help="One round; ends with 1 where a mission that closed could not be archived.")
@click.option("--every", type=AGE, default="60s", metavar="SPAN", help="How often to look, until SIGTERM. Default: 60s.")
@key_option
@policies_option
@data_option
@json_option
def archive(
    place: str | None,
    once: bool,
    every: timedelta,
    key: Path | None,
    policies: tuple[Path, ...],
    data: Path | None,
    as_json: bool,
) -> None:
    """
    Archive every mission that closed into PLACE, each once, and list it in the hash-chained index there.

    Kill it whenever you like: the next one goes on. Nothing in PLACE is changed or removed.
    """
    named = place or os.environ.get("SAYSO_ARCHIVE")
    if not named:
        raise WrongUse("there is no place to archive to: name one with `--to` or SAYSO_ARCHIVE")
    from workers.cli.index_sheets import round_text

    done = asyncio.run(_run(named, key, policies, data, every=None if once else every))
    if done is None:
        return
    value = {
        "archived": [entry.model_dump(mode="json") for entry in done.archived],
        "waiting": [
            {"mission_id": each.run.mission_id, "run_id": each.run.run_id, "why": each.why, "lost": each.lost}
            for each in done.waiting
        ],
        "head": str(done.head),
    }
    emit(as_json, value, round_text(done))
    click.get_current_context().exit(1 if done.waiting else 0)


async def _run(
    named: str, key: Path | None, policies: tuple[Path, ...], data: Path | None, every: timedelta | None
) -> Round | None:
    from workers import logs
    from workers.archiver import keep_archiving
    from workers.telemetry.begin import begin, end

    level = os.environ.get("SAYSO_LOG_LEVEL", "info").lower()
    logs.set_up("error" if every is None else level)
    if every is None:
        return await _one_round(await _archiver(named, key, policies, data))
    telemetry = begin("sayso-archiver")
    try:
        await keep_archiving(await _archiver(named, key, policies, data), every, telemetry)
    finally:
        end()
    return None


async def _archiver(named: str, key: Path | None, policies: tuple[Path, ...], data: Path | None) -> Archiver:
    from activities.errors import PlaceTrouble
    from activities.places import open_place
    from activities.shelf import Shelf
    from workers.archiver import archiver
    from workers.archiving import KnownBundles
    from workers.cli.desk import open_desk
    from workers.stack.keyfiles import read_key

    try:
        place = open_place(named)
    except PlaceTrouble as error:
        raise WrongUse(str(error)) from error
    desk = await open_desk(data)
    _stored(desk.profile)
    state = os.environ.get("SAYSO_STATE") or desk.profile.state
    bundles = KnownBundles(Shelf(Path(state)) if state else None, (desk.profile.policies, *policies))
    return archiver(desk, place, read_key(export_key(key, desk.profile.export_key)), bundles)


def _stored(profile: Profile) -> None:
    """Raises WrongUse, CannotReach: this process does not reach the large payloads, and an archive without them lacks them."""
    from workers.storing import OFF, VARIABLE, check, store_named

    named = store_named(os.environ) or profile.payload_store
    if named is None:
        raise WrongUse(f"{VARIABLE} is not set: it says where large payloads are, for the archive; `{OFF}` goes without them")
    if named != OFF:
        check(named)


async def _one_round(work: Archiver) -> Round:
    from activities.errors import ActivityError
    from workers.errors import CannotReach

    try:
        return await work.round()
    except ActivityError as error:
        raise CannotReach(str(error)) from error
