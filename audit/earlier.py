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

from temporalio.api.enums.v1 import ContinueAsNewInitiator, EventType
from temporalio.api.history.v1 import WorkflowExecutionStartedEventAttributes

from audit.record import MissionRecord, Started

MAX_EARLIER = 50
"""So many runs of one mission may come before one."""
_CONTINUED = EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW


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


def begun(record: MissionRecord) -> WorkflowExecutionStartedEventAttributes:
    """The attributes of the run's first event, as stored."""
    return record.raw[0].workflow_execution_started_event_attributes


def goes_on(record: MissionRecord) -> bool:
    """Whether the run says that another one came before it."""
    return bool(record.started.continued_run_id) or record.started.mission.first_execution_run_id not in (
        record.started.original_run_id,
        record.run_id,
    )


def by_itself(record: MissionRecord) -> bool:
    """Whether the run before this one asked for it, and no schedule or retry of the server."""
    return begun(record).initiator == ContinueAsNewInitiator.CONTINUE_AS_NEW_INITIATOR_WORKFLOW


def continues(record: MissionRecord) -> bool:
    """Whether the run goes on from another one of its mission, by that one's own word."""
    return goes_on(record) and by_itself(record)


def course(record: MissionRecord, earlier: Mapping[str, MissionRecord]) -> Course:
    """
    The runs before *record*.

    Args:
        earlier: What there is of them, by run id; nothing of it is believed.
    """
    found: list[MissionRecord] = []
    latest = record
    while goes_on(latest):
        if not by_itself(latest):
            words = f"run `{latest.run_id}` was begun by a retry or a schedule, and not by the run before it"
            return Course(tuple(found), Doubt.ABSENT, words)
        if len(found) == MAX_EARLIER:
            return Course(tuple(found), Doubt.ABSENT, f"more than {MAX_EARLIER} runs came before")
        run = earlier.get(latest.started.continued_run_id)
        if run is None:
            words = f"run `{latest.started.continued_run_id}`, which came before, is not here"
            return Course(tuple(found), Doubt.ABSENT, words)
        trouble = _trouble(run, latest, record)
        if trouble is not None:
            return Course(tuple(found), trouble[0], f"run `{run.run_id}` {trouble[1]}")
        found.append(run)
        latest = run
    return Course(tuple(found))


def _trouble(run: MissionRecord, following: MissionRecord, record: MissionRecord) -> tuple[Doubt, str] | None:
    """Why *run* is not what *following* goes on from, of the mission of *record*; None where it is."""
    here, there = run.started.mission, record.started.mission
    # Its id is where it lies: what its own history says of itself must be the same.
    if run.started.original_run_id != run.run_id:
        if run.run_id in resets(run):
            return Doubt.ABSENT, "repeats another run, so what it did is nobody's word"
        return Doubt.BROKEN, "is the history of another run"
    if here.model_copy(update={"run_id": there.run_id}) != there or begun(run).workflow_id != begun(record).workflow_id:
        return Doubt.BROKEN, "is of another mission"
    if goes_on(run) == (run.run_id == here.first_execution_run_id):
        return Doubt.BROKEN, "is not the first run of the mission, or comes before it"
    if run.raw[-1].event_type != _CONTINUED:
        return Doubt.BROKEN, "did not go on in another run, or its end was cut off"
    end, start = run.raw[-1].workflow_execution_continued_as_new_event_attributes, begun(following)
    if end.new_execution_run_id != following.started.original_run_id:
        return Doubt.BROKEN, "went on in another run than this"
    if (end.workflow_type, end.input) != (start.workflow_type, start.input):
        return Doubt.BROKEN, "handed on another input than the next one began with"
    return None


def resets(record: MissionRecord) -> set[str]:
    """The runs that resets made of the one that the history begins with: each left a failed workflow task that names it."""
    failed = (event.workflow_task_failed_event_attributes for event in record.raw)
    return {attributes.new_run_id for attributes in failed if attributes.new_run_id}
