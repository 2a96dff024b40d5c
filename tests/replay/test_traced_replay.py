"""
Recorded missions replay with tracing switched on, whatever somebody wrote into their headers. In a process of its own: a tracer
provider is set once a process.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.spans import Collector, collecting

ROOT = Path(__file__).parents[2]
HISTORIES = sorted((Path(__file__).parent / "histories").glob("*.json"))
SCRIPT = """
import asyncio, logging, sys
from pathlib import Path
from temporalio.client import WorkflowHistory
from temporalio.contrib.opentelemetry import OpenTelemetryPlugin
from temporalio.worker import Replayer
from workers.connection import converter
from workers.telemetry.begin import begin, end
from workflows.missions import MISSIONS

async def main(sieve, *paths):
    logging.disable(logging.CRITICAL)
    plugins = begin("replay").plugins if sieve == "sieve" else begin("replay").plugins and [OpenTelemetryPlugin()]
    replayer = Replayer(
        workflows=[offer.workflow for offer in MISSIONS.values()], data_converter=converter(), plugins=plugins
    )
    for path in map(Path, paths):
        result = await replayer.replay_workflow(
            WorkflowHistory.from_json(path.stem, path.read_text()), raise_on_replay_failure=False
        )
        print(path.stem, "failed" if result.replay_failure else "replayed")
    end()

if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
"""
BROKEN = {"metadata": {"encoding": "anNvbi9wbGFpbg=="}, "data": "ew=="}
"""`json/plain` whose JSON ends after its first brace."""


def _replayed(folder: Path, paths: list[Path], collector: Collector, *, sieve: bool = True) -> dict[str, str]:
    script = folder / "replaying.py"
    script.write_text(SCRIPT)
    environment = {"PYTHONPATH": str(ROOT), "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "PATH": ""}
    command = [sys.executable, str(script), "sieve" if sieve else "none", *map(str, paths)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    # The core says more, where a workflow task fails.
    said = [line.split() for line in done.stdout.splitlines()]
    return {words[0]: words[1] for words in said if len(words) == 2}


def _hostile(path: Path, folder: Path) -> Path:
    """The history of *path* with headers that nobody can decode on its start and its signals."""
    history: dict[str, Any] = json.loads(path.read_text())
    for event in history["events"]:
        for name in ("workflowExecutionStartedEventAttributes", "workflowExecutionSignaledEventAttributes"):
            if name in event:
                event[name]["header"] = {"fields": {"_tracer-data": BROKEN}}
    target = folder / path.name
    target.write_text(json.dumps(history))
    return target


def test_recorded_missions_replay_with_tracing(tmp_path: Path) -> None:
    """Tracing adds no command; a replay makes the spans of workflows again, and tells none of them."""
    with collecting() as collector:
        assert _replayed(tmp_path, HISTORIES, collector) == {path.stem: "replayed" for path in HISTORIES}
    assert [span.name for span in collector.spans] == []


@pytest.mark.promise("F4")
def test_hostile_headers_stop_no_mission(tmp_path: Path) -> None:
    """docs/threats.md F4: a header that nobody can decode is a malformed signal like any other."""
    with collecting() as collector:
        hostile = [_hostile(path, tmp_path) for path in HISTORIES]
        assert _replayed(tmp_path, hostile, collector) == {path.stem: "replayed" for path in HISTORIES}


@pytest.mark.control("F4")
def test_hostile_headers_stop_missions_where_nobody_sieves(tmp_path: Path) -> None:
    """With Temporal's own plugin alone, one signal fails the workflow task, and the retry, and so on."""
    with collecting() as collector:
        hostile = [_hostile(path, tmp_path) for path in HISTORIES]
        assert set(_replayed(tmp_path, hostile, collector, sieve=False).values()) == {"failed"}
