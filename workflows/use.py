"""
The use of a proposal: a workflow whose id the engine gives out once.

It does nothing. That it was started is the claim; what it is signalled is the record. Its input and its signals are raw, so
that nothing sent by a stranger can stop it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from temporalio import workflow
from temporalio.common import RawValue

with workflow.unsafe.imports_passed_through():
    from workflows.raw import with_raw_values

KEPT = timedelta(days=7)


@workflow.defn(name="use")
class Use:
    """Open until an outcome is recorded, or a week."""

    def __init__(self) -> None:
        self._recorded = False

    @workflow.signal(dynamic=True)
    def record(self, name: str, values: Sequence[RawValue]) -> None:
        """Takes the receipt; readers of the history check its signature."""
        self._recorded = True

    @workflow.run
    @with_raw_values
    async def run(self, claims: Sequence[object]) -> bool:
        """Whether anything was recorded."""
        try:
            await workflow.wait_condition(lambda: self._recorded, timeout=KEPT)
        except TimeoutError:
            return False
        return True
