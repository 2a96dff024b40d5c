"""What a pursuit tells a model outside: nothing that its mission knows to be of a data class, wherever it was learned."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import yaml
from temporalio.client import Client
from temporalio.worker import Worker

from activities.observe import observe
from tests.e2e.provider_server import Answer, Provider, provider, saying
from tests.e2e.steward import Steward
from tests.e2e.test_models import alone as alone
from tests.examples.enterprise import Enterprise
from tests.world import PURSUE, World, make_world
from workflows.pursuit import End, Pursuit
from workflows.remembered import Remembered

CUSTOMER = "CUST-3001"
REFUND = {"order_id": "ORD-2001", "amount_minor": 4200, "currency": "EUR", "reason": "broken"}


def paying(body: dict[str, Any]) -> Answer:
    """Pays once, then says that it did."""
    if any(message["role"] == "tool" for message in body["messages"]):
        return saying("It is paid.")
    function = {"name": "payments__issue_refund", "arguments": json.dumps(REFUND)}
    return saying("", tool_calls=[{"id": "1", "type": "function", "function": function}])


def classed(client: Client, enterprise: Enterprise, root: Path, at: Provider) -> World:
    """A world whose pursuits are asked of a model outside; customers are classed, and what a refund is called by payments."""
    world = make_world(client, enterprise, root)
    route = {"model": "openai/judge", "endpoint": at.url, "perimeter": "outside"}
    (world.policies / "models.yaml").write_text(yaml.safe_dump({"routes": {PURSUE: route}}))
    path = world.policies / "integrations.yaml"
    catalogue = yaml.safe_load(path.read_text())
    catalogue["classes"] = ["pii"]
    catalogue["integrations"]["orders"]["operations"]["get_case"]["classes"] = {"customer_id": "pii"}
    catalogue["integrations"]["payments"]["operations"]["issue_refund"]["classes"] = {"refund_id": "pii"}
    path.write_text(yaml.safe_dump(catalogue))
    return world


async def pursued(world: World) -> Pursuit:
    """How it ended; Sam said yes."""
    queue = f"steward-{uuid4().hex[:8]}"
    worker = Worker(world.client, task_queue=queue, workflows=[Steward], activities=[observe], max_cached_workflows=0)
    async with world.working(), worker:
        handle = await world.start("CASE-1001", queue=queue, result=Pursuit)
        await world.decide(handle, "sam")
        ended: Pursuit = await handle.result()
    return ended


@pytest.mark.promise("I1")
async def test_model_is_told_no_classed_value_of_goal_or_commit(
    alone: Client, enterprise: Enterprise, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was read before the pursuit began stands in its goal; what the payment system answered comes back to the model."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-nobody")
    with provider(paying) as at:
        world = classed(alone, enterprise, tmp_path, at)
        before = world.ledger("ORD-2001")
        ended = await pursued(world)
    (row,) = [row for row in world.ledger("ORD-2001") if row not in before]
    assert (ended.end, ended.executed) == (End.ANSWERED, 1)
    assert "committed" in at.text and [clear for clear in (CUSTOMER, row.refund_id) if clear in at.text] == []


@pytest.mark.control("I1")
async def test_without_what_the_mission_remembers_the_goal_tells_it(
    alone: Client, enterprise: Enterprise, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A message says of itself only what was read for it."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-nobody")
    monkeypatch.setattr(Remembered, "occurring", lambda _, value: {})
    with provider(paying) as at:
        await pursued(classed(alone, enterprise, tmp_path, at))
    assert CUSTOMER in at.text
