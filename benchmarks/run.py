"""
`make bench`: what the README states, measured on a stack of its own on this machine.

From `approve` to the paid refund is measured inside one process, from just before the signal is sent to the payment
system's ledger row, with commands' start-up left out; the whole command is measured beside it.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from pydantic import JsonValue

from approvals.decision import SIGNAL, Verdict, make, sign
from approvals.evidence import Evidence
from approvals.proposal import proposal_id
from approvals.start import MEMO
from policies.canonical import Digest
from workers.cli.demo_stage import proposed, refunds
from workers.cli.desk import Desk, open_desk
from workers.cli.matter import record_of
from workers.cli.mission_input import signed_start
from workers.profile import own_stack_only
from workers.stack.keyfiles import read_key
from workers.stack.stack import Stack
from workflows.missions import QUEUE

SAYSO = [sys.executable, "-m", "workers.cli.main"]
QUIET = subprocess.DEVNULL


def main() -> None:
    """Prints one JSON object with every figure."""
    with own_stack_only():
        figures = _figures()
    print(json.dumps(figures, indent=2))


def _figures() -> dict[str, Any]:
    figures: dict[str, Any] = {"at": datetime.now(UTC).isoformat(timespec="seconds"), "cores": os.cpu_count()}
    figures["help_seconds"] = _times(lambda: subprocess.run([*SAYSO, "--help"], stdout=QUIET, check=True), 9)
    with tempfile.TemporaryDirectory(prefix="sayso-bench-") as directory:
        data = Path(directory)
        began = time.monotonic()
        with Stack(data, "auto") as stack:
            figures["stack_up_first_seconds"] = round(time.monotonic() - began, 2)
            figures["memory_mb"] = {name: _rss(process.pid) for name, process in stack.processes.items()}
            figures["approve_to_paid_seconds"] = asyncio.run(_approvals(data, 15))
            figures["approve_command_seconds"] = asyncio.run(_commands(data, 5))
        began = time.monotonic()
        with Stack(data, "auto"):
            figures["stack_up_again_seconds"] = round(time.monotonic() - began, 2)
    return figures


async def _approvals(data: Path, rounds: int) -> dict[str, float]:
    """From sending the signed decision to the settled receipt's ledger row, a mission a round."""
    desk = await open_desk(data)
    taken = []
    for _ in range(rounds):
        mission_id, run_id, _digest, token = await _waiting(desk)
        before, began = len(refunds(data)), time.monotonic()
        await desk.client.get_workflow_handle(mission_id, run_id=run_id).signal(SIGNAL, token)
        while len(refunds(data)) == before:
            await asyncio.sleep(0.001)
        taken.append(time.monotonic() - began)
    return _summary(taken)


async def _commands(data: Path, rounds: int) -> dict[str, float]:
    """The whole `sayso approve` process, from start to exit with the receipt printed."""
    desk = await open_desk(data)
    taken = []
    for _ in range(rounds):
        _mission, _run, digest, _token = await _waiting(desk)
        began = time.monotonic()
        command = [*SAYSO, "approve", proposal_id(digest), "--as", "sam", "--yes", "--data", str(data)]
        await asyncio.to_thread(subprocess.run, command, stdout=QUIET, check=True)
        taken.append(time.monotonic() - began)
    return _summary(taken)


async def _waiting(desk: Desk) -> tuple[str, str, Digest, str]:
    """A mission that waits for sam, its proposal, and sam's signed approval of it."""
    keys = desk.profile.keys or Path()
    mission_id = f"bench-{uuid4().hex[:8]}"
    given: JsonValue = {"case_id": "CASE-1001"}
    start = signed_start(desk.client.namespace, "refund", mission_id, given, None, read_key(keys / "olga.jwk"))
    handle = await desk.client.start_workflow("refund", given, id=mission_id, task_queue=QUEUE, memo={MEMO: start})
    run_id = handle.result_run_id or ""
    (found,) = await proposed(desk, mission_id, run_id)
    await asyncio.sleep(0.2)
    record = await record_of(desk, mission_id, run_id)
    evidence = Evidence(through=record.head, digest=record.chain[-1])
    now = datetime.now(UTC)
    statement = make(found.proposal, found.digest, evidence, Verdict.APPROVE, reason="", now=now, jti=uuid4().hex)
    return mission_id, run_id, found.digest, sign(statement, read_key(keys / "sam.jwk"))


def _times(work: Callable[[], object], rounds: int) -> dict[str, float]:
    taken = []
    for _ in range(rounds):
        began = time.monotonic()
        work()
        taken.append(time.monotonic() - began)
    return _summary(taken)


def _summary(taken: list[float]) -> dict[str, float]:
    return {"median": round(statistics.median(taken), 3), "max": round(max(taken), 3), "rounds": len(taken)}


def _rss(pid: int) -> float:
    """Resident memory now, in megabytes."""
    fields = Path(f"/proc/{pid}/statm").read_text().split()
    return round(int(fields[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6, 1)


if __name__ == "__main__":
    main()
