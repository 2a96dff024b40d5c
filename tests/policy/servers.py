"""The example enterprise with a payment system that can be exchanged for one that drifted."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.examples.enterprise import ROOT, wait_healthy
from tests.policy.conftest import Copy


@dataclass(frozen=True)
class Servers:
    """Where it runs: credentials as a stack keeps them, and a payment system that can be exchanged."""

    data: Path
    issuer: str
    ports: dict[str, int]

    @property
    def enterprise(self) -> Path:
        """Where its processes keep their files, and the credentials lie."""
        return self.data / "secrets"

    def pointed(self, copy: Copy) -> Copy:
        """The bundle with these servers' addresses."""
        copy.replace("integrations.yaml", "http://127.0.0.1:7810", self.issuer)
        for port, name in ((7811, "orders"), (7812, "payments"), (7813, "knowledge"), (7815, "parcels")):
            copy.replace("integrations.yaml", f"http://127.0.0.1:{port}/", f"http://127.0.0.1:{self.ports[name]}/")
        return copy

    @contextmanager
    def payments(self, drift: str = "") -> Iterator[None]:
        """The payment system, after a *drift*."""
        port = str(self.ports["payments"])
        command = [sys.executable, "-m", "tests.policy.drifting", "--port", port]
        command += ["--data", str(self.enterprise), "--issuer", self.issuer]
        running = subprocess.Popen(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT), "DRIFT": drift})
        try:
            wait_healthy(self.ports["payments"])
            yield
        finally:
            running.terminate()
            running.wait(timeout=5)
