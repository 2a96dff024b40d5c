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

    _Read = tuple[str, tuple[Observation, ...], list[Trouble], tuple[Workload, ...]]

_LONGEST = 400


@click.command()
@click.argument("mission", metavar="MISSION")
@data_option
@json_option
def rail(mission: str, data: Path | None, as_json: bool) -> None:
    """Show what happened in MISSION, in order: what was read, reasoned, proposed, decided and done, and by whom."""
    run_id, observations, troubles, approvers = asyncio.run(_read(data, mission))
    value = {
        "mission_id": mission,
        "run_id": run_id,
        "observations": [observation.model_dump(mode="json") for observation in observations],
        "troubles": [trouble.model_dump(mode="json") for trouble in troubles],
        "approvers": [approver.model_dump(mode="json") for approver in approvers],
    }
    emit(as_json, value, as_text(observations, troubles, approvers))


async def _read(data: Path | None, mission: str) -> _Read:
    from datetime import UTC, datetime

    from audit.rail import rail as observations_of
    from audit.workload import decided, workloads
    from workers.cli.desk import answering, open_desk
    from workers.cli.matter import described, record_of
    from workers.cli.trouble import troubles

    desk = await open_desk(data)
    with answering(desk):
        description = await described(desk, mission)
        record = await record_of(desk, description.id, description.run_id)
        observations = observations_of(record, desk.law.directory)
        approvers = workloads(decided(record, desk.law.directory))
        found = await troubles(description, desk.codec, datetime.now(UTC))
        return description.run_id, observations, found, approvers


def as_text(observations: tuple[Observation, ...], troubles: list[Trouble], approvers: tuple[Workload, ...] = ()) -> str:
    """One line an observation: event, time, kind, what, and who with which assurance; below it one line an approver."""
    from workers.cli.sheet import table
    from workers.cli.workload import sentence

    heads = ("EVENT", "TIME (UTC)", "KIND", "WHO", "WHAT")
    known = {observation.event_id for observation in observations}
    parts = [table(heads, [_row(observation, known) for observation in observations])]
    if approvers:
        parts.append("\n".join(["DECIDED BY:", *(f"  {sentence(approver)}" for approver in approvers)]))
    if troubles:
        parts.append("\n".join(["TROUBLE, now:", *(f"  {trouble.words()}" for trouble in troubles)]))
    return "\n\n".join(parts)


def _row(observation: Observation, known: set[int]) -> tuple[str, str, str, str, str]:
    from approvals.display import visible
    from workers.cli.sheet import span

    who = visible(observation.actor or "")
    if observation.assurance is not None:
        who += f" ({observation.assurance})"
    cause = f" <- {observation.cause}" if observation.cause in known else ""
    judged = f" (judged at event {observation.judged_by})" if observation.judged_by else ""
    after = f" after {span(observation.open_seconds)}" if observation.open_seconds is not None else ""
    at = observation.at.strftime("%Y-%m-%d %H:%M:%S")
    return (f"{observation.event_id}{cause}", at, str(observation.kind), who, _cut(visible(observation.what)) + after + judged)


def _cut(text: str) -> str:
    """A rail is read line by line; an input of pages is left to `--json`."""
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]} [{len(text) - _LONGEST} more characters: see --json]"
