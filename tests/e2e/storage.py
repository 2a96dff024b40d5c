"""A world whose payloads lie in a store, and clients that see them otherwise."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from temporalio.client import Client
from temporalio.converter import DataConverter

from tests.world import World


@dataclass(frozen=True)
class Stored:
    """A world whose payloads of a kilobyte and more lie in a store, and where."""

    world: World
    root: Path

    def files(self) -> list[Path]:
        """What lies there."""
        return [path for path in self.root.rglob("*") if len(path.name) == 64]


def another(world: World, how: DataConverter) -> Client:
    """A client of the same namespace that converts as *how* says."""
    changed: Any = {**world.client.config(), "data_converter": how}
    return Client(**changed)
