"""
A mission worker that belongs to the attacker: it registers a workflow under a mission type's name and makes it schedule
whatever the test says, on any queue, under any id.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import uuid4

from temporalio import workflow
from temporalio.client import WorkflowHandle
from temporalio.common import RawValue, RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from approvals.proposal import Refusal
from approvals.settlement import Settlement
from approvals.signed import Kind, Signed, opened
from audit.proposals import Found
from policies.canonical import Digest
from policies.model import Recorded
from tests.world import World, until
from workflows.asking import COMMITS

QUEUE = "hostile"
ISSUE = "payments.issue_refund"


class Order(Recorded):
    """One activity to schedule."""

    activity: str
    argument: dict[str, Any]
    queue: str
    activity_id: str | None = None
    attempts: int = 1
    wait: bool = True


class Answer(Recorded):
    """What came of it: a result, or the type and text of the error."""

    result: Any = None
    error: str = ""
    said: str = ""


class Message(Recorded):
    """A signal to another workflow."""

    workflow_id: str
    signal: str
    value: Any


class Further(Recorded):
    """How the next run is to begin; None: as this one did."""

    given: Any = None
    workflow: str = "refund"
    memo: dict[str, Any] | None = None


@workflow.defn(name="refund")
class Puppet:
    """Obeys updates, which leave no signal in its history; ends, or goes on as new, when told to."""

    def __init__(self) -> None:
        self._done = False
        self._further: Further | None = None

    @workflow.run
    async def run(self, case: RawValue) -> str:
        """Waits for the end."""
        await workflow.wait_condition(lambda: (self._done or self._further is not None) and workflow.all_handlers_finished())
        if self._further is not None:
            given = case if self._further.given is None else self._further.given
            workflow.continue_as_new(given, workflow=_TYPES[self._further.workflow], memo=self._further.memo)
        return "done"

    @workflow.signal(dynamic=True)
    def hear(self, name: str, values: Sequence[RawValue]) -> None:
        """Takes decisions and leaves them in the history."""

    @workflow.update
    async def call(self, order: Order) -> Answer:
        """Schedules an activity, and waits for it where asked to."""
        started = workflow.start_activity(
            order.activity,
            order.argument,
            task_queue=order.queue,
            activity_id=order.activity_id,
            start_to_close_timeout=timedelta(seconds=60),
            retry_policy=RetryPolicy(maximum_attempts=order.attempts, initial_interval=timedelta(milliseconds=100)),
        )
        if not order.wait:
            return Answer()
        try:
            return Answer(result=await started)
        except ActivityError as error:
            cause = error.cause
            kind = cause.type if isinstance(cause, ApplicationError) else type(cause).__name__
            return Answer(error=kind or "", said=str(cause))

    @workflow.update
    async def tell(self, message: Message) -> None:
        """Signals another workflow."""
        await workflow.get_external_workflow_handle(message.workflow_id).signal(message.signal, message.value)

    @workflow.update
    async def go_on(self, further: Further) -> None:
        """Ends this run, and begins the next, whatever is still under way."""
        self._further = further

    @workflow.update
    async def end(self, order: Order | None = None) -> None:
        """Ends the mission."""
        self._done = True


@workflow.defn(name="impostor")
class Impostor(Puppet):
    """The same under the name of another mission type."""

    @workflow.run
    async def run(self, case: RawValue) -> str:
        """As the other."""
        return await super().run(case)


_TYPES: dict[str, Any] = {"refund": Puppet.run, "impostor": Impostor.run}


@asynccontextmanager
async def hostile_worker(world: World, queue: str = QUEUE) -> AsyncIterator[str]:
    """The attacker's worker at work. It trusts itself and needs no sandbox; nothing is cached, so nothing is sticky."""
    async with Worker(
        world.client,
        task_queue=queue,
        workflows=[Puppet, Impostor],
        workflow_runner=UnsandboxedWorkflowRunner(),
        max_cached_workflows=0,
    ):
        yield queue


@dataclass
class Mission:
    """One mission in the attacker's hands, over an order of its own."""

    world: World
    handle: WorkflowHandle[Any, Any]
    order_id: str = field(default_factory=lambda: f"ORD-{uuid4().hex[:10]}")

    def refund(self, **changes: Any) -> dict[str, Any]:
        """Arguments that one support lead may approve."""
        return {"order_id": self.order_id, "amount_minor": 4200, "currency": "EUR", "reason": "broken", **changes}

    async def call(self, activity: str, argument: dict[str, Any], queue: str = COMMITS, **how: Any) -> Answer:
        """Has the mission schedule *activity*."""
        order = Order(activity=activity, argument=argument, queue=queue, **how)
        answer: Answer = await self.handle.execute_update("call", order, result_type=Answer)
        return answer

    async def propose(self, *, step: str = "1", operation: str = ISSUE, queue: str = COMMITS, **changes: Any) -> Signed:
        """What the gate answers to a proposal."""
        request = {"step": step, "operation": operation, "arguments": self.refund(**changes)}
        answer = await self.call("propose", request, queue)
        return Signed.model_validate(answer.result)

    async def proposed(self, **what: Any) -> Found:
        """A proposal that the gate signed, found in the history."""
        answer = await self.propose(**what)
        assert answer.kind is Kind.PROPOSAL, Refusal.model_validate(answer.body).reasons()
        return await self.world.proposal(self.handle, answer.digest)

    async def approved(self, **what: Any) -> Found:
        """A proposal that sam approved."""
        found = await self.proposed(**what)
        await self.world.decide(self.handle, "sam", found=found)
        return found

    async def settle(self, proposal: Digest | str, queue: str = COMMITS, item: int = 0, **how: Any) -> Settlement:
        """What the gate says became of *item* of *proposal*, with its signature checked."""
        answer = await self.call("settle", {"proposal": proposal, "item": item}, queue, **how)
        assert answer.result is not None, answer
        return self.settlement(answer.result)

    def settlement(self, result: Any) -> Settlement:
        """A settlement of the gate's key."""
        body = opened(Signed.model_validate(result), Kind.SETTLEMENT, self.world.bundle.directory.gate)
        return Settlement.model_validate(body)

    async def went_on(self, **how: Any) -> str:
        """Has the mission go on as new; the run before. From here on this is the new run."""
        before = (await self.handle.describe()).run_id
        await self.handle.execute_update("go_on", Further(**how))
        latest = self.world.client.get_workflow_handle(self.handle.id)

        async def begun() -> str | None:
            run_id = (await latest.describe()).run_id
            return run_id if run_id != before else None

        self.handle = self.world.client.get_workflow_handle(self.handle.id, run_id=await until(begun))
        return before

    async def forge(self, activity: str, result: object) -> None:
        """Puts *result* into the history as that of *activity*: schedules it where nobody works, and completes it by id."""
        activity_id = uuid4().hex
        await self.call(activity, {}, f"nobody-{activity_id}", activity_id=activity_id, wait=False)
        run_id = (await self.handle.describe()).run_id
        forged = self.world.client.get_async_activity_handle(workflow_id=self.handle.id, run_id=run_id, activity_id=activity_id)
        await forged.complete(result)

    @property
    def rows(self) -> int:
        """How many refunds its order really got."""
        return len(self.world.ledger(self.order_id))


async def hijacked(world: World, case_id: str = "CASE-1001", queue: str = QUEUE, **how: Any) -> Mission:
    """A mission that olga started in good faith and the attacker's worker runs."""
    return Mission(world, await world.start(case_id, queue=queue, **how))
