"""
One role as a process of its own, which kills itself where its plan says: `python -m tests.e2e.worker_process ROLE FILE`.

The plan names a point for a mission's case, such as `after settle`. Each point is passed deadly once: a marker file
remembers it. The kill is SIGKILL: no handler, no flush, no goodbye.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Timer
from typing import Any

from pydantic import BaseModel, ConfigDict, JsonValue
from temporalio import activity
from temporalio.bridge.proto.workflow_activation import WorkflowActivation
from temporalio.bridge.proto.workflow_completion import WorkflowActivationCompletion
from temporalio.client import Client
from temporalio.worker import (
    ActivityInboundInterceptor,
    ExecuteActivityInput,
    Interceptor,
    WorkflowInstance,
    WorkflowInstanceDetails,
)
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner

from activities.mcp_tools import McpTools
from activities.ports import ToolAnswer, Tools, ToolSession, Use, Uses
from activities.uses import ServerUses
from approvals.jws import Signer
from approvals.signed import Signed
from examples.refund.clients import Resources
from policies.canonical import Digest
from policies.catalogue import Integration
from policies.contract import Contract
from tests.e2e.short_runs import short_worker
from tests.examples.enterprise import Enterprise
from tests.fakes.rings import CODEC
from tests.world import World, world_of
from workers.connection import converter

KEYED = ("gate", "read-worker", "reason-worker")
"""Whose keys the worker processes hold."""


class Orders(BaseModel):
    """What a worker process is told: the world as files, and where to die."""

    model_config = ConfigDict(frozen=True)

    address: str
    namespace: str
    policies: Path
    data: Path
    issuer: str
    resources: tuple[str, str, str, str]
    keys: Path
    """Where the keys of KEYED lie."""
    markers: Path
    plan: dict[str, str]
    """Point by case id."""


@dataclass(frozen=True)
class Death:
    """Kills this process once for each point that is planned for a mission."""

    orders: Orders

    def at(self, point: str, mission_id: str | None = None, *, once: str = "", after_seconds: float = 0.0) -> None:
        """Dies here, when *point* is planned for the mission and was not passed deadly before."""
        mission = mission_id or activity.info().workflow_id or ""
        case_id = _case_of(mission)
        if self.orders.plan.get(case_id) != point:
            return
        try:
            os.close(os.open(self.orders.markers / f"{case_id} {point}{once}", os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            return
        if after_seconds:
            Timer(after_seconds, _die).start()
        else:
            _die()

    def numbered(self) -> str:
        """The activity under way, and which of its name it is in its mission, whoever works and in any run: `read 2`."""
        info = activity.info()
        begun = f"begun {_case_of(info.workflow_id or '')} {info.activity_type} "
        this = self.orders.markers / f"{begun}{info.workflow_run_id} {info.activity_id}"
        if not this.exists():
            this.write_text(str(len(list(self.orders.markers.glob(f"{begun}*"))) + 1))
        return f"{info.activity_type} {this.read_text()}"


def _case_of(mission_id: str) -> str:
    """The case in `refund-CASE-1001-0a1b2c3d`."""
    return mission_id.partition("-")[2].rpartition("-")[0]


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class DeadlyActivities(Interceptor):
    """Dies before or after an activity."""

    def __init__(self, death: Death) -> None:
        self._death = death

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        """Wraps every activity of this worker."""
        death = self._death

        class Inbound(ActivityInboundInterceptor):
            async def execute_activity(self, input: ExecuteActivityInput) -> Any:
                info, numbered = activity.info(), death.numbered()
                death.at(f"before {info.activity_type}")
                death.at(f"before {numbered}")
                result = await super().execute_activity(input)
                death.at(f"after {info.activity_type}")
                death.at(f"after {numbered}")
                return result

        return Inbound(next)


@dataclass(frozen=True)
class DeadlyUses:
    """Dies around the use."""

    inner: Uses
    death: Death

    async def find(self, digest: Digest) -> Use | None:
        """As the inner ones."""
        return await self.inner.find(digest)

    async def claim(self, digest: Digest, claim: Signed, approvers: tuple[str, ...]) -> None:
        """Dies after the claim."""
        await self.inner.claim(digest, claim, approvers)
        self.death.at("after claim")

    async def announce(self, claim: Signed) -> None:
        """Dies after the announcement."""
        await self.inner.announce(claim)
        self.death.at("after announce")

    async def record(self, digest: Digest, receipt: Signed) -> None:
        """Dies after the record."""
        await self.inner.record(digest, receipt)
        self.death.at("after record")


@dataclass(frozen=True)
class DeadlySession:
    """Dies when the answer has come and is not recorded."""

    inner: ToolSession
    death: Death

    async def contract(self, tool: str) -> Contract | None:
        """As the inner one."""
        return await self.inner.contract(tool)

    async def call(self, tool: str, arguments: dict[str, JsonValue], meta: dict[str, JsonValue]) -> ToolAnswer:
        """Dies after sending."""
        answer = await self.inner.call(tool, arguments, meta)
        self.death.at("after send")
        return answer


@dataclass(frozen=True)
class DeadlyTools:
    """Sessions that die after sending."""

    inner: Tools
    death: Death

    @asynccontextmanager
    async def open(self, integration: Integration, token: str) -> AsyncIterator[DeadlySession]:
        """A deadly session."""
        async with self.inner.open(integration, token) as session:
            yield DeadlySession(session, self.death)


class DeadlyRunner(SandboxedWorkflowRunner):
    """
    Dies during one workflow task, before the server has its answer, or a moment after each, when it has; and around the one
    with which a run goes on in another.
    """

    def __init__(self, death: Death) -> None:
        super().__init__()
        self._death = death

    def create_instance(self, det: WorkflowInstanceDetails) -> WorkflowInstance:
        """An instance that counts what is no replay."""
        instance, death, mission_id = super().create_instance(det), self._death, det.info.workflow_id
        activate = instance.activate

        def deadly(act: WorkflowActivation) -> WorkflowActivationCompletion:
            if not act.is_replaying and act.history_length > 10:
                death.at("during a mission task", mission_id)
            if not act.is_replaying:
                death.at("after each mission task", mission_id, once=f" {act.history_length}", after_seconds=0.03)
            done = activate(act)
            if any(command.HasField("continue_as_new_workflow_execution") for command in done.successful.commands):
                death.at("before going on", mission_id)
                death.at("after going on", mission_id, after_seconds=0.1)
            return done

        instance.activate = deadly  # type: ignore[method-assign]
        return instance


async def run(role: str, orders: Orders) -> None:
    """Works until killed."""
    codec = converter(CODEC)
    client = await Client.connect(orders.address, namespace=orders.namespace, data_converter=codec)
    signers = {who: Signer.from_jwk((orders.keys / f"{who}.jwk").read_text()) for who in KEYED}
    enterprise = Enterprise(orders.data, orders.issuer, Resources(*orders.resources))
    world: World = world_of(client, enterprise, orders.policies, signers)
    death = Death(orders)
    how: dict[str, Any] = {"interceptors": [DeadlyActivities(death)]}
    if role.startswith(("mission", "short")):
        how["workflow_runner"] = DeadlyRunner(death)
    else:
        # So that a death planned for one mission does not hit another on its way to its own.
        how["max_concurrent_activities"] = 1
    if role == "commit":
        how |= {"uses": DeadlyUses(ServerUses(client), death), "tools": DeadlyTools(McpTools(), death)}
    kind, _, queue = role.partition(":")
    if kind == "short":
        await short_worker(world, queue, **how).run()
        return
    await world.worker(kind, queue or None, **how).run()


def write_orders(path: Path, world: World, plan: dict[str, str]) -> Orders:
    """The world as a file for worker processes."""
    keys, markers = path.with_name("keys"), path.with_name("markers")
    markers.mkdir()
    keys.mkdir()
    for who in KEYED:
        (keys / f"{who}.jwk").write_text(json.dumps(world.signers[who].to_jwk()))
    resources = world.enterprise.resources
    orders = Orders(
        address=world.client.service_client.config.target_host,
        namespace=world.client.namespace,
        policies=world.policies,
        data=world.enterprise.data,
        issuer=world.enterprise.issuer,
        resources=(resources.orders, resources.payments, resources.knowledge, resources.parcels),
        keys=keys,
        markers=markers,
        plan=plan,
    )
    path.write_text(orders.model_dump_json())
    return orders


if __name__ == "__main__":
    asyncio.run(run(sys.argv[1], Orders.model_validate_json(Path(sys.argv[2]).read_text())))
