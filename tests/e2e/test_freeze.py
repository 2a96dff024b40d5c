"""A freeze on the real server: before, during and after admission, and ended in every way but a signed thaw."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import DeleteWorkflowExecutionRequest
from temporalio.client import Client

from activities.freezes import ServerFreezes
from activities.memory import ProcessMemory
from activities.ports import Use, Uses
from approvals import thaw
from approvals.freeze import FREEZE, THAW, FreezeRecord, Thaw, sign_thaw
from approvals.settlement import Settlement, SettlementKind
from approvals.signed import Signed
from policies.canonical import Digest
from tests.conftest import Without
from tests.e2e.hostile import Mission, hijacked, hostile_worker
from tests.e2e.insider import SlowTokens
from tests.examples.enterprise import Enterprise
from tests.world import World, make_world, until
from workflows.asking import COMMITS


@pytest.fixture(scope="module")
async def frozen(server: Client, enterprise: Enterprise, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    """A world in a namespace of its own, with a commit worker that runs freezes, and the attacker's."""
    host, how = server.service_client.config.target_host, server.data_converter
    client = await Client.connect(host, namespace="frozen", data_converter=how)
    world = make_world(client, enterprise, tmp_path_factory.mktemp("frozen"))
    async with world.commit_worker(COMMITS), hostile_worker(world):
        yield world
    await world.committer.close()
    await world.reader.close()


async def begin(world: World) -> str:
    """Somebody freezes; the run id."""
    run_id = await ServerFreezes(world.client).begin({"reason": "odd refunds"})
    assert run_id is not None, "a freeze runs already"
    return run_id


async def latest(world: World) -> FreezeRecord:
    """The freeze that there is."""
    found = await ServerFreezes(world.client).find()
    assert found is not None, "nothing was frozen"
    return found


async def closed(world: World) -> None:
    """Returns when the latest freeze is over."""

    async def look() -> bool | None:
        return True if (await latest(world)).ended is not None else None

    await until(look)


async def signed(world: World, who: str = "iris", **changes: Any) -> str:
    """What *who* signs to thaw the latest freeze; *changes* overwrite fields."""
    now, run_id = int(datetime.now(UTC).timestamp()), (await latest(world)).run_id
    made = Thaw(namespace="frozen", freeze=run_id, reason="fine", iat=now, exp=now + 300, jti=uuid4().hex)
    return sign_thaw(made.model_copy(update=changes), world.signers[who])


async def send(world: World, value: object) -> None:
    """Sends a `thaw` of whatever kind, and returns when the run is over."""
    await world.client.get_workflow_handle(FREEZE).signal(THAW, value)
    await closed(world)


async def pays_once_after_a_thaw(world: World, mission: Mission, proposal: Digest, gate: str) -> bool:
    """Whether Iris's thaw, of a new freeze where the old one is over, lets the same approval pay, and once."""
    found = await ServerFreezes(world.client).find()
    if found is None or found.ended is not None:
        await begin(world)
    await send(world, await signed(world))
    kinds = [(await mission.settle(proposal, gate)).kind for _ in range(2)]
    return kinds == [SettlementKind.RECEIPT] * 2 and mission.rows == 1


def refused(answer: Settlement, words: str = "everything is frozen since") -> bool:
    """Whether *answer* is that nothing was sent because of a freeze, and to be asked again."""
    finding = answer.findings[-1]
    told = (finding.check, finding.holds, answer.kind) == ("freeze", False, SettlementKind.NOT_SENT)
    return told and words in finding.words and answer.retry_seconds is not None


async def _terminated(world: World) -> None:
    await world.client.get_workflow_handle(FREEZE).terminate()


async def _cancelled(world: World) -> None:
    await world.client.get_workflow_handle(FREEZE).cancel()
    await closed(world)


async def _garbage(world: World) -> None:
    await send(world, {"thaw": ["now"]})


async def _unsigned(world: World) -> None:
    run_id = (await latest(world)).run_id
    await send(world, {"namespace": "frozen", "freeze": run_id, "who": "iris", "reason": "fine"})


async def _by_sam(world: World) -> None:
    await send(world, await signed(world, "sam"))


async def _replayed(world: World) -> None:
    await send(world, await signed(world))
    token = (await latest(world)).thaws[0].values[0]
    assert token is not None
    await begin(world)
    await send(world, token.decode().strip('"'))


async def _deleted(world: World) -> None:
    execution = WorkflowExecution(workflow_id=FREEZE, run_id=(await latest(world)).run_id)
    request = DeleteWorkflowExecutionRequest(namespace="frozen", workflow_execution=execution)
    await world.client.workflow_service.delete_workflow_execution(request)

    async def gone() -> bool | None:
        return True if await ServerFreezes(world.client).find() is None else None

    await until(gone)


ENDS: dict[str, tuple[Callable[[World], Awaitable[None]], str]] = {
    "terminated": (_terminated, "its run was terminated without a thaw"),
    "cancelled": (_cancelled, "its run was canceled without a thaw"),
    "garbage": (_garbage, "it is not signed"),
    "unsigned": (_unsigned, "it is not signed"),
    "by sam": (_by_sam, "policy does not permit `sam` to thaw"),
    "replayed": (_replayed, "which is not this one"),
    "deleted": (_deleted, "was deleted without a thaw"),
}


@pytest.mark.promise("D11")
@pytest.mark.parametrize("how", ENDS)
async def test_freeze_that_ends_without_a_signed_thaw_goes_on(frozen: World, how: str) -> None:
    """docs/threats.md D11: and then Iris's thaw lets the same approval pay, once."""
    end, words = ENDS[how]
    async with frozen.gate(memory=ProcessMemory()) as gate:
        mission = await hijacked(frozen)
        proposal = (await mission.approved(queue=gate)).digest
        await begin(frozen)
        assert refused(await mission.settle(proposal, gate))
        await end(frozen)
        assert refused(await mission.settle(proposal, gate), words) and mission.rows == 0
        assert await pays_once_after_a_thaw(frozen, mission, proposal, gate)


@pytest.mark.control("D11")
async def test_sams_thaw_ends_it_where_nobody_asks_who_may(frozen: World, without: Without) -> None:
    """One defence: the policy question."""
    without(thaw.CHECKS, "permitted")
    async with frozen.gate(memory=ProcessMemory()) as gate:
        mission = await hijacked(frozen)
        proposal = (await mission.approved(queue=gate)).digest
        await begin(frozen)
        await _by_sam(frozen)
        assert (await mission.settle(proposal, gate)).kind is SettlementKind.RECEIPT
    await begin(frozen)
    await send(frozen, await signed(frozen))


@pytest.mark.promise("D11")
async def test_freeze_while_the_gate_makes_ready_is_heard(frozen: World) -> None:
    """docs/threats.md D11: between the first look and the use."""
    slow = SlowTokens(frozen.committer)
    async with frozen.gate(memory=ProcessMemory(), tokens=slow) as gate:
        mission = await hijacked(frozen)
        proposal = (await mission.approved(queue=gate)).digest
        settling = asyncio.create_task(mission.settle(proposal, gate))
        await slow.reached.wait()
        await begin(frozen)
        slow.go.set()
        assert refused(await settling) and mission.rows == 0
        assert await pays_once_after_a_thaw(frozen, mission, proposal, gate)


@dataclass
class LateFreeze:
    """Uses that somebody freezes just after one is announced."""

    inner: Uses
    world: World
    runs: list[str] = field(default_factory=list)

    async def find(self, key: str) -> Use | None:
        """As the inner ones."""
        return await self.inner.find(key)

    async def claim(self, key: str, claim: Signed, approvers: tuple[str, ...]) -> None:
        """As the inner ones."""
        await self.inner.claim(key, claim, approvers)

    async def announce(self, claim: Signed) -> None:
        """And then the freeze."""
        await self.inner.announce(claim)
        self.runs.append(await begin(self.world))

    async def record(self, key: str, receipt: Signed) -> None:
        """As the inner ones."""
        await self.inner.record(key, receipt)


@pytest.mark.promise("D11")
async def test_freeze_after_the_use_was_announced_is_late_and_changes_no_receipt(frozen: World) -> None:
    """docs/decisions/0010-freeze.md: the one call goes out; the next proposal of the mission waits."""
    late = LateFreeze(frozen.ports.uses, frozen)
    async with frozen.gate(memory=ProcessMemory(), uses=late) as gate:
        mission = await hijacked(frozen)
        proposal = (await mission.approved(queue=gate)).digest
        assert [(await mission.settle(proposal, gate)).kind for _ in range(2)] == [SettlementKind.RECEIPT] * 2
        other = (await mission.approved(queue=gate, step="2", amount_minor=4300)).digest
        assert refused(await mission.settle(other, gate)) and (mission.rows, len(late.runs)) == (1, 1)
        await send(frozen, await signed(frozen))


async def _nowhere(world: World) -> ServerFreezes:
    """Asks in a namespace that is not there."""
    host = world.client.service_client.config.target_host
    return ServerFreezes(await Client.connect(host, namespace="nowhere"))


async def _cut_off(world: World) -> ServerFreezes:
    """Asks over a line that was cut."""
    host, port = world.client.service_client.config.target_host.split(":")
    pipes: list[asyncio.Task[None]] = []
    writers: list[asyncio.StreamWriter] = []

    async def forward(near: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        far, out = await asyncio.open_connection(host, int(port))
        writers.extend((back, out))
        pipes.extend(asyncio.create_task(_pipe(*ends)) for ends in ((near, out), (far, back)))

    line = await asyncio.start_server(forward, "127.0.0.1", 0)
    found = await Client.connect(f"127.0.0.1:{line.sockets[0].getsockname()[1]}", namespace="frozen")
    line.close()
    for writer in writers:
        writer.close()
    await asyncio.gather(*pipes, return_exceptions=True)
    return ServerFreezes(found)


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()


@pytest.mark.promise("D11")
@pytest.mark.parametrize("asked", [_cut_off, _nowhere])
async def test_server_that_cannot_be_asked_is_a_freeze(
    frozen: World, asked: Callable[[World], Awaitable[ServerFreezes]]
) -> None:
    """docs/threats.md D11: silence, and a namespace that is not there, are no answer that nothing is frozen."""
    unheard = await asked(frozen)
    async with frozen.gate(memory=ProcessMemory(), freezes=unheard) as deaf, frozen.gate(memory=ProcessMemory()) as gate:
        mission = await hijacked(frozen)
        proposal = (await mission.approved(queue=gate)).digest
        answer = await mission.settle(proposal, deaf)
        assert (answer.kind, mission.rows) == (SettlementKind.NOT_SENT, 0)
        assert "the Temporal server at its frontend cannot be reached" in answer.findings[-1].words
        assert (await mission.settle(proposal, gate)).kind is SettlementKind.RECEIPT


async def test_freeze_takes_anything_and_ends_at_a_thaw_alone(frozen: World) -> None:
    """Nothing that a stranger sends or starts it with can stop it."""
    handle = await frozen.client.start_workflow(FREEZE, args=[1, {"a": None}], id=FREEZE, task_queue=COMMITS)
    for name, values in (("decide", []), ("thaws", [1, 2]), ("Thaw", ["x"])):
        await handle.signal(name, args=values)
    assert (await latest(frozen)).ended is None
    await send(frozen, await signed(frozen))
    found = await latest(frozen)
    assert (found.ended, await handle.result(), found.said) == ("completed", True, None)
    court = thaw.Court("frozen", frozen.bundle.directory, frozen.bundle.rulebook)
    assert thaw.worth(found.thaws[0], found, court).refused == ()
