"""
The runs of one mission: which run goes on from which, as each of them says and as the one before it says too.

A mission that continues as new ends one run and begins the next under the same id. Only its first run was started by
somebody; every later one is the word of the run before. So a run is what the first one is if each link holds from both
sides, without a gap. A run that is begun by a schedule or a retry, or that repeats another, is nobody's word.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from audit.continuation import unlinked
from audit.record import MissionRecord, Started

MAX_EARLIER = 50
"""So many runs of one mission may come before one."""


class Doubt(StrEnum):
    """How bad it is."""

    BROKEN = "broken"
    """The runs are not what a server wrote of one mission."""
    ABSENT = "absent"
    """A run is not there, or is one that goes on from nobody's word."""


@dataclass(frozen=True)
class Course:
    """The runs before one, as far as they can be followed back."""

    before: tuple[MissionRecord, ...]
    """The nearest first."""
    doubt: Doubt | None = None
    why: str = ""
    """What is wrong with the next one back; empty where the first run was reached."""

    @property
    def origin(self) -> Started | None:
        """How the mission began; None where no run came before, or not all of them can be told."""
        return self.before[-1].started if self.before and self.doubt is None else None


def course(record: MissionRecord, earlier: Mapping[str, MissionRecord]) -> Course:
    """
    The runs before *record*.

    Args:
        earlier: What there is of them, by run id; nothing of it is believed.
    """
    found: list[MissionRecord] = []
    latest, first = record, record.started.mission.first_execution_run_id
    while latest.started.continues:
        if len(found) == MAX_EARLIER:
            return Course(tuple(found), Doubt.ABSENT, f"more than {MAX_EARLIER} runs came before")
        run = earlier.get(latest.started.continued_run_id)
        if run is None:
            words = f"run `{latest.started.continued_run_id}`, which came before, is not here"
            return Course(tuple(found), Doubt.ABSENT, words)
        trouble = _trouble(run, latest)
        if trouble is not None:
            return Course(tuple(found), *trouble)
        found.append(run)
        latest = run
    if latest.started.original_run_id == first:
        return Course(tuple(found))
    if latest.started.continued_run_id:
        words = f"run `{latest.run_id}` was begun by a reset, a retry or a schedule, and not by the run before it"
        return Course(tuple(found), Doubt.ABSENT, words)
    return Course(tuple(found), Doubt.BROKEN, f"run `{latest.run_id}` goes on from none, and is not the mission's first")


def _trouble(run: MissionRecord, following: MissionRecord) -> tuple[Doubt, str] | None:
    """Why *run* is not what *following* goes on from; None where it is."""
    # Its id is where it lies: what its own history says of itself must be the same.
    if run.started.original_run_id != run.run_id:
        if run.run_id in resets(run):
            return Doubt.ABSENT, f"run `{run.run_id}` repeats another run, so what it did is nobody's word"
        return Doubt.BROKEN, f"what is here as run `{run.run_id}` is the history of another run"
    words = unlinked(run, following.started)
    if words is not None:
        return Doubt.BROKEN, words
    before, after = (each.raw[0].workflow_execution_started_event_attributes for each in (run, following))
    if before.workflow_id != after.workflow_id:
        return Doubt.BROKEN, f"run `{run.run_id}` is of another mission"
    end = run.raw[-1].workflow_execution_continued_as_new_event_attributes
    if (end.workflow_type, end.input) != (after.workflow_type, after.input):
        return Doubt.BROKEN, f"run `{run.run_id}` handed on something else than the next one began with"
    return None


def resets(record: MissionRecord) -> set[str]:
    """The runs that resets made of the one that the history begins with: each left a failed workflow task that names it."""
    failed = (event.workflow_task_failed_event_attributes for event in record.raw)
    return {attributes.new_run_id for attributes in failed if attributes.new_run_id}
