"""`sayso rail`: a mission's Explain rail, read from its history without any worker."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import click

from workers.cli.options import data_option, emit, json_option

if TYPE_CHECKING:
    from audit.observation import Observation
    from audit.workload import Workload
    from workers.cli.trouble import Trouble

    _Read = tuple[str, list[Observation], list[Trouble], tuple[Workload, ...]]


@click.command()
@click.argument("mission", metavar="MISSION")
@click.option("--run", "run_id", metavar="RUN_ID", default=None, help="A run of the mission; else its latest.")
@click.option("--since", type=click.IntRange(min=0), default=0, metavar="EVENT", help="Only what is new or judged after EVENT.")
@click.option("--follow", is_flag=True, help="Go on with what happens, until the run is over.")
@data_option
@json_option
def rail(mission: str, run_id: str | None, since: int, follow: bool, data: Path | None, as_json: bool) -> None:
    """Show what happened in MISSION, in order: what was read, reasoned, proposed, decided and done, and by whom."""
    from workers.cli.rail_sheet import as_text

    if follow:
        from workers.cli.rail_follow import followed

        asyncio.run(followed(data, mission, run_id, since, as_json=as_json))
        return
    found, observations, troubles, approvers = asyncio.run(_read(data, mission, run_id, since))
    value = {
        "mission_id": mission,
        "run_id": found,
        "observations": [observation.model_dump(mode="json") for observation in observations],
        "troubles": [trouble.model_dump(mode="json") for trouble in troubles],
        "approvers": [approver.model_dump(mode="json") for approver in approvers],
    }
    emit(as_json, value, as_text(observations, troubles, approvers))


async def _read(data: Path | None, mission: str, run_id: str | None, since: int) -> _Read:
    from datetime import UTC, datetime

    from audit.errors import UnknownEventError
    from audit.rail import rail as observations_of
    from audit.workload import decided, workloads
    from workers.cli.desk import answering, open_desk
    from workers.cli.matter import described, record_of
    from workers.cli.rail_sheet import later
    from workers.cli.trouble import troubles

    desk = await open_desk(data)
    with answering(desk):
        description = await described(desk, mission, run_id)
        record = await record_of(desk, description.id, description.run_id)
        observations = [entry for entry in observations_of(record, desk.law.directory) if later(entry, since)]
        try:
            approvers = workloads(decided(record, desk.law.directory))
        except UnknownEventError:
            # The rail marks the event; nobody's work is counted over a trail that cannot be digested.
            approvers = ()
        return description.run_id, observations, await troubles(description, desk.codec, datetime.now(UTC)), approvers
