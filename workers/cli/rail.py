"""`sayso rail`: a mission's Explain rail, read from its history without any worker."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from workers.cli.options import data_option, emit, json_option

if TYPE_CHECKING:
    from audit.observation import Observation
    from audit.record import MissionRecord
    from audit.workload import Decided, Workload
    from policies.directory import Directory
    from workers.cli.rail_sheet import Telling
    from workers.cli.trouble import Trouble


@dataclass(frozen=True)
class _Found:
    """What is told, the oldest run first."""

    runs: list[Telling]
    troubles: list[Trouble]
    """Of the last."""
    approvers: tuple[Workload, ...]
    doubt: str


@click.command()
@click.argument("mission", metavar="MISSION")
@click.option("--run", "run_id", metavar="RUN_ID", default=None, help="Only this run; else all, up to the latest.")
@click.option(
    "--since",
    type=click.IntRange(min=0),
    default=0,
    metavar="EVENT",
    help="Only what is new or judged after EVENT of it.",
)
@click.option("--follow", is_flag=True, help="Go on with what happens, until the mission is over.")
@data_option
@json_option
def rail(mission: str, run_id: str | None, since: int, follow: bool, data: Path | None, as_json: bool) -> None:
    """Show what happened in MISSION, in order: what was read, reasoned, proposed, decided and done, and by whom."""
    from workers.cli.rail_sheet import as_text

    if follow:
        from workers.cli.rail_follow import followed

        asyncio.run(followed(data, mission, run_id, since, as_json=as_json))
        return
    found = asyncio.run(_read(data, mission, run_id, since))
    value = {
        "mission_id": mission,
        "run_id": found.runs[-1].run_id,
        "runs": [run.run_id for run in found.runs],
        "observations": [_said(each, run.run_id) for run in found.runs for each in run.observations],
        "troubles": [trouble.model_dump(mode="json") for trouble in found.troubles],
        "approvers": [approver.model_dump(mode="json") for approver in found.approvers],
    }
    emit(as_json, value, as_text(found.runs, found.troubles, found.approvers, found.doubt))


def _said(observation: Observation, run_id: str) -> dict[str, Any]:
    return {**observation.model_dump(mode="json"), "run_id": run_id}


async def _read(data: Path | None, mission: str, run_id: str | None, since: int) -> _Found:
    from datetime import UTC, datetime

    from activities.histories import ServerHistories
    from audit.rail import rail as observations_of
    from audit.workload import workloads
    from workers.cli.desk import answering, open_desk
    from workers.cli.matter import described
    from workers.cli.rail_sheet import Telling, later
    from workers.cli.runs import Runs, runs_to
    from workers.cli.trouble import troubles

    desk = await open_desk(data)
    with answering(desk):
        description = await described(desk, mission, run_id)
        latest = description.run_id
        whole = run_id is None and not since
        runs = await runs_to(desk, description.id, latest) if whole else Runs((latest,))
        histories = ServerHistories(desk.client, room=0)
        tellings: list[Telling] = []
        cast: list[Decided] = []
        for each in runs.ids:
            record = await histories.read(description.id, each)
            observations = [entry for entry in observations_of(record, desk.law.directory) if later(entry, since)]
            tellings.append(Telling(each, observations))
            cast += _decided(record, desk.law.directory)
        return _Found(tellings, await troubles(description, desk.codec, datetime.now(UTC)), workloads(cast), runs.doubt)


def _decided(record: MissionRecord, directory: Directory) -> list[Decided]:
    from audit.errors import UnknownEventError
    from audit.workload import decided

    try:
        return list(decided(record, directory))
    except UnknownEventError:
        # The rail marks the event; nobody's work is counted over a trail that cannot be digested.
        return []
