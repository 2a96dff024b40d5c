"""The mission's earlier runs: each goes on in the next, from the one that somebody started, and gates knew them whole."""

from __future__ import annotations

from collections.abc import Iterator

from temporalio.api.enums.v1 import EventType

from approvals.evidence import Evidence, RunHead
from approvals.proposal import Proposal
from audit.earlier import Doubt
from audit.errors import AuditError
from audit.payloads import sealed
from audit.record import MissionRecord
from audit.verification import sequence
from audit.verification.material import Material
from audit.verification.result import Found, fails, holds, missing, of
from policies.canonical import Digest

_SIGNALED = EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED


def check_runs(material: Material) -> list[Found]:
    """Whether the runs before this one are here, unbroken, and those that gates answered for."""
    course = material.course
    found: list[Found] = []
    if course.doubt is not None:
        found.append((fails if course.doubt is Doubt.BROKEN else missing)("runs", course.why))
    found += _strangers(material)
    for run in material.runs.values():
        found += _whole(run)
    for name, proposed in material.proposals.items():
        found += _answered_for(name, proposed.proposal, proposed.event_id, material)
    if found:
        return found
    return [holds("runs", f"each goes on in the next: {of(len(course.before) + 1, 'run')}")]


def _strangers(material: Material) -> Iterator[Found]:
    """Runs in the archive that this one does not go on from. Before a gap, those of this mission may belong there."""
    followed = {run.run_id for run in material.course.before}
    gap = material.course.doubt is Doubt.ABSENT
    first = material.record.started.mission.first_execution_run_id
    for run_id, run in sorted(material.runs.items()):
        if run_id in followed or (gap and run.started.mission.first_execution_run_id == first):
            continue
        if material.course.doubt is not Doubt.BROKEN:
            yield fails("runs", f"run `{run_id}` is in the archive, and this run does not go on from it")


def _whole(run: MissionRecord) -> Iterator[Found]:
    broken = sequence.trouble(run.raw)
    if broken is not None:
        yield fails("runs", f"of run `{run.run_id}`, no server wrote this history: {broken[0]}")
    closed = sealed_in(run)
    if closed:
        yield missing("runs", f"of run `{run.run_id}`, {of(closed, 'event')} sealed")


def sealed_in(run: MissionRecord) -> int:
    """How many events of *run* hold what could not be opened, signals aside."""
    return sum(1 for event in run.opened if event.event_type != _SIGNALED and sealed(event))


def _answered_for(name: Digest, proposal: Proposal, event: int, material: Material) -> Iterator[Found]:
    """Whether the runs that a proposal's card answers for are those before this one."""
    mission = material.record.mission_id
    told = {head.run_id: head for head in proposal.earlier if head.mission_id == mission}
    there = {run.run_id: run for run in material.course.before}
    what = f"proposal `{name[:12]}` was made"
    for run_id, head in told.items():
        if run_id in there:
            yield from _same(head, there[run_id], what, event)
        elif material.course.doubt is Doubt.ABSENT:
            yield missing("runs", f"{what} with run `{run_id}` before it, which cannot be told here", event)
        else:
            yield fails("runs", f"{what} with run `{run_id}` before it, which is none of those before this one", event)
    for run_id in there.keys() - told.keys():
        yield fails("runs", f"{what} without run `{run_id}`, which came before", event)


def run_head(run: MissionRecord) -> RunHead:
    """The whole trail of *run*. Raises AuditError."""
    return RunHead(mission_id=run.mission_id, run_id=run.run_id, head=Evidence(through=run.head, digest=run.chain[-1]))


def _same(head: RunHead, run: MissionRecord, what: str, event: int) -> Iterator[Found]:
    try:
        found = run_head(run)
    except AuditError as error:
        yield missing("runs", f"of run `{run.run_id}`, {error}")
        return
    if head.head != found.head:
        yield fails("runs", f"{what} after another run `{run.run_id}` than the one here", event)
