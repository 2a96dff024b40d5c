"""The runs of a mission that went on as new, in order, as the server's first event of each names the one before."""

from __future__ import annotations

from dataclasses import dataclass

from temporalio.client import WorkflowExecutionDescription

from activities.errors import Gone
from activities.histories import ServerHistories, first_event
from approvals.display import visible
from audit.errors import NotAMissionError
from audit.proven import proposed
from audit.record import MissionRecord
from workers.cli.desk import Desk

MAX_SHOWN = 200
"""So many runs are told at once; a gate answers for fewer."""


@dataclass(frozen=True)
class Runs:
    """A run with those from which its mission went on."""

    ids: tuple[str, ...]
    """The oldest first."""
    doubt: str = ""
    """Why there may be runs before the first of these."""


async def runs_to(desk: Desk, mission_id: str, run_id: str) -> Runs:
    """The runs of *mission_id* up to *run_id*, as far as the server still has them. Raises Unreachable."""
    ids, doubt = [run_id], ""
    while True:
        try:
            before = await before_run(desk, mission_id, ids[-1])
        except NotAMissionError:
            gone = ids.pop() if len(ids) > 1 else run_id
            doubt = f"run {visible(gone)}, from which the mission went on, is not on the server any more: see its archive"
            break
        if not before or before in ids:
            break
        if len(ids) >= MAX_SHOWN:
            doubt = f"only the last {MAX_SHOWN} runs are told: `--run {visible(before)}` tells the one before them"
            break
        ids.append(before)
    return Runs(tuple(reversed(ids)), doubt)


async def before_run(desk: Desk, mission_id: str, run_id: str) -> str:
    """The run from which the mission went on as *run_id*; empty for a first one. Raises Unreachable, NotAMissionError."""
    events = await first_event(desk.client, mission_id, run_id)
    found: str = events[0].workflow_execution_started_event_attributes.continued_execution_run_id if events else ""
    return found


async def run_with_proposals(desk: Desk, latest: WorkflowExecutionDescription) -> MissionRecord:
    """The last run of a mission that holds a proposal of the gate; its *latest* where none does. Raises Unreachable."""
    histories = ServerHistories(desk.client)
    found = record = await histories.read(latest.id, latest.run_id)
    for _ in range(MAX_SHOWN):
        if proposed(record, desk.law.directory):
            return record
        if not record.started.continues:
            break
        try:
            record = await histories.read(record.mission_id, record.started.continued_run_id)
        except Gone:
            break
    return found
