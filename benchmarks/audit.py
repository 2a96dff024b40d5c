"""
`python -m benchmarks.audit`: how long it takes to prove one mission, a thousand, and an index over a thousand.

The missions are recorded ones: copies of one archive, verified as `sayso audit verify DIR` does it, with start-up and all. The
index is over a thousand archives that differ in their run, made here; each is held against its entry and not verified itself.
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
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from approvals.jws import Signer
from audit import index, manifest
from audit.archive import pack, unpack
from audit.index import ARCHIVES, START, Entry, archive_name, entry_name
from audit.manifest import CHECKPOINT, MANIFEST, Manifest, sha256
from policies.canonical import Digest
from workers.verifying import Recipe

RECORDED = Path(__file__).parents[1] / "tests" / "audit" / "archives"
TRUST = RECORDED / "trust.yaml"
MANY = 1000
ROUNDS = 50
NOW = datetime(2026, 11, 25, tzinfo=UTC)


def main() -> None:
    """Prints one JSON object with every figure."""
    figures: dict[str, Any] = {"at": datetime.now(UTC).isoformat(timespec="seconds"), "cores": os.cpu_count()}
    for story in ("not-due", "refunded"):
        data = (RECORDED / f"{story}.sayso").read_bytes()
        events = len(manifest.read(unpack(data)[MANIFEST]).chain)
        figures[f"verify_{events}_events_ms"] = asyncio.run(_one(data))
    with tempfile.TemporaryDirectory(prefix="sayso-bench-") as directory:
        root = Path(directory)
        figures["verify_1000_seconds"] = _many(root / "many", (RECORDED / "refunded.sayso").read_bytes())
        figures["verify_index_of_1000_seconds"] = _index(root)
    print(json.dumps(figures, indent=2))


async def _one(data: bytes) -> dict[str, float]:
    """In this process, after the first."""
    verifier = Recipe(TRUST).verifier()
    await verifier.verify(data)
    taken = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        await verifier.verify(data)
        taken.append((time.perf_counter() - began) * 1000)
    return {"median": round(statistics.median(taken), 2), "max": round(max(taken), 2), "rounds": ROUNDS}


def _many(folder: Path, data: bytes) -> float:
    folder.mkdir()
    for number in range(MANY):
        (folder / f"{number:04}.sayso").write_bytes(data)
    return _command("audit", "verify", str(folder), "--trust", str(TRUST))


def _index(root: Path) -> float:
    place, signer = root / "place", Signer.generate("bench-1")
    trust = yaml.safe_load(TRUST.read_text())
    key = {"kid": signer.kid, "x": signer.public().x}
    trust["services"]["bench"] = {"name": "Bench", "keys": [key], "signs": ["export"]}
    (root / "trust.yaml").write_text(yaml.safe_dump(trust))
    for folder in (ARCHIVES, index.INDEX):
        (place / folder).mkdir(parents=True)
    members, previous = unpack((RECORDED / "refunded.sayso").read_bytes()), START
    for number in range(1, MANY + 1):
        previous = _listed(place, number, members, previous, signer)
    head = ("--head", f"{MANY}:{previous}")
    return _command("audit", "verify", "--index", str(place), "--trust", str(root / "trust.yaml"), "--index-only", *head)


def _listed(place: Path, number: int, members: dict[str, bytes], previous: Digest, signer: Signer) -> Digest:
    """An archive that says it is of another run, and its entry."""
    recorded = manifest.read(members[MANIFEST])
    mission = recorded.mission.model_copy(update={"run_id": f"run-{number:04}"})
    made: Manifest = recorded.model_copy(update={"mission": mission})
    data = pack(members | {MANIFEST: manifest.written(made), CHECKPOINT: manifest.sign(made, signer, NOW)})
    name = archive_name(f"refunded.run-{number:04}.sayso", sha256(data))
    (place / ARCHIVES / name).write_bytes(data)
    entry = Entry(
        number=number,
        mission=mission,
        closed_at=NOW,
        head=made.head,
        archive=name,
        sha256=sha256(data),
        bytes=len(data),
        iat=int(NOW.timestamp()),
        previous=previous,
    )
    (place / entry_name(number)).write_bytes(index.sign(entry, signer))
    return entry.link


def _command(*arguments: str) -> float:
    """The whole process; it must find everything in order."""
    began = time.monotonic()
    subprocess.run([sys.executable, "-m", "workers.cli.main", *arguments], stdout=subprocess.DEVNULL, check=True)
    return round(time.monotonic() - began, 2)


if __name__ == "__main__":
    main()
