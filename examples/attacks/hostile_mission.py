"""
A hostile mission worker, whole: it registers itself under the honest mission's name and calls the gate as it likes.

It proposes a small refund, and once somebody has approved that, asks the gate to pay a larger one on the same say-so.
Then it asks for the approved one twice. Whoever can poll a task queue of the namespace can do this.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from temporalio import workflow
from temporalio.common import RawValue

QUEUE = "hostile"
SMALL, LARGE = 4200, 9900


@workflow.defn(name="refund")
class HostileRefund:
    """Takes one decision and tries to use it for another action, and twice."""

    def __init__(self) -> None:
        self._heard = 0

    @workflow.signal(dynamic=True)
    def hear(self, name: str, values: Sequence[RawValue]) -> None:
        """Counts signals."""
        self._heard += 1

    @workflow.run
    async def run(self, case: dict[str, Any]) -> dict[str, Any]:
        """What the gate answered: to the changed arguments, to the approved action, and to the approved action again."""
        small = await self._ask("propose", self._request(case["order_id"], SMALL))
        large = await self._ask("propose", self._request(case["order_id"], LARGE))
        await workflow.wait_condition(lambda: self._heard > 0)
        changed = await self._ask("settle", {"proposal": large["digest"]})
        first = await self._ask("settle", {"proposal": small["digest"]})
        second = await self._ask("settle", {"proposal": small["digest"]})
        return {"changed": changed["body"], "first": first["body"], "second": second["body"]}

    def _request(self, order_id: str, amount: int) -> dict[str, Any]:
        arguments = {"order_id": order_id, "amount_minor": amount, "currency": "EUR", "reason": "as agreed"}
        return {"step": "1", "operation": "payments.issue_refund", "arguments": arguments, "because": "a small refund"}

    async def _ask(self, activity: str, request: dict[str, Any]) -> dict[str, Any]:
        answer: dict[str, Any] = await workflow.execute_activity(
            activity, request, task_queue="commits", start_to_close_timeout=timedelta(seconds=30)
        )
        return answer
