"""Encryption of the embedded stack switched off and on again, while missions wait."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.stack.commands import NAMES, answer, pids, sayso, until
from workers.profile import Encryption
from workers.stack.stack import Stack


def started(data: Path, case_id: str) -> str:
    """A mission of this case, once it waits; its proposal."""
    answer("start", "refund", "--input", json.dumps({"case_id": case_id}), "--data", str(data))
    found: list[dict[str, Any]] = []

    def look() -> bool:
        items = answer("queue", "--data", str(data))["items"]
        found[:] = [item for item in items if item["mission_id"] == f"refund-{case_id}" and item["verified"]]
        return bool(found)

    until(look)
    return str(found[0]["proposal_id"])


@pytest.mark.slow
@pytest.mark.parametrize(("first", "then"), [("on", "off"), ("off", "on")])
def test_waiting_mission_goes_on_when_encryption_is_switched(tmp_path: Path, first: Encryption, then: Encryption) -> None:
    """Its history is half in clear then; every worker and every command reads both halves."""
    with Stack(tmp_path, encryption=first):
        waiting = started(tmp_path, "CASE-1001")
    with Stack(tmp_path, encryption=then):
        settled = answer("approve", waiting, "--as", "sam", "--yes", "--data", str(tmp_path))
        assert settled["settled"] == "receipt"
        kinds = [entry["kind"] for entry in answer("rail", "refund-CASE-1001", "--data", str(tmp_path))["observations"]]
    assert kinds.count("observed") == 4 and kinds[-1] == "finished"


@pytest.mark.slow
def test_stack_without_encryption_says_so_everywhere(tmp_path: Path) -> None:
    """The command, its profile and each worker; there is nothing to open, and no codec server."""
    up = sayso("up", "--detach", "--ports", "auto", "--encryption", "off", "--data", str(tmp_path))
    try:
        assert (up.returncode, "NOT ENCRYPTED" in up.stdout) == (0, True)
        assert pids(tmp_path).keys() == NAMES - {"codec"}
        logs = [(tmp_path / "logs" / f"{role}.log").read_text() for role in ("mission", "reason", "read", "commit")]
        assert all('"event": "encryption.off"' in log for log in logs)
        assert not list((tmp_path / "secrets").glob("*ring*"))
    finally:
        sayso("down", "--data", str(tmp_path))
