"""
The archiver: every mission run that closed is kept in a place before retention deletes it.

It holds no state of its own. What was archived is what the index says; what there is to archive is what the server lists. So a
death at any moment costs nothing: the next round lists again. An archive is made first and listed after, so the index never
names what is not there; an archive that was made and not listed is listed by the next round.

Source: docs/archiver.md
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from activities.closed import BEGINNING, Closed, ClosedRuns
from activities.errors import ActivityError, Gone, PlaceTrouble, Unreachable
from activities.exports import Exported, Exporter
from activities.indexes import Index
from activities.ports import Clock
from audit.errors import AuditError
from audit.index import Entry, Head, moment
from policies.errors import PolicyError

OVERLAP = timedelta(minutes=10)
"""Visibility may list a run late: each round asks again for so much before the newest run it has seen."""
SWEEP = timedelta(hours=1)
"""So often everything the server still has is asked for, and everything in the place looked at."""
PATIENCE = timedelta(minutes=10)
"""So long a mission that closed waits for the uses in it to end, and for payloads that are not in the store: either may still
be on its way. Then what there is of it is archived."""


def _nobody(_entry: Entry, _head: Head) -> None:
    """Nobody is told."""


@dataclass(frozen=True)
class Waiting:
    """A run that closed and is not in the archive, and why."""

    run: Closed
    why: str
    lost: bool = False
    """The server has it no more."""


@dataclass(frozen=True)
class Round:
    """What one round came to."""

    archived: tuple[Entry, ...]
    waiting: tuple[Waiting, ...]
    """Oldest first."""
    head: Head
    retention: timedelta | None
    at: datetime
    strange: Mapping[int, str] = field(default_factory=dict)
    """Entries of the index that count for nothing, with why."""
    silent_since: datetime | None = None
    """At a first round: when the newest entry was made, if that is longer ago than retention. What closed after it and was
    deleted before now is gone; whether there was any, nobody can know."""

    @property
    def oldest(self) -> timedelta | None:
        """How long ago the oldest run closed that is not in the archive; None where all are."""
        kept = [waiting.run.at for waiting in self.waiting if not waiting.lost]
        return self.at - min(kept) if kept else None

    @property
    def urgent(self) -> bool:
        """Whether a run will be deleted unarchived unless something changes: half of its time is gone."""
        return self.oldest is not None and self.retention is not None and self.oldest * 2 > self.retention


class Archiver:
    """Archives the runs of one namespace into one place. One task uses it."""

    def __init__(
        self, runs: ClosedRuns, exporter: Exporter, index: Index, clock: Clock, heard: Callable[[Entry, Head], None] = _nobody
    ) -> None:
        """
        Args:
            heard: Told of each new entry as soon as it is there, with what the index came to.
        """
        self._runs = runs
        self._exporter = exporter
        self._index = index
        self._clock = clock
        self._swept: datetime | None = None
        self._newest = BEGINNING
        self._retention: timedelta | None = None
        self._waiting: dict[str, Closed] = {}
        self._heard = heard

    async def round(self, stop: Callable[[], bool] = lambda: False) -> Round:
        """
        Archives all that closed and is not in the archive.

        Args:
            stop: Asked between two runs; what is left then is the next round's.

        Raises:
            Unreachable: The server does not answer; PlaceTrouble: the place cannot be read or written.
            PolicyError: The directory of who signs exports cannot be read.
        """
        first = self._swept is None
        await self._list()
        silent_since = self._silent_since() if first else None
        archived, waiting = [], []
        for run in sorted(self._waiting.values(), key=lambda run: (run.at, run.run_id)):
            if self._index.listed(run.run_id) is not None:
                done: Entry | Waiting | None = None
            elif stop():
                done = Waiting(run, "the archiver was asked to end")
            else:
                done = await self._archive(run)
            if isinstance(done, Waiting):
                waiting.append(done)
                continue
            del self._waiting[run.run_id]
            if done is not None:
                archived.append(done)
        strange = dict(self._index.strange)
        return Round(tuple(archived), tuple(waiting), self._index.head, self._retention, self._clock(), strange, silent_since)

    async def _list(self) -> None:
        """Notes what may have to be archived. Nothing that was noted is dropped but by a look at everything."""
        now = self._clock()
        # A clock that was set back is no reason to look less often.
        sweep = self._swept is None or not timedelta(0) <= now - self._swept < SWEEP
        if sweep:
            self._index.refresh()
            self._retention = await self._runs.retention()
        else:
            self._index.catch_up()
        found = await self._runs.since(BEGINNING if sweep else max(self._newest - OVERLAP, BEGINNING))
        listed = {run.run_id: run for run in found}
        self._waiting = listed if sweep else self._waiting | listed
        self._newest = max((run.at for run in found), default=self._newest)
        self._swept = now if sweep else self._swept

    async def _archive(self, run: Closed) -> Entry | Waiting | None:
        """The new entry; None where somebody else made it."""
        try:
            exported = await self._exporter.export(run.mission_id, run.run_id)
            early = self._early(run, exported)
            if early is not None:
                return Waiting(run, early)
            entry = self._index.add(exported, self._clock())
        except Gone:
            return Waiting(run, "the server deleted it before it was archived", lost=True)
        except (Unreachable, PlaceTrouble) as error:
            # Is it this run, or does nothing answer? Then asking for every other one would only take long.
            await self._runs.retention()
            self._index.catch_up()
            return Waiting(run, str(error))
        except (AuditError, PolicyError, ActivityError) as error:
            return Waiting(run, str(error))
        except Exception as error:  # a history is a stranger's text: whatever one does, the others are archived
            return Waiting(run, f"{type(error).__name__} while it was exported: please report this")
        if entry is not None:
            self._heard(entry, self._index.head)
        return entry

    def _early(self, run: Closed, exported: Exported) -> str | None:
        """Why it is too early to archive the run, or None."""
        if not exported.record.closed:
            return "its history has no end yet"
        if self._clock() - run.at >= PATIENCE:
            return None
        if exported.lacking:
            return f"{exported.lacking} payloads that it refers to are not in the payload store"
        return f"{len(exported.open_uses)} of its uses have not ended" if exported.open_uses else None

    def _silent_since(self) -> datetime | None:
        newest = self._index.newest()
        if newest is None or self._retention is None or self._clock() - moment(newest) <= self._retention:
            return None
        return moment(newest)
