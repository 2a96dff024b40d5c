"""Heartbeats for activities that wait on others, so that a dead worker is noticed in seconds."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from temporalio import activity

EVERY_SECONDS = 1.0


@asynccontextmanager
async def beating() -> AsyncIterator[None]:
    """Heartbeats while the body runs."""
    task = asyncio.create_task(_beat())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _beat() -> None:
    while True:
        activity.heartbeat()
        await asyncio.sleep(EVERY_SECONDS)
