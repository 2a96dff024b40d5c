"""`sayso freeze` and `sayso thaw` on a real server. Source: docs/decisions/0010-freeze.md."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import DeleteWorkflowExecutionRequest

from activities.freezes import ServerFreezes
from approvals.freeze import FREEZE, THAW
from tests.cli.conftest import Terminal
from tests.cli.test_flow import waiting
from tests.world import until


@pytest.fixture(autouse=True)
async def thawed(sayso: Terminal) -> AsyncIterator[None]:
    """Leaves nothing frozen to the next test."""
    yield
    await sayso("thaw", "--reason", "end of the test", "--as", "iris")


async def frozen(sayso: Terminal) -> bool:
    """What `sayso freeze --status` says."""
    answer = await sayso("freeze", "--status", "--json")
    assert answer.code == int(answer.data["frozen"])
    return bool(answer.data["frozen"])


async def run_over(sayso: Terminal) -> None:
    """Returns when the latest run is closed."""

    async def look() -> bool | None:
        found = await ServerFreezes(sayso.world.client).find()
        return True if found is not None and found.ended is not None else None

    await until(look)


async def test_freeze_and_thaw_and_what_is_said_meanwhile(sayso: Terminal) -> None:
    """The whole way: frozen, said so everywhere, approved meanwhile, and paid after the thaw."""
    item = await waiting(sayso, "CASE-1006")
    assert not await frozen(sayso)
    first = await sayso("freeze", "--reason", "odd refunds")
    second = await sayso("freeze", "--reason", "me too", "--json")
    assert (first.code, "since" in first.out, "by sam, with the reason: odd refunds" in first.out) == (0, True, True)
    assert (second.code, second.data["began"], second.data["by"], second.data["reason"]) == (0, False, "sam", "odd refunds")
    assert (await sayso("queue")).out.startswith("FROZEN: everything is frozen since ")
    review = await sayso("review", item["proposal_id"])
    assert "in the way" in review.out and "FROZEN: everything is frozen since" in review.out
    reply = await sayso("approve", item["proposal_id"], "--yes")
    assert "not sent, and the approval stands: everything is frozen since" in reply.out
    assert "everything is frozen since" in (await sayso("rail", item["mission_id"])).out
    done = await sayso("thaw", "--reason", "it was me", "--as", "iris", "--json")
    assert (done.code, done.data["thawed"], done.data["by"]) == (0, True, "iris")
    assert not await frozen(sayso) and not (await sayso("queue")).out.startswith("FROZEN")
    handle = sayso.world.client.get_workflow_handle(item["mission_id"], run_id=item["run_id"])
    assert (await handle.result())["verdict"] == "refunded"


WRONG = [
    (("freeze",), 2, "say why everything is to stop"),
    (("freeze", "--reason", "x", "--as", "nobody"), 2, "there is no key of `nobody` here"),
    (("thaw", "--reason", "x"), 1, "policy does not permit `sam` to thaw namespace `default`"),
    (("thaw", "--reason", "x", "--as", "mission-worker"), 1, "`mission-worker` is a service; only people thaw"),
    (("thaw", "--reason", "x", "--as", "stranger"), 1, "`stranger-1` is nobody's in the directory"),
    (("thaw",), 2, "missing option '--reason'"),
]


@pytest.mark.parametrize(("arguments", "code", "words"), WRONG)
async def test_what_would_not_count_is_not_sent(sayso: Terminal, arguments: tuple[str, ...], code: int, words: str) -> None:
    """One line, and why."""
    await sayso("freeze", "--reason", "x", "--as", "olga")
    answer = await sayso(*arguments)
    assert (answer.code, words in answer.err, len(answer.err.splitlines())) == (code, True, 1), answer
    found = await ServerFreezes(sayso.world.client).find()
    assert found is not None and (found.ended, found.thaws) == (None, ())


async def test_nothing_to_thaw_is_said(sayso: Terminal) -> None:
    """It is as it should be: exit code 0."""
    answer = await sayso("thaw", "--reason", "x", "--as", "iris")
    assert (answer.code, "nothing to thaw, as far as this machine knows" in answer.out) == (0, True)


@contextmanager
def profile_without(sayso: Terminal, *names: str, **changes: Any) -> Iterator[None]:
    """The same stack for somebody who lacks some of it."""
    path = sayso.data / "sayso.json"
    before = path.read_text()
    kept = {name: value for name, value in json.loads(before).items() if name not in names}
    path.write_text(json.dumps({**kept, **changes}))
    try:
        yield
    finally:
        path.write_text(before)


async def test_freezing_needs_neither_key_nor_bundle(sayso: Terminal, tmp_path: Path) -> None:
    """Whoever wants to stop is not asked for anything that may be broken."""
    with profile_without(sayso, "keys", "decide_as", policies=str(tmp_path / "gone")):
        answer = await sayso("freeze", "--reason", "fire")
    assert (answer.code, "everything is frozen, since" in answer.out) == (0, True), answer
    status = await sayso("freeze", "--status", "--json")
    assert (status.code, status.data["by"], status.data["reason"]) == (1, None, "fire")


async def test_freeze_that_ended_without_a_thaw_is_frozen_again_and_thawed(sayso: Terminal) -> None:
    """Terminated, and ended by a garbage thaw."""
    for attack in ("terminate", "garbage"):
        await sayso("freeze", "--reason", "x")
        handle = sayso.world.client.get_workflow_handle(FREEZE)
        await (handle.terminate() if attack == "terminate" else handle.signal(THAW, "please"))
        await run_over(sayso)
        assert await frozen(sayso)
        done = await sayso("thaw", "--reason", "fine", "--as", "iris", "--json")
        assert (done.code, done.data["thawed"]) == (0, True)
        assert not await frozen(sayso)


async def test_freeze_that_was_deleted_after_a_gate_saw_it_is_frozen_again_and_thawed(sayso: Terminal) -> None:
    """The stack's gate remembers in its state directory, and the command line reads it there."""
    item = await waiting(sayso, "CASE-1002")
    await sayso("freeze", "--reason", "x")
    await sayso("approve", item["proposal_id"], "--yes")
    freezes = ServerFreezes(sayso.world.client)
    found = await freezes.find()
    assert found is not None
    execution = WorkflowExecution(workflow_id=FREEZE, run_id=found.run_id)
    request = DeleteWorkflowExecutionRequest(namespace="default", workflow_execution=execution)
    await sayso.world.client.workflow_service.delete_workflow_execution(request)

    async def gone() -> bool | None:
        return True if await freezes.find() is None else None

    await until(gone, 90)
    assert "was deleted without a thaw" in (await sayso("freeze", "--status")).out
    done = await sayso("thaw", "--reason", "fine", "--as", "iris", "--json")
    assert (done.code, done.data["thawed"]) == (0, True)


async def test_thaw_waits_for_the_run_to_close(sayso: Terminal) -> None:
    """Without a commit worker nothing takes it; the freeze holds until one does."""
    handle = await sayso.world.client.start_workflow(FREEZE, id=FREEZE, task_queue="nobody")
    answer = await sayso("thaw", "--reason", "x", "--as", "iris", "--timeout", "0.3")
    assert (answer.code, "is a commit worker running?" in answer.err) == (3, True)
    assert await frozen(sayso)
    await handle.terminate()
