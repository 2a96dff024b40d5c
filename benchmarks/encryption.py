"""
`python -m benchmarks.encryption`: what encryption adds to a mission's time, on two stacks that run side by side, one with it
and one without. Rounds alternate between them, so that whatever else the machine does meets both.

A round is a whole refund mission, by the times of its own events: from the start to the proposal, and from the approval to
the end. Waiting for the person between them is left out.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from pydantic import JsonValue
from temporalio.api.common.v1 import Payload

from approvals.decision import SIGNAL, Verdict, make, sign
from approvals.evidence import Evidence
from approvals.start import MEMO
from audit.proposals import Found
from audit.record import when
from workers.cli.demo_stage import proposed
from workers.cli.desk import Desk, open_desk
from workers.cli.matter import record_of
from workers.cli.mission_input import signed_start
from workers.keyring import KeyRing
from workers.profile import own_stack_only
from workers.stack.keyfiles import read_key
from workers.stack.stack import Stack
from workflows.missions import QUEUE

WARM_UP, ROUNDS = 4, 60
SIZES = (200, 2_000, 50_000, 1_000_000)


def main() -> None:
    """Prints one JSON object with every figure."""
    figures: dict[str, Any] = {"at": datetime.now(UTC).isoformat(timespec="seconds"), "cores": os.cpu_count()}
    figures["payload_us"] = {str(size): _payload(size) for size in SIZES}
    with own_stack_only(), tempfile.TemporaryDirectory(prefix="sayso-bench-") as directory:
        on, off = Path(directory) / "on", Path(directory) / "off"
        with Stack(on), Stack(off, encryption="off"):
            figures["mission_seconds"] = asyncio.run(_missions({"on": on, "off": off}))
    medians = {name: found["median"] for name, found in figures["mission_seconds"].items()}
    figures["added_percent"] = round(100 * (medians["on"] / medians["off"] - 1), 1)
    print(json.dumps(figures, indent=2))


async def _missions(stacks: dict[str, Path]) -> dict[str, dict[str, float]]:
    desks = {name: await open_desk(data) for name, data in stacks.items()}
    taken: dict[str, list[float]] = {name: [] for name in stacks}
    for number in range(WARM_UP + ROUNDS):
        # Who is first changes too: the second finds the machine a little warmer.
        for name in sorted(desks, reverse=number % 2 == 0):
            seconds = await _mission(desks[name])
            if number >= WARM_UP:
                taken[name].append(seconds)
    return {name: _summary(seconds) for name, seconds in taken.items()}


async def _mission(desk: Desk) -> float:
    """Seconds from start to proposal and from approval to the end, as the server has them."""
    keys = desk.profile.keys or Path()
    mission_id, given = f"bench-{uuid4().hex[:8]}", {"case_id": "CASE-1001"}
    value: JsonValue = dict(given)
    start = signed_start(desk.client.namespace, "refund", mission_id, value, None, read_key(keys / "olga.jwk"))
    handle = await desk.client.start_workflow("refund", value, id=mission_id, task_queue=QUEUE, memo={MEMO: start})
    run_id = handle.result_run_id or ""
    (found,) = await proposed(desk, mission_id, run_id)
    # Until the mission waits.
    await asyncio.sleep(0.2)
    await handle.signal(SIGNAL, await _approval(desk, found, mission_id, run_id, keys))
    await handle.result()
    record = await record_of(desk, mission_id, run_id)
    times = [when(event.event_time) for event in record.raw]
    heard = next(signal.event_id for signal in record.signals if signal.name == SIGNAL)
    return (times[found.event_id - 1] - times[0] + times[-1] - times[heard - 1]).total_seconds()


async def _approval(desk: Desk, found: Found, mission_id: str, run_id: str, keys: Path) -> str:
    record = await record_of(desk, mission_id, run_id)
    evidence = Evidence(through=record.head, digest=record.chain[-1])
    now = datetime.now(UTC)
    statement = make(found.proposal, found.digest, evidence, Verdict.APPROVE, reason="", now=now, jti=uuid4().hex)
    return sign(statement, read_key(keys / "sam.jwk"))


def _payload(size: int) -> dict[str, float]:
    """Microseconds to encrypt and to open one payload of *size* bytes."""
    ring = KeyRing("bench", {"bench": os.urandom(32)})
    payload = Payload(metadata={"encoding": b"json/plain"}, data=os.urandom(size))
    sealed = ring.encrypted(payload)
    return {"encrypt": _each(lambda: ring.encrypted(payload)), "open": _each(lambda: ring.opened(sealed))}


def _each(work: Any, rounds: int = 200) -> float:
    taken = []
    for _ in range(rounds):
        began = time.perf_counter()
        work()
        taken.append((time.perf_counter() - began) * 1e6)
    return round(statistics.median(taken), 1)


def _summary(taken: list[float]) -> dict[str, float]:
    return {
        "median": round(statistics.median(taken), 4),
        "mean": round(statistics.fmean(taken), 4),
        "max": round(max(taken), 4),
        "rounds": len(taken),
    }


if __name__ == "__main__":
    main()
