"""A mission's way from one run to the next: what it takes along, and when it may go."""

from __future__ import annotations

import functools
from typing import Any, NoReturn

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from pydantic import BaseModel

    from workflows.carried import Carried, Continued
    from workflows.errors import StillOpen
    from workflows.learned import Learned
    from workflows.pursuit import Underway
    from workflows.raw import Run


class Continuing:
    """What of a mission outlives one of its runs."""

    MOST_BYTES = 1_500_000
    MOST_EVENTS = 4_000
    """Of a run's history; beyond either, the mission is `grown`. Far below what a server ends a run at."""
    MOST_TOLD = 32 * 1024 * 1024
    """Bytes that it asked and was answered, wherever they lie: gates open 128 MiB of a run, and no more."""

    def __init__(self) -> None:
        self._step = 0
        self._waiting = 0
        """How many commits are under way."""
        self._underway: Underway | None = None
        self._learned = Learned()
        self._told = 0
        """Bytes that were asked and answered in this run."""

    def take_up(self, case: object) -> None:
        """Takes up what an earlier run handed on in *case*, before `run` begins."""
        if isinstance(case, Continued) and case.carried is not None:
            self._step, self._underway = case.carried.step, case.carried.pursuit
            self._learned.take_up(case.carried)

    def underway(self) -> Underway | None:
        """The pursuit that an earlier run handed on; None once somebody has taken it up."""
        found, self._underway = self._underway, None
        return found

    @property
    def grown(self) -> bool:
        """Whether the mission is better continued in another run, and may be: nothing of it waits for people."""
        info = workflow.info()
        long = (
            info.is_continue_as_new_suggested()
            or info.get_current_history_size() > self.MOST_BYTES
            or info.get_current_history_length() > self.MOST_EVENTS
            or self._told > self.MOST_TOLD
        )
        return long and not self._waiting

    def weigh(self, *told: BaseModel) -> None:
        """Counts what was asked or answered, which may lie in a payload store, as part of how long the mission has grown."""
        self._told += sum(len(each.model_dump_json()) for each in told)

    def go_on(self, case: Continued, pursuit: Underway | None = None) -> NoReturn:
        """
        Ends this run, and goes on in another that is started with *case* and what the verbs need to go on.

        Raises:
            StillOpen: Something waits for people.
        """
        if self._waiting:
            raise StillOpen
        carried = Carried(
            step=self._step,
            pursuit=pursuit,
            passages=tuple(self._learned.passages.values()),
            sensitive=self._learned.sensitive,
        )
        workflow.continue_as_new(case.model_copy(update={"carried": carried}))


def taking_up(run: Run) -> Run:
    """*run* of a mission, which first takes up what an earlier run handed on."""

    @functools.wraps(run)
    async def taken_up(self: Continuing, case: object) -> Any:
        self.take_up(case)
        return await run(self, case)

    return taken_up
