"""
`sayso audit archive` as a process that kills itself: `python -m tests.audit.deadly_archiver POINT ARGUMENTS…`.

POINT names the step that it dies at, at its second passing, so that one mission is archived before. The kill is SIGKILL: no
handler, no flush, no goodbye.
"""

from __future__ import annotations

import importlib
import os
import signal
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from activities import closed, exports, places
from activities.closed import Closed
from activities.exports import Exported
from activities.places import PARTIAL
from audit.index import ARCHIVES, INDEX
from workers.cli.main import main

POINTS = (
    "after listing", "before export", "after export",
    f"half of {ARCHIVES}", f"all of {ARCHIVES}", f"linked {ARCHIVES}",
    f"half of {INDEX}", f"all of {INDEX}", f"linked {INDEX}",
)  # fmt: skip


class Death:
    """Kills this process when it comes to its point again."""

    def __init__(self, point: str) -> None:
        self._point = point
        self._passed: Counter[str] = Counter()

    def at(self, point: str) -> None:
        """Dies here, at the second passing; where a process passes once, at the first."""
        self._passed[point] += 1
        if point == self._point and self._passed[point] == (1 if point == "after listing" else 2):
            os.kill(os.getpid(), signal.SIGKILL)


class DeadlyPlace(places.LocalPlace):
    """Dies while it writes, and before and after the link."""

    death: Death

    def create(self, name: str, data: bytes) -> None:
        """Dies after."""
        self.folder = name.partition("/")[0]
        super().create(name, data)
        self.death.at(f"linked {self.folder}")

    def _write(self, path: Path, data: bytes) -> None:
        assert path.parent.name == PARTIAL
        path.write_bytes(data[: len(data) // 2])
        self.death.at(f"half of {self.folder}")
        path.unlink()
        super()._write(path, data)
        self.death.at(f"all of {self.folder}")


class DeadlyRuns(closed.ClosedRuns):
    """Dies after listing."""

    death: Death

    async def since(self, moment: Any) -> list[Closed]:
        """Dies after."""
        found = await super().since(moment)
        self.death.at("after listing")
        return found


class DeadlyExporter(exports.Exporter):
    """Dies before and after an export."""

    death: Death

    async def export(self, mission_id: str, run_id: str) -> Exported:
        """Dies before and after."""
        self.death.at("before export")
        exported = await super().export(mission_id, run_id)
        self.death.at("after export")
        return exported


def deadly(point: str) -> None:
    """Puts the deadly parts where the command finds them."""
    DeadlyPlace.death = DeadlyRuns.death = DeadlyExporter.death = Death(point)
    replaced: dict[str, tuple[str, type]] = {
        "activities.places": ("LocalPlace", DeadlyPlace),
        "workers.archiver": ("ClosedRuns", DeadlyRuns),
        "workers.archiving": ("Exporter", DeadlyExporter),
    }
    for module, (name, kind) in replaced.items():
        setattr(importlib.import_module(module), name, kind)


if __name__ == "__main__":
    deadly(sys.argv[1])
    main(sys.argv[2:])
