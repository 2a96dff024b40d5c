"""
`python -m benchmarks.rail`: how long the rail of a mission of 1,000 events takes, from events as the server gives them.

The mission is made beforehand, by the gate itself. What is timed is the projection and its check of every signature: once with
every signature verified anew, as one command does it, and once with those remembered that the process verified before. Then
the same events one by one, as `--follow` takes them in: all of them, and the last tenth against the first.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import tempfile
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from approvals import jws
from audit.rail import Rail, rail
from benchmarks.long_mission import long_mission
from tests.fakes.bench import Bench
from tests.fakes.kit import Kit

ROUNDS = 15


def main() -> None:
    """Prints one JSON object with every figure."""
    figures: dict[str, Any] = {"at": datetime.now(UTC).isoformat(timespec="seconds"), "cores": os.cpu_count()}
    with tempfile.TemporaryDirectory(prefix="sayso-bench-") as directory:
        bench = asyncio.run(long_mission(Kit.make(Path(directory))))
    events = bench.mission
    figures["events"] = len(events.events)
    kinds = Counter(str(observation.kind) for observation in rail(events.record(), bench.law.directory))
    figures["observations"] = dict(sorted(kinds.items()))
    figures["rail_ms"] = _timed(bench, forget=True)
    figures["rail_again_ms"] = _timed(bench, forget=False)
    figures["followed_event_by_event_ms"] = _followed(bench)
    print(json.dumps(figures, indent=2))


def _timed(bench: Bench, *, forget: bool) -> dict[str, float]:
    """Milliseconds of the rail over a new record, with every signature verified anew where *forget*."""
    taken, cpu = list[float](), list[float]()
    for _ in range(ROUNDS):
        record = bench.mission.record()
        if forget:
            jws._made.cache_clear()
        began, used = time.perf_counter(), time.process_time()
        rail(record, bench.law.directory)
        taken.append((time.perf_counter() - began) * 1000)
        cpu.append((time.process_time() - used) * 1000)
    figures = {"median": statistics.median(taken), "max": max(taken), "cpu_median": statistics.median(cpu)}
    return {name: round(value, 1) for name, value in figures.items()}


def _followed(bench: Bench) -> dict[str, float]:
    """Milliseconds of a rail that takes every event in by itself; it must not grow with what came before."""
    jws._made.cache_clear()
    record, taken = bench.mission.record(), list[float]()
    following = Rail(record.namespace, record.mission_id, record.run_id, bench.law.directory)
    for pair in zip(record.raw, record.opened, strict=True):
        began = time.perf_counter()
        following.extend([pair])
        taken.append((time.perf_counter() - began) * 1000)
    tenth = len(taken) // 10
    figures = {"all": sum(taken), "first_tenth": sum(taken[:tenth]), "last_tenth": sum(taken[-tenth:]), "slowest": max(taken)}
    return {name: round(value, 1) for name, value in figures.items()}


if __name__ == "__main__":
    main()
