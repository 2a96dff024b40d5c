"""
Payloads over what the server takes, and a history near its end: it works, or it ends with a sentence. Whether what is near the
end may still be proposed is the gate's to say.

Source: docs/threats.md, H10
"""

from __future__ import annotations

import asyncio
import re
import resource
import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing, suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from temporalio import workflow
from temporalio.client import WorkflowExecutionStatus, WorkflowFailureError, WorkflowHandle, WorkflowUpdateFailedError
from temporalio.common import RawValue
from temporalio.exceptions import ActivityError, ApplicationError
from temporalio.service import RPCError
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from activities import proposer
from approvals.decision import SIGNAL
from approvals.proposal import Refusal
from approvals.signed import Kind
from audit.extent import MAX_EVENTS, MAX_HISTORY
from policies.errors import CanonicalError
from tests.e2e.hostile import Mission, Puppet, hijacked
from tests.e2e.storage import Stored
from tests.fakes.bench import Bench
from tests.world import World, until
from workers.storing import PayloadTooLarge
from workflows.refund import Verdict

HUGE = "x" * 3 * 1024 * 1024
TOO_LARGE = r"a payload of 3\d{6} bytes is larger than the 2093056 that can be sent: set SAYSO_PAYLOAD_STORE"


@asynccontextmanager
async def written(world: World, case_id: str, words: str) -> AsyncIterator[None]:
    """The customer wrote *words*; afterwards it is as it was."""

    def write(text: str) -> str:
        with closing(sqlite3.connect(world.enterprise.data / "orders.db", timeout=5)) as orders:
            ((before,),) = orders.execute("SELECT text FROM cases WHERE case_id = ?", (case_id,)).fetchall()
            orders.execute("UPDATE cases SET text = ? WHERE case_id = ?", (text, case_id))
            orders.commit()
            return str(before)

    before = write(words)
    try:
        yield
    finally:
        write(before)


@pytest.mark.promise("H10")
async def test_read_result_of_three_megabytes_goes_through_the_store_and_is_too_long_for_a_model(stored: Stored) -> None:
    """It is read and handed on by reference; the model's route says that it takes no more than a million characters."""
    async with written(stored.world, "CASE-1009", HUGE):
        handle = await stored.world.start("CASE-1009")
        verdict = await handle.result()
    assert verdict.verdict is Verdict.NOT_ASSESSED and "and its route allows 1000000" in "; ".join(verdict.reasons)
    description = await handle.describe()
    assert description.raw_description.workflow_execution_info.history_size_bytes < 100_000
    record = await stored.world.record(handle)
    assert max(event.ByteSize() for event in record.opened) > len(HUGE) > max(event.ByteSize() for event in record.raw)


@pytest.mark.promise("H10")
async def test_signal_of_three_megabytes_goes_through_the_store_and_is_no_decision(stored: Stored) -> None:
    handle = await stored.world.start("CASE-1014")
    found = await stored.world.proposed(handle)
    await handle.signal(SIGNAL, HUGE)
    await stored.world.decide(handle, "sam", found=found)
    assert (await handle.result()).verdict is Verdict.REFUNDED


@pytest.mark.promise("H10")
async def test_start_of_three_megabytes_cannot_be_signed_and_unsigned_is_permitted_nothing(stored: Stored) -> None:
    """What people sign has a canonical form of at most 256 KiB; the server takes the rest, and the read worker refuses it."""
    given: dict[str, Any] = {"case_id": "CASE-1016", "note": HUGE}
    with pytest.raises(CanonicalError, match="is larger than 262144 bytes"):
        await stored.world.start("CASE-1016", given=given)
    handle = await stored.world.client.start_workflow("refund", given, id=f"large-{uuid4()}", task_queue="missions")
    with pytest.raises(WorkflowFailureError) as failed:
        await handle.result()
    assert "NotPermitted: the mission was not started for `orders.get_case`" in str(_innermost(failed.value))


@pytest.mark.promise("H10")
async def test_without_a_store_a_read_result_of_three_megabytes_fails_with_a_sentence(world: World) -> None:
    """And is not tried again: it would be as large."""
    async with written(world, "CASE-1009", HUGE):
        handle = await world.start("CASE-1009")
        with pytest.raises(WorkflowFailureError) as failed:
            await handle.result()
    assert isinstance(failed.value.cause, ActivityError)
    error = _innermost(failed.value)
    assert isinstance(error, ApplicationError) and error.non_retryable
    assert re.match(TOO_LARGE, error.message)


@pytest.mark.promise("H10")
async def test_without_a_store_start_and_signal_of_three_megabytes_are_refused_before_they_are_sent(world: World) -> None:
    """With a sentence, and the mission goes on."""
    with pytest.raises(PayloadTooLarge, match=TOO_LARGE):
        await world.client.start_workflow("refund", {"case_id": HUGE}, id=f"large-{uuid4()}", task_queue="missions")
    handle = await world.start("CASE-1014")
    found = await world.proposed(handle)
    with pytest.raises(PayloadTooLarge, match=TOO_LARGE):
        await handle.signal(SIGNAL, HUGE)
    await world.decide(handle, "sam", found=found)
    assert (await handle.result()).verdict is Verdict.REFUNDED


def _innermost(error: BaseException) -> BaseException:
    return _innermost(error.__cause__) if error.__cause__ is not None else error


@pytest.mark.promise("H10")
async def test_gate_proposes_up_to_the_bound_and_refuses_beyond_with_a_sentence(bench: Bench) -> None:
    while len(bench.mission.events) < MAX_EVENTS - 6:
        bench.mission.task()
    await bench.propose()
    while len(bench.mission.events) <= MAX_EVENTS:
        bench.mission.task()
    before = time.process_time()
    words = await bench.refused()
    assert time.process_time() - before < 10
    assert f"this run's history has {len(bench.mission.events)} events" in words and "start a successor" in words


@pytest.mark.promise("H10")
async def test_gate_refuses_in_a_history_of_too_many_bytes(bench: Bench) -> None:
    """Few events can be as large."""
    for _ in range(MAX_HISTORY // (1024 * 1024) + 1):
        bench.mission.signal(SIGNAL, b'"' + b"x" * 1024 * 1024 + b'"')
    assert "bytes; the server ends a run at 51,200 events or 50 MB" in await bench.refused()


@workflow.defn(name="refund")
class Hoarder(Puppet):
    """A mission that fills its own history; it asks the gate once where it is told to, and waits."""

    @workflow.run
    async def run(self, case: RawValue) -> str:
        """As the base."""
        return await super().run(case)

    @workflow.update
    async def hoard(self, count: int) -> int:
        """Makes so many events; a thousand in one task."""
        for number in range(count):
            workflow.upsert_memo({"number": number})
            if number % 1000 == 999:
                await asyncio.sleep(0.001)
        return workflow.info().get_current_history_length()


@asynccontextmanager
async def hoarding(world: World, count: int) -> AsyncIterator[Mission]:
    """A mission of the attacker's code with *count* events and more."""
    queue = f"hoarding-{uuid4().hex[:8]}"
    async with Worker(world.client, task_queue=queue, workflows=[Hoarder], workflow_runner=UnsandboxedWorkflowRunner()):
        mission = await hijacked(world, queue=queue)
        await mission.handle.execute_update("hoard", count)
        yield mission
        if (await mission.handle.describe()).close_time is None:
            await mission.handle.terminate()


@pytest.mark.slow
@pytest.mark.promise("H10")
async def test_gate_refuses_in_a_mission_of_forty_thousand_events_within_seconds(attacker: World) -> None:
    """On the real server, fetched and opened: bounded work, and clear words."""
    async with hoarding(attacker, 40_000) as mission:
        before, started = _resident(), time.monotonic()
        refusal = Refusal.model_validate((await mission.propose()).body)
        took, grown = time.monotonic() - started, _resident() - before
        assert [finding.check for finding in refusal.findings if not finding.holds] == ["extent"]
        assert "the server ends a run at 51,200 events or 50 MB" in refusal.reasons()[0]
        assert took < 20 and grown < 600 * 1024 * 1024


@pytest.mark.slow
@pytest.mark.control("H10")
async def test_without_the_bound_a_say_so_is_given_to_a_mission_that_the_server_ends(
    attacker: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is proposed and approved, and nothing comes of it: the server ends the run before it is sent."""
    monkeypatch.setattr(proposer, "extent_trouble", lambda record: None)
    async with hoarding(attacker, 50_000) as mission:
        signed = await mission.propose()
        assert signed.kind is Kind.PROPOSAL
        await attacker.decide(mission.handle, "sam", found=await attacker.proposal(mission.handle, signed.digest))
        with suppress(WorkflowUpdateFailedError, RPCError):
            await mission.handle.execute_update("hoard", 1000)
        await until(lambda: _ended(mission.handle))
        assert (await mission.handle.describe()).status is WorkflowExecutionStatus.TERMINATED
        assert mission.rows == 0


async def _ended(handle: WorkflowHandle[Any, Any]) -> bool | None:
    return True if (await handle.describe()).close_time else None


def _resident() -> int:
    """Bytes of this process that are in memory."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()
