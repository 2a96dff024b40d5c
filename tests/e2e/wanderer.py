"""A mission of the tests, called as the refund missions are, that goes on as a new run before each payment but the first."""

from __future__ import annotations

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from policies.model import Recorded
    from workflows.mission import Mission
    from workflows.outcome import Outcome
    from workflows.refund import Case

ISSUE = "payments.issue_refund"


class Journey(Recorded):
    """What to pay, one run after the other."""

    case_id: str
    orders: tuple[str, ...]
    paid: int = 0
    """Carried from run to run: so many orders were paid. It is the mission's own word."""


class Arrival(Recorded):
    """What became of the last one, and of what case the read worker told in that run."""

    outcome: Outcome
    case_id: str
    runs: int


@workflow.defn(name="refund")
class Wanderer(Mission):
    """Reads and pays in each of its runs."""

    @workflow.run
    async def run(self, journey: Journey) -> Arrival:
        """Pays one order, then goes on as new."""
        self._step = journey.paid
        ticket = await self.read("orders.get_case", {"case_id": journey.case_id}, Case)
        outcome = await self.commit(
            ISSUE,
            {"order_id": journey.orders[journey.paid], "amount_minor": 4200, "currency": "EUR", "reason": "broken"},
        )
        paid = journey.paid + 1
        if paid < len(journey.orders):
            await workflow.wait_condition(workflow.all_handlers_finished)
            workflow.continue_as_new(journey.model_copy(update={"paid": paid}))
        return Arrival(outcome=outcome, case_id=ticket.case_id, runs=paid)
