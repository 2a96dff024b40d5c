"""
The freeze: while it runs, no gate sends anything.

It judges nothing. That it was started is the freeze; a signal `thaw` ends it, whatever it carries, and the gate reads from
the history whether that was a thaw. Its input and its signals are raw, so that nothing sent by a stranger can stop it. It
sets no timer and grows by nothing but what it is sent, so it may run for years.
"""

from __future__ import annotations

from collections.abc import Sequence

from temporalio import workflow
from temporalio.common import RawValue

with workflow.unsafe.imports_passed_through():
    from approvals.freeze import FREEZE, THAW
    from workflows.raw import with_raw_values


@workflow.defn(name=FREEZE)
class Freeze:
    """Open until it hears a thaw, or what claims to be one."""

    def __init__(self) -> None:
        self._heard = False

    @workflow.signal(dynamic=True)
    def hear(self, name: str, values: Sequence[RawValue]) -> None:
        """Takes every signal; one called `thaw` ends the run."""
        self._heard = self._heard or name == THAW

    @workflow.run
    @with_raw_values
    async def run(self, said: Sequence[object]) -> bool:
        """True, when a thaw was heard."""
        await workflow.wait_condition(lambda: self._heard)
        return True
