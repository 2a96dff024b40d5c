"""The runs before a run: section 7, `runs`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.audit.independent.history import Run

FAILS, MISSING = "fails", "missing"
WORKFLOW = 1
"""The initiator of a run that a workflow went on in."""


@dataclass(frozen=True)
class Lineage:
    """How far back it goes."""

    before: tuple[tuple[str, Run], ...]
    """The nearest first."""
    result: str | None = None
    words: str = ""

    @property
    def first(self) -> Run | None:
        """The run that was started, where there is one before this, and no gap."""
        return self.before[-1][1] if self.before and self.result is None else None


def goes_on(run: Run, run_id: str) -> bool:
    """Whether it is the word of the run before it."""
    says = run.events[0].says
    named = says.initiator == WORKFLOW and says.continued_execution_run_id
    return bool(named) and says.first_execution_run_id not in ("", run_id) and says.original_execution_run_id == run_id


def course(run: Run, mission: Mapping[str, Any], runs: Mapping[str, Run]) -> Lineage:
    """The runs before *run*."""
    found: list[tuple[str, Run]] = []
    latest, run_id, first = run, str(mission["run_id"]), run.events[0].says.first_execution_run_id
    while goes_on(latest, run_id):
        before_id = latest.events[0].says.continued_execution_run_id
        if len(found) == 50 or before_id not in runs:
            return Lineage(tuple(found), MISSING, f"run `{before_id}` is not here, or one too many")
        before = runs[before_id]
        result = _fits(before, before_id, latest, run_id)
        if result is not None:
            return Lineage(tuple(found), result, f"run `{before_id}` is not the one that goes on")
        found.append((before_id, before))
        latest, run_id = before, before_id
    says = latest.events[0].says
    if says.original_execution_run_id == first:
        return Lineage(tuple(found))
    return Lineage(tuple(found), MISSING if says.continued_execution_run_id else FAILS, f"run `{run_id}` is not the first")


def _fits(run: Run, run_id: str, following: Run, following_id: str) -> str | None:
    """What is wrong with *run* as the one that *following* goes on from."""
    says, after, end = run.events[0].says, following.events[0].says, run.events[-1]
    if says.original_execution_run_id != run_id:
        resets = {event.says.new_run_id for event in run.of("WORKFLOW_TASK_FAILED")}
        return MISSING if run_id in resets else FAILS
    named = [(each.workflow_type.name, each.first_execution_run_id, each.workflow_id) for each in (says, after)]
    if named[0] != named[1] or end.type != "WORKFLOW_EXECUTION_CONTINUED_AS_NEW":
        return FAILS
    handed = (end.says.new_execution_run_id, end.says.workflow_type, end.given)
    return None if handed == (following_id, after.workflow_type, following.events[0].given) else FAILS
