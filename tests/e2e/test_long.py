"""A long pursuit stays far from the server's limits: the benchmark, as a test."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.autonomous import MOST, STEPS


@pytest.mark.slow
def test_three_hundred_steps_over_a_long_transcript_keep_every_run_small() -> None:
    """Issue: every run under 5 MB, over a transcript of more than 100 KB."""
    command = [sys.executable, "-W", "ignore", "-m", "benchmarks.autonomous"]
    done = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True, timeout=1200, check=False)
    assert done.returncode == 0, done.stderr
    # The SDK's core warns on the same stream before.
    found = json.loads(done.stdout[done.stdout.index("{\n") :])
    assert (found["steps"], found["transcript_bytes"] > 100_000) == (STEPS, True), found
    assert max(run["bytes"] for run in found["runs"]) < MOST
