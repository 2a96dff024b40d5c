"""
Faults at every activity on purpose: run twice, failed before its body, failed after it with the result lost.

One interceptor in all workers of a world. What happens to a mission is its `Fault`, which sees each activity as a `Point`: its
name, and the how-manyeth of that name it is in the mission. The bodies and their results are the real ones.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from temporalio import activity
from temporalio.client import Client
from temporalio.exceptions import ApplicationError
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from tests.world import until

FAULT = "Fault"
Body = Callable[[], Coroutine[Any, Any, Any]]


@dataclass(frozen=True)
class Point:
    """The *nth* activity of that name in a mission, from 1 on."""

    activity: str
    nth: int = 1

    def __str__(self) -> str:
        return f"{self.activity} {self.nth}"


class Fault(Protocol):
    """What happens to the activities of one mission."""

    async def around(self, point: Point, body: Body) -> Any:
        """The result that Temporal gets."""
        ...


class Moment(StrEnum):
    """When an activity fails."""

    BEFORE = "before"
    AFTER = "after"
    """It did its work, and its result is lost."""


@dataclass
class Failing:
    """One activity fails, once; *final*: for good."""

    point: Point
    moment: Moment
    final: bool = False
    struck: int = 0

    def __str__(self) -> str:
        return f"{self.point} fails {'for good' if self.final else 'once'} {self.moment} its body"

    async def around(self, point: Point, body: Body) -> Any:
        """Fails at the point the first time, and leaves everything else alone."""
        if point != self.point or self.struck:
            return await body()
        self.struck += 1
        if self.moment is Moment.AFTER:
            await body()
        raise ApplicationError(f"{self.point} was made to fail", type=FAULT, non_retryable=self.final)


class Order(StrEnum):
    """How the two runs of one activity lie in time."""

    AGAIN = "one after the other"
    """The second result counts: an attempt whose answer was lost."""
    AT_ONCE = "at once"
    """The second result counts: an attempt that was given up while it still ran."""
    LATE = "the second when the first has been told"
    """An attempt that was given up and came through in the end."""


@dataclass
class Twice:
    """Every activity is run twice."""

    order: Order
    runs: dict[Point, int] = field(default_factory=dict)
    later: list[asyncio.Task[Any]] = field(default_factory=list)

    def __str__(self) -> str:
        return f"everything runs twice, {self.order}"

    async def around(self, point: Point, body: Body) -> Any:
        """Both results are real."""

        async def counted() -> Any:
            self.runs[point] = self.runs.get(point, 0) + 1
            return await body()

        match self.order:
            case Order.AGAIN:
                await counted()
                return await counted()
            case Order.AT_ONCE:
                first, second = asyncio.create_task(counted()), asyncio.create_task(counted())
                await asyncio.wait({first, second})
                first.exception()
                return second.result()
            case Order.LATE:
                told = await counted()
                self.later.append(asyncio.create_task(_when_told(counted)))
                return told

    async def over(self) -> None:
        """Returns when the late ones have run, whatever came of them: nobody hears their answers."""
        await asyncio.gather(*self.later, return_exceptions=True)


async def _when_told(body: Body) -> Any:
    """Runs *body* when the server has the first answer. A local activity's is told with its workflow task: at once here."""
    info = activity.info()
    if not info.is_local:
        client, mission, run = activity.client(), info.workflow_id or "", info.workflow_run_id
        await until(lambda: _told(client, mission, run, info.activity_id))
    return await body()


async def _told(client: Client, mission: str, run: str | None, activity_id: str) -> bool | None:
    """True once the activity is completed in the history."""
    scheduled: int | None = None
    async for event in client.get_workflow_handle(mission, run_id=run).fetch_history_events():
        if event.activity_task_scheduled_event_attributes.activity_id == activity_id:
            scheduled = event.event_id
        if scheduled and event.activity_task_completed_event_attributes.scheduled_event_id == scheduled:
            return True
    return None


class Faults(Interceptor):
    """Goes into every worker of a world. A mission without a plan waits for one."""

    def __init__(self) -> None:
        self._plan: dict[str, Fault] = {}
        self._seen: dict[tuple[str, str], list[str]] = {}

    def plan(self, mission_id: str, fault: Fault) -> None:
        """What happens to the mission, which may have begun."""
        self._plan[mission_id] = fault

    async def of(self, mission_id: str) -> Fault:
        """What was planned for the mission, as soon as it is."""

        async def look() -> Fault | None:
            return self._plan.get(mission_id)

        return await until(look)

    def point(self, info: activity.Info) -> Point:
        """Which activity of its mission this is, however often it is tried."""
        seen = self._seen.setdefault((info.workflow_id or "", info.activity_type), [])
        if info.activity_id not in seen:
            seen.append(info.activity_id)
        return Point(info.activity_type, seen.index(info.activity_id) + 1)

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        """Wraps every activity of this worker."""
        faults = self

        class Inbound(ActivityInboundInterceptor):
            async def execute_activity(self, input: ExecuteActivityInput) -> Any:
                info = activity.info()
                fault = await faults.of(info.workflow_id or "")
                return await fault.around(faults.point(info), lambda: self.next.execute_activity(input))

        return Inbound(next)
