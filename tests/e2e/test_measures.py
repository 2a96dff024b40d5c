"""What the gate of a real server and a real payment system counts when a reply is lost, or nothing can be sent."""

from __future__ import annotations

import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from activities.mcp_tools import McpTools
from approvals.settlement import SettlementKind
from tests.e2e.hostile import Mission, hijacked
from tests.e2e.observed import sum_of
from tests.e2e.shop import Shop
from tests.examples.enterprise import free_port
from tests.world import without_idempotency
from workers.errors import WrongUse
from workers.telemetry.choice import Choice
from workers.telemetry.measured_activities import MeasuredActivities
from workers.telemetry.on import Measuring


class Page:
    """A Prometheus page over HTTP."""

    def __init__(self) -> None:
        self.port = free_port()

    def __call__(self, name: str, **labels: str) -> float:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=5) as answer:
            return sum_of(answer.read().decode(), name, **labels)


@asynccontextmanager
async def measured(shop: Shop) -> AsyncIterator[tuple[str, Page]]:
    """A measured gate whose payments know no key; yields its queue and its page."""
    page, queue, world = Page(), f"commits-{uuid4().hex[:8]}", shop.world
    telemetry = Measuring(Choice(listen=("127.0.0.1", page.port)), "sayso-commit")
    bundle = without_idempotency(world.bundle)
    ports: dict[str, Any] = {
        "tools": telemetry.tools(McpTools()),
        "uses": telemetry.uses(world.ports.uses),
        "histories": telemetry.histories(world.ports.histories, bundle),
    }
    (plugin,) = telemetry.plugins
    assert isinstance(plugin.interceptors[0], MeasuredActivities)  # type: ignore[attr-defined]
    interceptors = list(plugin.interceptors)  # type: ignore[attr-defined]
    try:
        worker = world.commit_worker(queue, bundle=bundle, patience=timedelta(0), interceptors=interceptors, **ports)
        async with worker:
            yield queue, page
    finally:
        telemetry.end()


async def _approved(shop: Shop, gate: str) -> tuple[Mission, str]:
    mission = await hijacked(shop.world, queue="shop")
    return mission, (await mission.approved(queue=gate)).digest


async def test_unknown_outcome_is_counted_once_however_often_it_is_asked_for(shop: Shop) -> None:
    """docs/telemetry.md: one alarm for one call that may have been made."""
    async with measured(shop) as (gate, page):
        mission, proposal = await _approved(shop, gate)
        assert page("sayso_unknown_outcomes_total") == 0
        with shop.broken("drop-response-once"):
            first = await mission.settle(proposal, gate)
        later = await mission.settle(proposal, gate)
        assert {first.kind, later.kind} == {SettlementKind.UNKNOWN}
        assert page("sayso_unknown_outcomes_total") == 1
        assert page("sayso_settlements_total", kind="unknown") == 2
        assert page("sayso_send_duration_seconds_count", error_type="Lost") == 1


async def test_trouble_before_sending_is_a_refusal_of_admission(shop: Shop) -> None:
    """By the check's name, never by its words."""
    async with measured(shop) as (gate, page):
        mission, proposal = await _approved(shop, gate)
        with shop.down("payments"):
            assert (await mission.settle(proposal, gate)).kind is SettlementKind.NOT_SENT
        assert page("sayso_refusals_total", stage="admission", reason="ready") == 1
        assert page("sayso_admission_duration_seconds_count") == 0


def test_page_whose_port_is_taken_is_an_error_of_the_operator() -> None:
    """One line, with what to do."""
    port = free_port()
    first = Measuring(Choice(listen=("127.0.0.1", port)), "one")
    try:
        with pytest.raises(WrongUse, match="where nobody can listen"):
            Measuring(Choice(listen=("127.0.0.1", port)), "two")
    finally:
        first.end()
