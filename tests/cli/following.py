"""`sayso rail --follow` as a process of its own, read line by line."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.examples.enterprise import ROOT


@dataclass
class Follower:
    """A command at work, and the lines it has printed."""

    process: Process
    lines: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    """On standard error."""

    async def pump(self) -> None:
        """Reads both streams to their ends."""

        async def read(stream: asyncio.StreamReader | None, into: list[str]) -> None:
            assert stream is not None
            async for line in stream:
                into.append(line.decode().rstrip("\n"))

        await asyncio.gather(read(self.process.stdout, self.lines), read(self.process.stderr, self.said))

    async def until(self, holds: Callable[[Follower], Any], seconds: float = 30) -> None:
        """Waits until *holds*."""
        async with asyncio.timeout(seconds):
            while not holds(self):
                assert self.process.returncode is None, (self.lines, self.said)
                await asyncio.sleep(0.02)

    async def ended(self, seconds: float = 30) -> int:
        """The exit code, once it ended by itself."""
        async with asyncio.timeout(seconds):
            return await self.process.wait()

    def interrupt(self) -> None:
        """Ctrl-C."""
        self.process.send_signal(signal.SIGINT)

    @property
    def told(self) -> list[dict[str, Any]]:
        """Its lines as JSON."""
        return [json.loads(line) for line in self.lines]

    def kinds(self) -> list[str]:
        """What was told, in order, with `again` where it was told before."""
        entries = [entry for entry in self.told if entry["change"] != "end"]
        return [("again " if entry["change"] == "again" else "") + entry["observation"]["kind"] for entry in entries]


@asynccontextmanager
async def following(data: Path, mission_id: str, *options: str) -> AsyncIterator[Follower]:
    """`sayso rail MISSION --follow` against the stack in *data*."""
    command = (sys.executable, "-m", "workers.cli.main", "rail", mission_id, "--follow", "--data", str(data), *options)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, env=environment, stdout=PIPE, stderr=PIPE)
    follower = Follower(process)
    pump = asyncio.create_task(follower.pump())
    try:
        yield follower
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        await pump
