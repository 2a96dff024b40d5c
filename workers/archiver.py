"""The archiver as a process: rounds until it is asked to end, and what it says about each."""

from __future__ import annotations

import asyncio
import signal
from datetime import UTC, datetime, timedelta

import structlog

from activities.archiver import Archiver, Round
from activities.closed import ClosedRuns
from activities.directories import FileDirectories
from activities.errors import ActivityError
from activities.indexes import Index
from activities.places import Place
from approvals.display import visible
from approvals.jws import Signer
from audit.index import Entry, Head
from audit.manifest import EXPORTS, exporter
from policies.errors import PolicyError
from workers.archiving import KnownBundles
from workers.archiving import exporter as exporter_of
from workers.cli.desk import Desk, storing_here
from workers.errors import WrongUse
from workers.telemetry.off import Telemetry

_log = structlog.stdlib.get_logger("sayso.archiver")
MOST_TOLD = 20
"""So many runs or entries are named at a time; the count is of all."""


def archiver(desk: Desk, place: Place, signer: Signer, bundles: KnownBundles) -> Archiver:
    """
    The archiver of the desk's namespace.

    Raises:
        WrongUse: Nobody who pins the directory's keys could believe what *signer* signs.
    """
    directories = FileDirectories(desk.profile.policies)
    if exporter(directories.read(), signer.kid) is None:
        words = f"key `{signer.kid}` is no exporter's, so nobody could verify the archive"
        raise WrongUse(f"{words}: list it in directory.yaml under a service with `signs: [{EXPORTS}]`")
    exports = exporter_of(desk.client, signer, directories.read(), bundles, desk.sealer, storing_here(desk.profile).store)
    return Archiver(ClosedRuns(desk.client), exports, Index(place, signer, directories.read), _now, _written)


async def keep_archiving(work: Archiver, every: timedelta, telemetry: Telemetry) -> None:
    """Rounds, *every* so often, until SIGTERM or SIGINT; the run that is being archived then is finished."""
    archived = telemetry.archive()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    _log.info("archive.started", every_seconds=every.total_seconds())
    while not stop.is_set():
        try:
            done = await work.round(stop.is_set)
            archived(done)
            tell(done)
        except (ActivityError, PolicyError) as error:
            # Nothing is lost by it yet: the next round lists again.
            _log.error("archive.trouble", why=visible(str(error)))
        try:
            await asyncio.wait_for(stop.wait(), every.total_seconds())
        except TimeoutError:
            continue
    _log.info("archive.stopped")


def tell(done: Round) -> None:
    """
    One line a round, one for each run that could not be archived, and the alarm: `archive.urgent`, when a run that is not in
    the archive has lived through half of its retention.
    """
    said = {
        "archived": len(done.archived),
        "waiting": len(done.waiting),
        "lost": sum(each.lost for each in done.waiting),
        "oldest_waiting_seconds": round(done.oldest.total_seconds(), 3) if done.oldest is not None else None,
        "retention_seconds": done.retention.total_seconds() if done.retention is not None else None,
        "head": str(done.head),
    }
    _log.log(20 if done.archived or done.waiting else 10, "archive.round", **said)
    for each in done.waiting[:MOST_TOLD]:
        named = {"mission_id": visible(each.run.mission_id), "run_id": each.run.run_id, "why": visible(each.why)}
        _log.log(40 if each.lost else 30, "archive.lost" if each.lost else "archive.waiting", **named)
    for number, why in sorted(done.strange.items())[:MOST_TOLD]:
        _log.error("archive.entry_strange", number=number, why=visible(why))
    if done.silent_since is not None:
        _log.warning("archive.gap", last_archived_at=done.silent_since.isoformat(), retention_seconds=said["retention_seconds"])
    if done.urgent:
        _log.error("archive.urgent", **said)


def _written(entry: Entry, head: Head) -> None:
    named = {"mission_id": visible(entry.mission.mission_id), "run_id": entry.mission.run_id, "number": entry.number}
    _log.info("archive.written", **named, archive=entry.archive, bytes=entry.bytes, head=str(head))


def _now() -> datetime:
    return datetime.now(UTC)
