"""`sayso audit` on missions of several runs: one archive each, and whether they are the whole mission."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from temporalio.client import WorkflowHandle

from tests.cli.conftest import Terminal
from tests.cli.test_audit import verified
from tests.cli.test_runs import approved, mission

__all__ = ["mission"]


async def exported(sayso: Terminal, mission_id: str, folder: Path, *more: str) -> list[dict[str, Any]]:
    """The archives of the mission, after sam approved in each of its two runs."""
    answer = await sayso("audit", "export", mission_id, "-o", str(folder), "--json", *more)
    assert answer.code == 0, answer
    found: list[dict[str, Any]] = answer.data["archives"]
    return found


@pytest.mark.promise("G4")
async def test_every_run_is_exported_and_together_they_are_the_mission(
    sayso: Terminal, mission: WorkflowHandle[Any, Any], tmp_path: Path
) -> None:
    """Each is VERIFIED by itself; one that is not there is told of, and changes no verdict of another."""
    past = set[str]()
    for _ in range(2):
        await approved(sayso, mission.id, past)
    await mission.result()
    first, second = await exported(sayso, mission.id, tmp_path / "all")
    assert {first["run_id"], second["run_id"]} == past and second["run_id"] != mission.result_run_id
    answer = await verified(sayso, str(tmp_path / "all"), "--json")
    assert answer.code == 0, answer
    assert [each["verdict"] for each in answer.data["archives"]] == ["VERIFIED", "VERIFIED"]
    (whole,) = answer.data["missions"]
    assert (whole["whole"], whole["runs"]) == (True, [first["run_id"], second["run_id"]])

    text = await verified(sayso, str(tmp_path / "all"))
    assert text.out.split("\n\n")[-1].startswith(f"WHOLE  {mission.id} (2 runs)")
    for alone, words in ((first, "as which it went on"), (second, "from which it went on")):
        answer = await verified(sayso, alone["path"], "--json")
        (part,) = answer.data["missions"]
        assert (answer.code, part["whole"]) == (0, False) and words in part["words"]

    (one,) = await exported(sayso, mission.id, tmp_path / "one", "--run", first["run_id"])
    assert one["run_id"] == first["run_id"]
    page = tmp_path / "page.html"
    report = ("audit", "report", second["path"], "-o", str(page), "--trust", str(sayso.world.policies / "directory.yaml"))
    answer = await sayso.anywhere(*report, "--key-ring", str(sayso.data / "key-ring.json"))
    assert answer.code == 0, answer
    assert f"run {first['run_id']}" in page.read_text("utf-8")
