"""`sayso start --succeeds` on a real server: reset, terminated, running, deleted."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import DeleteWorkflowExecutionRequest
from temporalio.client import WorkflowHandle
from temporalio.service import RPCError

from tests.cli.conftest import Terminal
from tests.cli.test_flow import waiting
from tests.e2e.insider import reset_after
from tests.world import until

CASE = '{"case_id": "CASE-1001"}'


async def successor(sayso: Terminal, mission_id: str, *options: str) -> dict[str, Any]:
    """A successor's item in the queue."""
    name = f"next-{uuid4().hex[:8]}"
    answer = await sayso("start", "refund", "--input", CASE, "--succeeds", mission_id, "--id", name, "--json", *options)
    assert answer.code == 0, answer

    async def look() -> dict[str, Any] | None:
        items = (await sayso("queue", "--json")).data["items"]
        return next((item for item in items if item["mission_id"] == name), None)

    return await until(look)


async def end(sayso: Terminal, item: dict[str, Any]) -> None:
    """Ends a mission, as whoever may write to the namespace can."""
    await sayso.world.client.get_workflow_handle(item["mission_id"]).terminate()


async def paid(sayso: Terminal) -> dict[str, Any]:
    """A mission that paid its refund, and is over. Its history is the server's."""
    item = await waiting(sayso, "CASE-1001")
    assert (await sayso("approve", item["proposal_id"], "--yes", "--json")).data["settled"] == "receipt"
    await sayso.world.client.get_workflow_handle(item["mission_id"]).result()
    return item


async def test_default_id_of_a_successor_is_the_next_that_is_free(sayso: Terminal) -> None:
    """Its predecessor has the one that the case gives."""
    first = await sayso("start", "refund", "--input", '{"case_id": "CASE-9001"}', "--wait", "--json")
    given = ("start", "refund", "--input", '{"case_id": "CASE-9001"}', "--succeeds", "refund-CASE-9001", "--wait", "--json")
    second, third = await sayso(*given), await sayso(*given)
    names = [answer.data["mission_id"] for answer in (first, second, third)]
    assert names == ["refund-CASE-9001", "refund-CASE-9001-2", "refund-CASE-9001-3"]
    assert second.data["succeeds"] == "refund-CASE-9001"
    assert "succeeding refund-CASE-9001" in (await sayso("rail", names[1])).out


@pytest.mark.promise("D4")
async def test_review_of_a_successor_shows_what_the_predecessor_paid(sayso: Terminal) -> None:
    """The receipt stands on the card as a fact."""
    before = await paid(sayso)
    item = await successor(sayso, before["mission_id"])
    text = (await sayso("review", item["proposal_id"])).out
    await end(sayso, item)
    assert "before this (receipt)" in text
    assert before["mission_id"] in text


@pytest.mark.promise("D4")
async def test_successor_of_a_reset_run_is_told_what_the_original_run_did(sayso: Terminal) -> None:
    """The reset run commits nothing and says how to go on; its successor's card knows the run that was reset."""
    before = await paid(sayso)
    client = sayso.world.client
    handle: WorkflowHandle[Any, Any] = client.get_workflow_handle(before["mission_id"], run_id=before["run_id"])
    run = await reset_after(sayso.world, handle, 0)
    verdict: Any = await run.result()
    assert f"sayso start refund --succeeds {before['mission_id']}" in "; ".join(verdict["reasons"])
    item = await successor(sayso, before["mission_id"])
    card = (await sayso("review", item["proposal_id"], "--json")).data["card"]
    await end(sayso, item)
    facts = [line["text"] for line in card["facts"] if line["label"] == "before this (receipt)"]
    assert len(facts) == 1 and facts[0].startswith(f'mission "{before["mission_id"]}": payments.issue_refund')


async def test_mission_that_runs_or_never_was_has_no_successor(sayso: Terminal) -> None:
    """In one line, before anything is started."""
    item = await waiting(sayso, "CASE-1001")
    running = await sayso("start", "refund", "--input", CASE, "--succeeds", item["mission_id"])
    unknown = await sayso("start", "refund", "--input", CASE, "--succeeds", "nobody's")
    await end(sayso, item)
    assert (running.code, "still runs" in running.err, running.err.count("\n")) == (1, True, 1)
    assert (unknown.code, "there is no mission `nobody's`" in unknown.err, unknown.err.count("\n")) == (2, True, 1)


async def verdict_over(sayso: Terminal, monkeypatch: pytest.MonkeyPatch, item: dict[str, Any]) -> str:
    """Why the gate refuses the successor of *item*, started by a command that does not look."""
    from approvals.start import Predecessor

    async def unlooked(*_: Any) -> Predecessor:
        return Predecessor(mission_id=item["mission_id"], run_id=item["run_id"])

    monkeypatch.setattr("workers.cli.succession.predecessor", unlooked)
    name = f"next-{uuid4().hex[:8]}"
    given = ("start", "refund", "--input", CASE, "--succeeds", item["mission_id"], "--id", name, "--wait", "--json")
    return "; ".join((await sayso(*given)).data["verdict"]["reasons"])


@pytest.mark.promise("D4")
async def test_gate_refuses_the_successor_of_a_mission_that_runs(sayso: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever started it."""
    item = await waiting(sayso, "CASE-1001")
    reasons = await verdict_over(sayso, monkeypatch, item)
    await end(sayso, item)
    assert "still runs" in reasons


@pytest.mark.promise("D4")
async def test_gate_refuses_the_successor_of_a_deleted_mission(sayso: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody can tell what it did."""
    item = await waiting(sayso, "CASE-1001")
    client, execution = sayso.world.client, WorkflowExecution(workflow_id=item["mission_id"], run_id=item["run_id"])
    request = DeleteWorkflowExecutionRequest(namespace=client.namespace, workflow_execution=execution)
    await client.workflow_service.delete_workflow_execution(request)

    async def gone() -> bool | None:
        try:
            await client.get_workflow_handle(item["mission_id"]).describe()
        except RPCError:
            return True
        return None

    await until(gone, 60)
    assert "it may have been deleted" in await verdict_over(sayso, monkeypatch, item)
