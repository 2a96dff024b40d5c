"""A mission of the tests, called as the refund missions are, that reads first and then lets a model pursue what it read of."""

from __future__ import annotations

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from workflows.mission import Mission
    from workflows.pursuit import Pursuit
    from workflows.refund import Case, RefundCase


@workflow.defn(name="refund")
class Steward(Mission):
    """Tells a model whom it is about."""

    @workflow.run
    async def run(self, case: RefundCase) -> Pursuit:
        """The model may pay."""
        ticket = await self.read("orders.get_case", {"case_id": case.case_id}, Case)
        goal = f"Settle what {ticket.customer_id} asks for."
        return await self.pursue(goal, operations=("payments.issue_refund",))
