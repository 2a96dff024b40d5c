"""
The runs before a run, from the server: those that its mission went on from, those of missions that it succeeds, and those that
any of them repeats or continues.

None of them is believed more than any mission. What cannot be read whole stops whoever comes after it.

Source: docs/decisions/0011-lineage.md, docs/decisions/0021-several-runs.md
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence

from temporalio.api.common.v1 import Payload
from temporalio.api.enums.v1 import EventType

from activities.errors import Gone
from activities.ports import Ports
from approvals import start
from approvals.evidence import Evidence, RunHead
from approvals.settlement import USED
from approvals.start import Predecessor
from audit.continuation import unlinked
from audit.errors import AuditError, NotAMissionError
from audit.payloads import SEALED
from audit.record import MissionRecord

MAX_RUNS = 50
"""So many earlier runs of the mission itself are read for one card, and so many of all others."""
MAX_READ = 512 * 1024 * 1024
"""Bytes of all these runs, as stored and as opened: what lies in a payload store makes a small history large."""
MAX_MISSIONS = 10
"""So many missions that it succeeds."""
TOO_MUCH = "more than a card can answer for"


class Untold(Exception):
    """Why what was done before cannot be told."""


async def runs_before(record: MissionRecord, ports: Ports) -> list[MissionRecord]:
    """Every run before *record*, the nearest first. Raises Untold, Unreachable."""
    known = {(record.mission_id, record.run_id)}
    todo, found, room = list(_before(record)), list[MissionRecord](), MAX_READ
    while todo:
        mission_id, run_id = todo.pop(0)
        if (mission_id, run_id) in known:
            continue
        known.add((mission_id, run_id))
        _few(mission_id, found, record)
        run = await _read(mission_id, run_id, ports)
        found.append(run)
        room -= run.size
        if room < 0:
            raise Untold(f"the runs that came before hold more than {MAX_READ} bytes, which is {TOO_MUCH}")
        todo += _before(run)
    return found


def _few(mission_id: str, found: Sequence[MissionRecord], record: MissionRecord) -> None:
    """Raises Untold where a run of *mission_id* is one more than a card can answer for."""
    own = mission_id == record.mission_id
    if sum((run.mission_id == record.mission_id) is own for run in found) >= MAX_RUNS:
        whose = "this mission" if own else "other missions"
        raise Untold(f"more than {MAX_RUNS} runs of {whose} came before this one, which is {TOO_MUCH}")
    others = {run.mission_id for run in found} - {record.mission_id}
    if not own and len(others | {mission_id}) > MAX_MISSIONS:
        raise Untold(f"more than {MAX_MISSIONS} missions came before this one, which is {TOO_MUCH}")


def chained(record: MissionRecord, earlier: Sequence[MissionRecord]) -> Iterable[MissionRecord]:
    """The runs from which the mission of *record* itself went on, the nearest first. Raises Untold."""
    there = {run.run_id: run for run in earlier if run.mission_id == record.mission_id}
    later, first = record, record.started.mission.first_execution_run_id
    while record.started.continues and later.run_id != first:
        # INVARIANT: each link is looked at, back to the first run. A run that goes on from one that was reset, or that the
        # server began again, looks like any other by its own start.
        before = there.pop(later.started.continued_run_id, None)
        trouble = unlinked(before, later.started) if before else "the runs of this mission go round in a circle"
        if before is None or trouble is not None:
            raise Untold(f"refused: continued. {trouble}; start a successor instead, with `--succeeds`")
        if before.cancel_requested:
            raise Untold(f"somebody asked the mission to cancel in its run `{before.run_id}`, and it went on all the same")
        yield before
        later = before


async def head_of(run: MissionRecord) -> RunHead:
    """The whole trail of *run*. Raises Untold."""
    try:
        # In a thread: there may be thousands of events to digest.
        chain = await asyncio.to_thread(lambda: run.chain)
    except AuditError as error:
        raise Untold(
            f"run `{run.run_id}` of mission `{run.mission_id}`, which came before, cannot be read ({error})"
        ) from error
    return RunHead(mission_id=run.mission_id, run_id=run.run_id, head=Evidence(through=run.head, digest=chain[-1]))


def _before(record: MissionRecord) -> Iterable[tuple[str, str]]:
    """The runs that *record* names as its own past: the one it succeeds, and those it repeats or continues."""
    started = record.started
    named = start.predecessor(started.signed_start) if started.signed_start is not None else None
    if isinstance(named, Predecessor):
        yield named.mission_id, named.run_id
    for run_id in (started.original_run_id, started.continued_run_id, started.mission.first_execution_run_id):
        if run_id:
            yield record.mission_id, run_id


async def _read(mission_id: str, run_id: str, ports: Ports) -> MissionRecord:
    which = f"run `{run_id}` of mission `{mission_id}`, which came before,"
    unknown = "so nobody can tell from here what it did: find that out, then start the mission without `--succeeds`"
    try:
        record = await ports.histories.read(mission_id, run_id)
    except Gone as error:
        raise Untold(f"{which} is not in this namespace (it may have been deleted), {unknown}") from error
    except NotAMissionError as error:
        raise Untold(f"{which} cannot be read ({error}), {unknown}") from error
    if not record.closed:
        raise Untold(f"{which} still runs and could act after this card was shown: end it first")
    if _sealed(record):
        raise Untold(f"{which} has payloads that cannot be opened here, {unknown}")
    return record


def _sealed(record: MissionRecord) -> bool:
    """Whether something that tells what a run did could not be opened."""
    gates = {done.event_id for done in record.completed if done.activity in ("propose", "settle")}
    return any(payload.metadata.get("encoding") == SEALED for payload in _telling(record, gates))


def _telling(record: MissionRecord, gates: set[int]) -> Iterable[Payload]:
    memo = record.opened[0].workflow_execution_started_event_attributes.memo.fields
    if start.MEMO in memo:
        yield memo[start.MEMO]
    for event in record.opened:
        if event.event_id in gates:
            yield from event.activity_task_completed_event_attributes.result.payloads
        if event.event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED:
            attributes = event.workflow_execution_signaled_event_attributes
            if attributes.signal_name == USED:
                yield from attributes.input.payloads
