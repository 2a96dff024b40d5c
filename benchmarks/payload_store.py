"""
`python -m benchmarks.payload_store`: what a payload store takes out of a history and what it costs, on a Temporal server of
its own: a workflow that reads a hundred kilobytes fifty times and hands each on, with a store in a directory and without.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from temporalio import activity, workflow
from temporalio.api.common.v1 import Payload
from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

READS, BYTES = 50, 100_000
SIZES = (40_000, 100_000, 1_000_000)
QUEUE = "bench"


@activity.defn
async def fetch(number: int) -> str:
    """A hundred kilobytes that no compression makes small."""
    return os.urandom(BYTES // 2).hex()


@activity.defn
async def hand_on(text: str) -> int:
    """What a model is asked about them."""
    return len(text)


@workflow.defn
class Reading:
    """Reads and hands on."""

    @workflow.run
    async def run(self, reads: int) -> int:
        """How much it handed on."""
        total = 0
        for number in range(reads):
            text = await workflow.execute_activity(fetch, number, start_to_close_timeout=timedelta(seconds=30))
            total += await workflow.execute_activity(hand_on, text, start_to_close_timeout=timedelta(seconds=30))
        return total


def main() -> None:
    """Prints one JSON object with every figure."""
    with tempfile.TemporaryDirectory(prefix="sayso-bench-") as directory:
        print(json.dumps(asyncio.run(_figures(Path(directory))), indent=2))


async def _figures(root: Path) -> dict[str, Any]:
    from activities.payload_stores import open_store
    from workers.storing import NO_STORE, Storing

    store = open_store(str(root / "payloads"))
    store.make()
    figures: dict[str, Any] = {"at": datetime.now(UTC).isoformat(timespec="seconds"), "cores": os.cpu_count()}
    figures["store_ms"] = {str(size): await _store(store, size) for size in SIZES}
    figures["small_payload_us"] = {"with": await _small(Storing(store)), "without": await _small(NO_STORE)}
    binary = str(Path(sys.executable).parent / "temporal")
    async with await WorkflowEnvironment.start_local(dev_server_existing_path=binary) as environment:
        for name, storing in (("without", NO_STORE), ("with", Storing(store))):
            figures[f"reads_{name}"] = await _mission(environment.client, storing)
    return figures


async def _mission(client: Client, storing: Any) -> dict[str, float]:
    """Bytes of the history and seconds of the run, encrypted either way."""
    from workers.connection import converter

    how: Any = {**client.config(), "data_converter": converter(_codec(), storing)}
    using = Client(**how)
    async with Worker(
        using,
        task_queue=QUEUE,
        workflows=[Reading],
        activities=[fetch, hand_on],
        workflow_runner=UnsandboxedWorkflowRunner(),
    ):
        began = time.perf_counter()
        handle = await using.start_workflow(Reading.run, READS, id=f"bench-{uuid4()}", task_queue=QUEUE)
        await handle.result()
        seconds = time.perf_counter() - began
        described = await handle.describe()
    size = described.raw_description.workflow_execution_info.history_size_bytes
    return {"history_bytes": size, "seconds": round(seconds, 2)}


async def _store(store: Any, size: int) -> dict[str, float]:
    """Milliseconds to keep and to fetch a content of *size* bytes."""
    contents = [os.urandom(size) for _ in range(30)]
    addresses: list[Any] = []

    async def put(number: int) -> None:
        addresses.append(await store.put(contents[number]))

    async def get(number: int) -> None:
        await store.get(addresses[number])

    return {"put": await _each(put, 30, 1e3), "get": await _each(get, 30, 1e3)}


async def _small(storing: Any) -> float:
    """Microseconds to encode and decode a payload below the threshold."""
    from workers.connection import converter

    codec: Any = converter(_codec(), storing).payload_codec
    payload = Payload(metadata={"encoding": b"json/plain"}, data=os.urandom(2000))

    async def both(_: int) -> None:
        await codec.decode(await codec.encode([payload]))

    return await _each(both, 2000, 1e6)


async def _each(work: Callable[[int], Awaitable[None]], rounds: int, unit: float) -> float:
    taken = []
    for number in range(rounds):
        began = time.perf_counter()
        await work(number)
        taken.append((time.perf_counter() - began) * unit)
    return round(statistics.median(taken), 2)


def _codec() -> Any:
    from workers.encryption import RingCodec
    from workers.keyring import KeyRing

    return RingCodec(KeyRing("bench", {"bench": b"b" * 32}))


if __name__ == "__main__":
    main()
