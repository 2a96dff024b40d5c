"""Actions as the gate would make them, for rulings without a mission."""

from __future__ import annotations

from pydantic import JsonValue

from policies.action import Action, MissionRef
from policies.bundle import Bundle

MISSION = MissionRef(
    namespace="default", mission_type="refund", mission_id="refund-1", run_id="run-1", first_execution_run_id="run-1"
)
REFUND: dict[str, JsonValue] = {"order_id": "ORD-2001", "amount_minor": 4200, "currency": "EUR", "reason": "late"}


def action(bundle: Bundle, operation: str, arguments: dict[str, JsonValue], mission_type: str = "refund") -> Action:
    """A call of a listed operation."""
    found = bundle.catalogue.find(operation)
    assert found is not None
    return Action(
        mission=MISSION.model_copy(update={"mission_type": mission_type}),
        step="1",
        integration=found[0],
        endpoint=found[1].url,
        operation=operation,
        contract=found[2].contract,
        arguments=arguments,
    )


def refund(bundle: Bundle, **changes: JsonValue) -> Action:
    """A refund of 42.00, with changed arguments."""
    return action(bundle, "payments.issue_refund", {**REFUND, **changes})
