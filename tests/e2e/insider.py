"""What somebody with write access to the namespace, or a machine that stalls at the worst moment, can do."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from uuid import uuid4

import pytest
from temporalio.api.common.v1 import Payload, Payloads, WorkflowExecution
from temporalio.api.enums.v1 import EventType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import (
    DeleteWorkflowExecutionRequest,
    PollWorkflowTaskQueueRequest,
    ResetWorkflowExecutionRequest,
    RespondWorkflowTaskFailedRequest,
    SignalWorkflowExecutionRequest,
)
from temporalio.client import WorkflowHandle
from temporalio.service import RPCError, RPCStatusCode

from activities.case import Case
from activities.errors import AlreadyUsed
from activities.gate import Gate
from activities.ports import Here, Snapshot, Tokens, Use, Uses
from activities.uses import use_id
from approvals.signed import Signed
from policies.action import Action
from policies.canonical import Digest
from policies.catalogue import Integration
from tests.world import World, until


@dataclass
class SlowTokens:
    """An issuer that answers when the test says so: the gate waits between its first look and its admission."""

    inner: Tokens
    reached: asyncio.Event = field(default_factory=asyncio.Event)
    go: asyncio.Event = field(default_factory=asyncio.Event)

    async def for_scope(self, integration: Integration, scope: str) -> str:
        """As the inner one."""
        return await self.inner.for_scope(integration, scope)

    async def for_action(self, integration: Integration, action: Action) -> str:
        """As the inner one, later."""
        self.reached.set()
        await self.go.wait()
        return await self.inner.for_action(integration, action)


def forget_uses(monkeypatch: pytest.MonkeyPatch) -> None:
    """A gate that takes no use, and so keeps no record of what it sent."""

    async def take(self: Gate, case: Case, here: Here) -> Case:
        return case

    monkeypatch.setattr(Gate, "_take", take)


def announce_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A gate whose use is a workflow id and nothing else."""

    async def take(self: Gate, case: Case, here: Here) -> Case | Signed:
        try:
            await self._ports.uses.claim(case.digest, case.claim(uuid4().hex), case.approvers)
        except AlreadyUsed:
            return case.unknown()
        return case

    monkeypatch.setattr(Gate, "_take", take)


@dataclass
class SlowUses:
    """A gate that stalls at the worst moment: it has admitted, and has not yet taken the use."""

    inner: Uses
    reached: asyncio.Event = field(default_factory=asyncio.Event)
    go: asyncio.Event = field(default_factory=asyncio.Event)

    async def find(self, digest: Digest) -> Use | None:
        """As the inner ones."""
        return await self.inner.find(digest)

    async def claim(self, digest: Digest, claim: Signed, approvers: tuple[str, ...]) -> None:
        """As the inner ones, later."""
        self.reached.set()
        await self.go.wait()
        await self.inner.claim(digest, claim, approvers)

    async def announce(self, claim: Signed) -> None:
        """As the inner ones."""
        await self.inner.announce(claim)

    async def record(self, digest: Digest, receipt: Signed) -> None:
        """As the inner ones."""
        await self.inner.record(digest, receipt)


@dataclass
class QuietHistories:
    """Histories that believe every run to be at rest."""

    world: World

    async def read(self, mission_id: str, run_id: str) -> object:
        """As the real ones."""
        return await self.world.ports.histories.read(mission_id, run_id)

    async def snapshot(self, mission_id: str, run_id: str) -> Snapshot:
        """Nothing in flight, nothing hidden: what a gate without the check would believe."""
        record = await self.world.ports.histories.read(mission_id, run_id)
        return Snapshot(open=True, task_in_flight=False, length=record.head)


async def delete_use(world: World, proposal: Digest) -> None:
    """Deletes the `use` of *proposal*, and returns when it is gone."""
    execution = WorkflowExecution(workflow_id=use_id(proposal))
    request = DeleteWorkflowExecutionRequest(namespace=world.client.namespace, workflow_execution=execution)
    await world.client.workflow_service.delete_workflow_execution(request)

    async def gone() -> bool | None:
        try:
            await world.client.get_workflow_handle(use_id(proposal)).describe()
        except RPCError as error:
            return True if error.status is RPCStatusCode.NOT_FOUND else None
        return None

    await until(gone)


async def reset_after(world: World, handle: WorkflowHandle[object, object], event_id: int) -> WorkflowHandle[object, object]:
    """Resets the mission to the first workflow task that ended after *event_id*; the new run."""

    async def ended() -> int | None:
        for event in (await world.record(handle)).raw:
            if event.event_id > event_id and event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED:
                return int(event.event_id)
        return None

    answer = await world.client.workflow_service.reset_workflow_execution(
        ResetWorkflowExecutionRequest(
            namespace=world.client.namespace,
            workflow_execution=WorkflowExecution(workflow_id=handle.id, run_id=(await handle.describe()).run_id),
            reason="attack",
            request_id=handle.id,
            workflow_task_finish_event_id=await until(ended),
        )
    )
    return world.client.get_workflow_handle(handle.id, run_id=answer.run_id)


async def hold_task(world: World, queue: str) -> bytes:
    """Takes the next workflow task of *queue* and keeps it, as a worker of the attacker's may; its token."""
    request = PollWorkflowTaskQueueRequest(namespace=world.client.namespace, task_queue=TaskQueue(name=queue), identity="me")
    async with asyncio.timeout(30):
        while True:
            answer = await world.client.workflow_service.poll_workflow_task_queue(request)
            if answer.task_token:
                return answer.task_token


async def give_back(world: World, token: bytes) -> None:
    """Fails the held task, so that everything the server kept back enters the history."""
    await world.client.workflow_service.respond_workflow_task_failed(
        RespondWorkflowTaskFailedRequest(namespace=world.client.namespace, task_token=token, identity="me")
    )


async def send_raw(world: World, handle: WorkflowHandle[object, object], *payloads: Payload, name: str = "decide") -> None:
    """A signal past every codec and converter."""
    await world.client.workflow_service.signal_workflow_execution(
        SignalWorkflowExecutionRequest(
            namespace=world.client.namespace,
            workflow_execution=WorkflowExecution(workflow_id=handle.id),
            signal_name=name,
            input=Payloads(payloads=payloads),
        )
    )


async def at_rest(world: World, handle: WorkflowHandle[object, object]) -> None:
    """Returns when the mission has no activity pending, also where the server keeps its answer back."""

    async def none_pending() -> bool | None:
        description = await handle.describe()
        return None if description.raw_description.pending_activities else True

    await until(none_pending)
