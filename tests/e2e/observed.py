"""A stack as `sayso up` runs it, told to tell: its collector, its Prometheus pages, its logs, and its command line."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.e2e.model_server import answering
from tests.e2e.spans import Collector, collecting
from tests.examples.enterprise import ROOT, free_port
from workers.stack.stack import Stack

ROLES = ("mission", "reason", "read", "commit")
MODEL_WORDS = "the model writes about Marguerite's broken kettle"
API_KEY = "sk-telemetry-must-not-know-this"
FAST = {"OTEL_BSP_SCHEDULE_DELAY": "100", "OTEL_METRIC_EXPORT_INTERVAL": "500", "SAYSO_PENDING_SECONDS": "0.2"}
_SAMPLE = re.compile(r"^(?P<name>\w+)(?:\{(?P<labels>.*)\})? (?P<value>\S+)$", re.MULTILINE)
_LABEL = re.compile(r'(\w+)="([^"]*)"')


@dataclass(frozen=True)
class Observed:
    """Where to look."""

    data: Path
    collector: Collector
    ports: dict[str, int]
    address: str

    def sayso(self, *arguments: str, code: int = 0) -> Any:
        """What the command prints as JSON; its process tells the collector too."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "SAYSO_", "TEMPORAL_"))}
        env = kept | {"PYTHONPATH": str(ROOT), "OTEL_EXPORTER_OTLP_ENDPOINT": self.collector.url}
        command = [sys.executable, "-m", "workers.cli.main", *arguments, "--data", str(self.data), "--json"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=env, cwd=self.data, check=False)
        assert done.returncode == code, done.stdout + done.stderr
        return json.loads(done.stdout)

    def page(self, role: str) -> str:
        """The Prometheus page of *role*."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.ports[role]}/metrics", timeout=5) as answer:
            return str(answer.read().decode())

    def metric(self, role: str, name: str, **labels: str) -> float:
        """The sum of the samples called *name* with these *labels*; 0 where there is none."""
        return sum_of(self.page(role), name, **labels)

    def log(self, role: str) -> list[dict[str, Any]]:
        """What *role* wrote, line by line; every line is JSON."""
        return [json.loads(line) for line in (self.data / "logs" / f"{role}.log").read_text().splitlines()]

    def places(self) -> dict[str, bytes]:
        """Everything that left a process: exports, pages and logs."""
        exports = {f"export {number}": body for number, body in enumerate(self.collector.bodies)}
        pages = {f"page of {role}": self.page(role).encode() for role in ROLES}
        return exports | pages | {f"log of {role}": (self.data / "logs" / f"{role}.log").read_bytes() for role in ROLES}


def sum_of(page: str, name: str, **labels: str) -> float:
    """The sum of the samples of *page* called *name* with these *labels*."""
    samples = [match for match in _SAMPLE.finditer(page) if match["name"] == name]
    found = [(dict(_LABEL.findall(match["labels"] or "")), float(match["value"])) for match in samples]
    return sum(value for its, value in found if labels.items() <= its.items())


@contextmanager
def observed(data: Path) -> Iterator[Observed]:
    """A stack at work with everything switched on, and a model that has much to say."""
    finding = {"refundable": True, "amount_minor": 4200, "reason": MODEL_WORDS}
    with collecting() as collector, answering(json.dumps(finding)) as model:
        ports = {role: free_port() for role in ROLES}
        common = {"PYTHONPATH": str(ROOT), "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, **FAST}
        extra = {role: {**common, "SAYSO_METRICS_LISTEN": f"127.0.0.1:{port}"} for role, port in ports.items()}
        extra["reason"] |= {"SAYSO_MODEL": "openai/judge", "OPENAI_API_BASE": model, "OPENAI_API_KEY": API_KEY}
        with Stack(data, extra=extra) as stack:
            yield Observed(stack.data, collector, ports, stack.profile.address)
