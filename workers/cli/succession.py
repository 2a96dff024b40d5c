"""The mission that a new one succeeds: which run it was, and an id for its successor."""

from __future__ import annotations

from temporalio.client import WorkflowExecutionStatus
from temporalio.service import RPCError

from approvals.display import visible
from approvals.start import Predecessor
from workers.cli.desk import Desk, missing
from workers.cli.matter import described
from workers.errors import Refused

MAX_TRIES = 50
"""So many ids are looked for before a person has to name one."""


async def predecessor(desk: Desk, mission_id: str) -> Predecessor:
    """
    The latest run of *mission_id*, which is over.

    Raises:
        WrongUse: There is no such mission.
        Refused: It still runs; the gate would refuse whatever the successor proposes.
    """
    found = await described(desk, mission_id)
    if found.status is WorkflowExecutionStatus.RUNNING:
        name = visible(mission_id)
        raise Refused(
            f"mission `{name}` still runs and could act after its successor was approved: "
            f"end it first (`temporal workflow cancel --workflow-id {name}`)"
        )
    return Predecessor(mission_id=found.id, run_id=found.run_id)


async def free_id(desk: Desk, wanted: str) -> str:
    """
    *wanted*, else `wanted-2` and so on: the first that no mission has.

    Raises:
        Refused: All that were tried are taken.
    """
    for name in (wanted, *(f"{wanted}-{number}" for number in range(2, MAX_TRIES))):
        try:
            await desk.client.get_workflow_handle(name).describe()
        except RPCError as error:
            if missing(error):
                return name
            raise
    raise Refused(f"`{visible(wanted)}` and {MAX_TRIES - 2} ids like it are taken: name another with `--id`")
