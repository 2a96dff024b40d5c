"""Autonomous missions in tests: a goal of one's own, a script for it, and the mission started as a person would."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from temporalio.client import WorkflowHandle

from tests.e2e.model_server import Call, Script, ScriptedModel, call
from tests.world import World
from workflows.autonomous import AutonomousVerdict

CASE, ORDER, TERMS, ISSUE = "orders.get_case", "orders.get_order", "knowledge.search", "payments.issue_refund"
ALL = (CASE, ORDER, TERMS, ISSUE)
Handle = WorkflowHandle[Any, AutonomousVerdict]


async def pursued(
    world: World,
    model: ScriptedModel,
    script: Script,
    *,
    operations: tuple[str, ...] = ALL,
    case_id: str = "CASE-1001",
    goal: str = "settle the case",
    budget: Mapping[str, int] | None = None,
    **how: Any,
) -> tuple[Handle, str]:
    """A mission under way, and its goal, which is no other's; *how* goes to `World.start`."""
    unique = f"{goal} ({uuid4().hex[:8]})"
    model.scripts[unique] = script
    given: dict[str, Any] = {"goal": unique, "operations": list(operations), "case_id": case_id, "budget": dict(budget or {})}
    started = await world.start(case_id, workflow="autonomous", given=given, result=AutonomousVerdict, **how)
    return started, unique


def refund(amount: int = 4200, order: str = "ORD-2001", **changes: Any) -> Call:
    """A refund as a model asks for it."""
    return call(ISSUE, **{"order_id": order, "amount_minor": amount, "currency": "EUR", "reason": "broken", **changes})
