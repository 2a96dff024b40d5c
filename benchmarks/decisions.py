"""
`python -m benchmarks.decisions`: what the gate itself takes from a signed approval to its settlement, by how many refused
decisions came before it in the same mission.

Everything around the gate is a fake in memory: no server, no network, no token, no tool. What is left is reading the
history's events, the chain, the signatures, policy, the card, and signing the answer, for all looks that one settlement takes.
The same on a real stack, with everything, is `benchmarks.run`.
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

from approvals.decision import SIGNAL, sign
from tests.fakes.bench import Bench
from tests.fakes.kit import Kit

REFUSED = (0, 1, 10, 50, 100, 200)
ROUNDS = 7


def main() -> None:
    """Prints one JSON object with every figure."""
    figures: dict[str, Any] = {"at": datetime.now(UTC).isoformat(timespec="seconds"), "cores": os.cpu_count()}
    with tempfile.TemporaryDirectory(prefix="sayso-bench-") as directory:
        kit = Kit.make(Path(directory))
        for kind in ("forged", "malformed"):
            figures[f"approval_to_receipt_ms_after_{kind}"] = {
                str(count): _summary([asyncio.run(_settled(kit, kind, count)) for _ in range(ROUNDS)]) for count in REFUSED
            }
    print(json.dumps(figures, indent=2))


async def _settled(kit: Kit, kind: str, refused: int) -> float:
    """Milliseconds of the one `settle` after *refused* decisions and a good one."""
    bench = Bench(kit)
    await bench.propose()
    for number in range(refused):
        bench.mission.signal(SIGNAL, _refused(bench, kind, number))
    bench.approve("sam")
    began = time.perf_counter()
    settlement = await bench.settle(recorded=False)
    taken = (time.perf_counter() - began) * 1000
    if settlement.kind != "receipt":
        raise SystemExit(f"settled as {settlement.kind}: nothing was measured")
    return taken


def _refused(bench: Bench, kind: str, number: int) -> str:
    """A decision that costs a verification of its signature, or one that cannot be read."""
    if kind == "malformed":
        return f"{number}.b.c"
    one, other = (sign(bench.statement(), bench.kit.signers["sam"]) for _ in range(2))
    return f"{one.rpartition('.')[0]}.{other.rpartition('.')[2]}"


def _summary(taken: list[float]) -> dict[str, float]:
    return {"median": round(statistics.median(taken), 1), "max": round(max(taken), 1)}


if __name__ == "__main__":
    main()
