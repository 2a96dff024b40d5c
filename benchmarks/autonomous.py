"""
A mission of 300 steps over a transcript of more than 100 KB, on a real server with a real HTTP model: how many runs it took,
and how large each became. Fails where a run reached 5 MB: a transcript in each question would be 30 MB in the end.

`python -m benchmarks.autonomous [STEPS]`
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from activities.observe import observe
from tests.e2e.autonomous import ORDER, Handle, pursued
from tests.e2e.conftest import ATTRIBUTES, BIN
from tests.e2e.model_server import Asked, Turn, call, scripted
from tests.examples.enterprise import running_enterprise
from tests.fakes.rings import CODEC
from tests.world import World, make_world
from workers.connection import converter
from workflows.autonomous import AutonomousMission, AutonomousVerdict

STEPS = 300
MOST = 5_000_000
"""Bytes of a run's history."""
LONG_TURNS, LONG = 3, "what I make of it. " * 2000
"""So many turns say so much: the rest of the dialogue is led over more than 100 KB."""
MOST_SECONDS = 1200
QUEUE = "bench"


def main() -> None:
    """Prints one JSON object; ends with 1 where a run grew too large."""
    logging.disable(logging.CRITICAL)
    steps = int(sys.argv[1]) if len(sys.argv) > 1 else STEPS
    figures = asyncio.run(_figures(steps))
    print(json.dumps(figures, indent=2))
    if max(run["bytes"] for run in figures["runs"]) >= MOST:
        sys.exit(f"a run has {MOST} bytes or more")


async def _figures(steps: int) -> dict[str, Any]:
    environment = await WorkflowEnvironment.start_local(
        data_converter=converter(CODEC), dev_server_existing_path=str(BIN / "temporal"), search_attributes=ATTRIBUTES
    )
    with tempfile.TemporaryDirectory(prefix="sayso-bench-") as directory, scripted() as model:
        root = Path(directory)
        async with environment:
            with running_enterprise(root / "enterprise") as enterprise:
                world = make_world(environment.client, enterprise, root, model.url)
                # A worker as it runs outside of tests: what it holds, it does not replay at every step.
                mission = Worker(world.client, task_queue=QUEUE, workflows=[AutonomousMission], activities=[observe])
                async with world.worker("read"), world.worker("reason"), mission:
                    began = time.monotonic()
                    last, budget = steps - 1, {"steps": steps}
                    handle, _ = await pursued(world, model, lambda asked: _said(asked, last), budget=budget, queue=QUEUE)
                    verdict = await asyncio.wait_for(handle.result(), MOST_SECONDS)
                    taken = time.monotonic() - began
                return await _measured(world, handle, verdict, taken, len(json.dumps(model.asked[-1].messages)))


def _said(asked: Asked, last: int) -> Turn:
    if asked.turn >= last:
        return Turn("That is all.")
    return Turn(LONG if asked.turn < LONG_TURNS else f"Step {asked.turn}.", (call(ORDER, order_id="ORD-2001"),))


async def _measured(world: World, handle: Handle, verdict: AutonomousVerdict, taken: float, transcript: int) -> dict[str, Any]:
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "cores": os.cpu_count(),
        "verdict": verdict.verdict,
        "steps": verdict.spent.steps,
        "seconds_per_step": round(taken / verdict.spent.steps, 3),
        "transcript_bytes": transcript,
        "runs": await _runs(world.client, handle.id),
        "store_bytes": sum(path.stat().st_size for path in (world.policies.parent / "store").rglob("*") if path.is_file()),
    }


async def _runs(client: Client, mission_id: str) -> list[dict[str, int]]:
    """Of each run, the first one first: events, and bytes as the server counts them."""
    run_id = (await client.get_workflow_handle(mission_id).describe()).run_id
    found: list[dict[str, int]] = []
    while run_id:
        handle = client.get_workflow_handle(mission_id, run_id=run_id)
        info = (await handle.describe()).raw_description.workflow_execution_info
        found.insert(0, {"events": info.history_length, "bytes": info.history_size_bytes})
        begun = (await handle.fetch_history()).events[0].workflow_execution_started_event_attributes
        run_id = begun.continued_execution_run_id
    return found


if __name__ == "__main__":
    main()
