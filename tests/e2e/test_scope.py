"""Reads on a real server, by real MCP servers: for the mission that asks, and where policy lets them go. E8, E15."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

import pytest
from temporalio.worker import Worker

from activities import read as reading
from activities.histories import ServerStarts
from activities.mcp_tools import McpTools
from activities.read import ReadActivities
from approvals.proposal import Proposal, Refusal
from approvals.signed import Kind, Signed
from policies.action import Principals
from policies.bundle import Bundle
from policies.load import load
from policies.ruling import Outcome, Ruling
from tests.e2e.hostile import hijacked
from tests.fakes.egress import ALLOWED, HELD, OTHER, SEARCH, as_egress, to
from tests.world import World
from workflows.asking import READS

OTHERS = {"operation": "orders.get_case", "arguments": {"case_id": "CASE-1002"}}


@pytest.mark.promise("E15")
async def test_mission_for_one_case_does_not_read_another(attacker: World) -> None:
    """The mission worker is the attacker's; what the mission was started for is the server's to say."""
    mission = await hijacked(attacker, "CASE-1001")
    own = await mission.call("read", {"operation": "orders.get_case", "arguments": {"case_id": "CASE-1001"}}, READS)
    other = await mission.call("read", {**OTHERS, "scope": {"case_id": "CASE-1002"}}, READS)
    assert own.result["result"]["case_id"] == "CASE-1001"
    assert other.error == "NotPermitted" and "policy does not permit `orders.get_case`" in other.said


@pytest.mark.promise("E15")
async def test_mission_that_the_attacker_started_himself_reads_no_case(attacker: World) -> None:
    """Whoever may start workflows may write any case into the input; nobody signed for it."""
    mission = await hijacked(attacker, "CASE-1002", owner=None)
    answer = await mission.call("read", OTHERS, READS)
    assert answer.error == "NotPermitted" and "policy does not permit `orders.get_case`" in answer.said


@pytest.mark.control("E15")
async def test_mission_reads_any_case_where_its_start_is_not_asked_for(
    attacker: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the read worker took the request's word for the scope."""
    said = Principals(owner="olga", scope={"case_id": "CASE-1002"})
    monkeypatch.setattr(reading, "principals_of", lambda record, directory: (said, None))
    mission = await hijacked(attacker, "CASE-1001")
    answer = await mission.call("read", OTHERS, READS)
    assert answer.result["result"]["case_id"] == "CASE-1002"


@pytest.fixture
def outward(attacker: World, tmp_path: Path) -> Bundle:
    """The world's bundle, with a search that leaves the perimeter."""
    root = tmp_path / "egress"
    shutil.copytree(attacker.policies, root)
    as_egress(root)
    return load(root)


@asynccontextmanager
async def reads(world: World, bundle: Bundle) -> AsyncIterator[str]:
    """A read worker with *bundle*; yields its queue."""
    queue = f"reads-{uuid4().hex[:8]}"
    activities = ReadActivities(bundle, ServerStarts(world.client), McpTools(), world.reader)
    async with Worker(world.client, task_queue=queue, activities=[activities.read]):
        yield queue


@pytest.mark.promise("E8")
async def test_egress_goes_where_policy_or_people_let_it(attacker: World, outward: Bundle) -> None:
    """Three destinations: one is allowed, one is held, one is nobody's."""
    mission = await hijacked(attacker)
    # The commit client of the example issuer may not describe the knowledge system; the read client may.
    async with reads(attacker, outward) as read, attacker.gate(bundle=outward, tokens=attacker.reader) as gate:
        answers = {where: await mission.call("read", {"operation": SEARCH, "arguments": to(where)}, read) for where in ALL}
        asked = {
            where: Signed.model_validate(
                (await mission.call("propose", {"step": where, "operation": SEARCH, "arguments": to(where)}, gate)).result
            )
            for where in ALL
        }
    assert answers[ALLOWED].result["result"]["passages"]
    assert (answers[HELD].error, answers[OTHER].error) == ("NeedsSayso", "NotPermitted")
    assert "ask for it with `self.commit`" in answers[HELD].said and "policy does not permit" in answers[OTHER].said
    assert [asked[where].kind for where in ALL] == [Kind.REFUSAL, Kind.PROPOSAL, Kind.REFUSAL]
    assert Proposal.model_validate(asked[HELD].body).policies == ("search-shipping",)
    assert "call it with `self.read`" in "; ".join(Refusal.model_validate(asked[ALLOWED].body).reasons())
    assert "policy does not permit" in "; ".join(Refusal.model_validate(asked[OTHER].body).reasons())


@pytest.mark.control("E8")
async def test_egress_goes_anywhere_where_the_ruling_is_not_asked(
    attacker: World, outward: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server itself would answer: nothing but the ruling is in between."""
    mission = await hijacked(attacker)
    allow = Ruling(outcome=Outcome.ALLOW, findings=(), bundle=outward.digest)
    monkeypatch.setattr(Bundle, "rule", lambda *_: allow)
    async with reads(attacker, outward) as queue:
        answers = [await mission.call("read", {"operation": SEARCH, "arguments": to(where)}, queue) for where in (HELD, OTHER)]
    assert all(not answer.result["failed"] for answer in answers)


ALL = (ALLOWED, HELD, OTHER)
