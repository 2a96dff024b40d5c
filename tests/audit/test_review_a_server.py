"""What whoever may write to the namespace can do to the evidence before an honest exporter comes. Against a real server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from temporalio.client import Client, WorkflowHandle
from temporalio.common import WorkflowIDReusePolicy
from temporalio.testing import WorkflowEnvironment

from activities.uses import RECORD, use_id
from audit.archive import unpack
from audit.verification.result import Verdict
from policies.canonical import Digest
from tests.audit.verifying import doubts, verifier
from tests.e2e.conftest import ATTRIBUTES, BIN
from tests.e2e.insider import delete_use
from tests.examples.enterprise import running_enterprise
from tests.world import World, make_world, until
from workers.archiving import KnownBundles, exporter
from workers.connection import connect, converter


@pytest.fixture(scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    """All workers at work."""
    environment = await WorkflowEnvironment.start_local(
        data_converter=converter(),
        dev_server_existing_path=str(BIN / "temporal"),
        search_attributes=ATTRIBUTES,
        dev_server_extra_args=[
            "--dynamic-config-value=history.transferProcessorMaxPollRPS=2000",
            "--dynamic-config-value=history.timerProcessorMaxPollRPS=2000",
            # A workflow is deleted once these have caught up.
            '--dynamic-config-value=history.transferProcessorUpdateAckInterval="50ms"',
            '--dynamic-config-value=history.visibilityProcessorUpdateAckInterval="50ms"',
        ],
    )
    async with environment:
        client = await connect(environment.client.service_client.config.target_host, "default")
        with running_enterprise(tmp_path_factory.mktemp("enterprise")) as enterprise:
            made = make_world(client, enterprise, tmp_path_factory.mktemp("world"))
            async with made.working():
                yield made


@pytest.fixture
async def refunded(world: World) -> tuple[WorkflowHandle[Any, Any], str]:
    """A mission that refunded, and the workflow id of its use, which has ended."""
    handle = await world.start("CASE-1001")
    found = await world.proposed(handle)
    await world.decide(handle, "sam", found=found)
    await handle.result()
    named = use_id(found.digest)
    assert await world.client.get_workflow_handle(named).result()
    return handle, named


async def _exported(world: World, handle: WorkflowHandle[Any, Any]) -> bytes:
    bundles = KnownBundles(None, (world.policies,))
    exporting = exporter(world.client, world.signers["exporter"], world.law.directory, bundles)
    return (await exporting.export(handle.id, str(handle.result_run_id))).data


async def _again(client: Client, named: str, *arguments: object) -> WorkflowHandle[Any, Any]:
    """Another workflow under the id of a use, by whoever may start one; listed."""
    handle = await client.start_workflow(
        "use", args=list(arguments), id=named, task_queue="nobody", id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE
    )

    async def look() -> bool | None:
        found = [run.run_id async for run in client.list_workflows(f"WorkflowId = '{named}'")]
        return True if len(found) == 2 else None

    assert await until(look)
    return handle


@pytest.mark.parametrize("copied", [False, True])
async def test_second_run_under_the_id_of_a_use_hides_nothing(
    copied: bool, world: World, refunded: tuple[WorkflowHandle[Any, Any], str]
) -> None:
    """The latest run was exported: a stranger's, in the place of what the gate recorded. Even one with a copy of the claim."""
    handle, named = refunded
    before = unpack(await _exported(world, handle))
    claim = (await world.client.get_workflow_handle(named).fetch_history()).events[0]
    (payload,) = claim.workflow_execution_started_event_attributes.input.payloads
    value = (await world.client.data_converter.decode([payload]))[0] if copied else "mine"
    stranger = await _again(world.client, named, value)
    await stranger.signal(RECORD, "nothing was sent")
    data = await _exported(world, handle)
    name = next(name for name in before if name.startswith("uses/"))
    assert unpack(data)[name] == before[name]
    assert (await verifier(world.law.directory, None, None).verify(data)).verdict is Verdict.VERIFIED


async def test_use_that_is_another_workflow_is_missed(world: World, refunded: tuple[WorkflowHandle[Any, Any], str]) -> None:
    """The gate's was deleted, and a stranger's stands in its place: nothing brings it back, and nobody takes it for that."""
    handle, named = refunded
    await delete_use(world, Digest(named.removeprefix("use/")))
    stranger = await world.client.start_workflow("use", "mine", id=named, task_queue="nobody")
    verification = await verifier(world.law.directory, None, None).verify(await _exported(world, handle))
    assert (verification.verdict, doubts(verification)) == (Verdict.INCOMPLETE, {"uses"})
    # Uses of 50 MB each would make an archive that is too large to be one.
    for _ in range(5):
        await stranger.signal(RECORD, "x" * 1_000_000)
    data = await _exported(world, handle)
    assert len(data) < 1_000_000
    verification = await verifier(world.law.directory, None, None).verify(data)
    assert (verification.verdict, doubts(verification)) == (Verdict.INCOMPLETE, {"uses"})
    await stranger.terminate()
