"""A mission of the tests, under the refund missions' name, that uses the verbs the shop's own mission does not."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from pydantic import JsonValue

    from activities.grounds import Wanted
    from policies.model import Recorded
    from workflows.mission import Mission
    from workflows.outcome import Outcome

ISSUE = "payments.issue_refund"


class Script(Recorded):
    """What to commit, and how."""

    items: tuple[dict[str, JsonValue], ...]
    within_seconds: float | None = None
    withdraw_after_seconds: float | None = None
    then: tuple[dict[str, JsonValue], ...] = ()
    """What to commit in runs after this one, one in each."""


class Told(Recorded):
    """What became of it."""

    outcomes: tuple[Outcome, ...]


@workflow.defn(name="refund")
class Teller(Mission):
    """Commits its items as one."""

    @workflow.run
    async def run(self, script: Script) -> Told:
        """All outcomes of its last run, in order."""
        within = None if script.within_seconds is None else timedelta(seconds=script.within_seconds)
        wanted = [Wanted(operation=ISSUE, arguments=item) for item in script.items]
        if script.withdraw_after_seconds is not None:
            asyncio.get_running_loop().call_later(script.withdraw_after_seconds, self.withdraw)
        told = Told(outcomes=await self.commit_all(wanted, because="told to", within=within))
        if script.then:
            workflow.continue_as_new(Script(items=script.then[:1], then=script.then[1:]))
        return told
