"""`sayso rail --follow`: a mission's rail as it grows, from run to run, until it is over, without any worker."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import click
from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent

from activities.histories import ServerStarts
from approvals.display import visible
from audit.errors import NotAMissionError
from audit.observation import ObservationKind
from audit.payloads import open_events
from audit.rail import Rail, Told
from audit.record import Started
from workers.cli.desk import Desk, answering, open_desk
from workers.cli.matter import described
from workers.cli.rail_sheet import between, heading, later, line
from workers.cli.runs import Runs, runs_to
from workers.cli.tail import Tail

SOON = 5.0
"""So many seconds an activity may take to be told with its answer only. Then it is told, whatever else keeps coming."""


async def followed(data: Path | None, mission: str, run_id: str | None, since: int, *, as_json: bool) -> None:
    """
    Prints the rail of *mission*, all its runs so far, and goes on until the last is over.

    Args:
        run_id: Only this run; else all up to the latest, and those after it.
        since: Where it is not 0: only what is new in that run, or in the latest and after it.

    Raises:
        CannotReach: The server was away for too long.
        WrongUse: There is no such mission or run.
    """
    desk = await open_desk(data)
    with answering(desk):
        description = await described(desk, mission, run_id)
        runs = Runs((description.run_id,))
        if run_id is None and not since:
            runs = await runs_to(desk, description.id, description.run_id)
        if runs.doubt:
            _say(runs.doubt)
        # The runs that come are unknown yet; the one before says which is next.
        todo, single = list(runs.ids), run_id is not None
        if not as_json:
            click.echo(heading())
        following: Following | None = None
        while todo:
            name = todo.pop(0)
            if following is not None and not as_json:
                click.echo(between(name))
            following = await Following.begun(desk, description.id, name, 0 if following else since, as_json=as_json)
            await following.print()
            if not todo and not single and following.further:
                todo.append(following.further)
        if following is not None:
            await _end(desk, following)


async def _end(desk: Desk, following: Following) -> None:
    mission_id, run_id = following.where
    ended, latest = await described(desk, mission_id, run_id), await described(desk, mission_id)
    following.end(ended.status.name.lower() if ended.status else "unknown", latest.run_id)


class Following:
    """One run being followed, and what of it was printed."""

    @classmethod
    async def begun(cls, desk: Desk, mission_id: str, run_id: str, since: int, *, as_json: bool) -> Following:
        """The run *run_id*, with the start of its mission's first run, of which nothing was printed. Raises Unreachable."""
        starts, origin = ServerStarts(desk.client), None
        with suppress(NotAMissionError):
            # What cannot be opened here is told as sealed.
            origin = (await starts.read(mission_id, run_id)).origin
        return cls(desk, mission_id, run_id, since, as_json=as_json, origin=origin)

    def __init__(
        self, desk: Desk, mission_id: str, run_id: str, since: int, *, as_json: bool, origin: Started | None = None
    ) -> None:
        self._desk = desk
        self._mission_id, self._run_id = mission_id, run_id
        self.further = ""
        """The run as which the mission went on, once this one is over."""
        self._since = since
        self._as_json = as_json
        self._rail = Rail(desk.client.namespace, mission_id, run_id, desk.law.directory, origin)
        self._printed = set[int]()
        self._unanswered: dict[int, tuple[Told, float]] = {}
        """Activities that were asked for and not told yet, with when: most are answered at once, and told with their answer."""

    async def print(self) -> None:
        """Prints what is there, then what comes, until the run is over."""
        async for burst in Tail(self._desk.client, self._mission_id, self._run_id, _say).bursts():
            await self._take(burst)
            # INVARIANT: a stranger who keeps signalling must not hide for ever that an activity has no answer.
            self._print_unanswered(SOON if burst else 0.0)
        self._print_unanswered(0.0)

    def end(self, status: str, latest: str) -> None:
        """
        Says how the run ended, and where its mission goes on.

        Args:
            latest: The latest run of the mission.
        """
        further = latest if latest != self._run_id else None
        if self._as_json:
            self._emit({"change": "end", "status": status, "latest_run_id": latest})
            return
        _say(f"the run is over ({status})")
        if further is not None:
            _say(f"the mission has a later run, {further}: `sayso rail {visible(self._mission_id)} --follow` follows it")

    @property
    def where(self) -> tuple[str, str]:
        """Mission and run."""
        return self._mission_id, self._run_id

    async def _take(self, burst: Sequence[HistoryEvent]) -> None:
        if burst and burst[-1].event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW:
            self.further = burst[-1].workflow_execution_continued_as_new_event_attributes.new_execution_run_id
        opened = await open_events(burst, self._desk.client.data_converter.payload_codec)
        for told in self._rail.extend(zip(burst, opened, strict=True)):
            if told.observation.kind is ObservationKind.ASKED and told.observation.actor is None:
                self._unanswered[told.observation.event_id] = (told, asyncio.get_running_loop().time())
            else:
                self._print(told)

    def _print_unanswered(self, after: float) -> None:
        """What still waits for its answer, once that took *after* seconds."""
        now = asyncio.get_running_loop().time()
        due = [event_id for event_id, (_, since) in self._unanswered.items() if now - since >= after]
        there = {entry.event_id for entry in self._rail.observations} if due else set[int]()
        for event_id in due:
            told, _ = self._unanswered.pop(event_id)
            if event_id in there:
                self._print(told)

    def _print(self, told: Told) -> None:
        observation = told.observation
        if not later(observation, self._since):
            return
        told = Told(observation, told.again and observation.event_id in self._printed)
        self._printed.add(observation.event_id)
        if self._as_json:
            change = "again" if told.again else "new"
            self._emit({"change": change, "observation": observation.model_dump(mode="json")})
        else:
            click.echo(line(told, self._printed))

    def _emit(self, value: dict[str, object]) -> None:
        """One object a line; everything but ASCII is escaped, so hostile text stays text."""
        click.echo(json.dumps({"mission_id": self._mission_id, "run_id": self._run_id, **value}))


def _say(words: str) -> None:
    click.echo(f"sayso: {words}", err=True)
