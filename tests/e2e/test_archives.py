"""
Missions of several runs and with stored payloads, exported from the real server and verified without it.

Source: docs/decisions/0022-archives-of-several-runs.md
"""

from __future__ import annotations

import pytest
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import DeleteWorkflowExecutionRequest
from temporalio.converter import DataConverter
from temporalio.service import RPCError, RPCStatusCode

from activities.exports import Exporter
from activities.ports import PayloadStore
from approvals.decision import SIGNAL
from audit.archive import unpack
from audit.references import named_in
from audit.verification.missions import missions
from audit.verification.result import Verdict, Verification
from audit.verification.verify import Verifier
from policies.load import load_trust
from tests.e2e.storage import Stored, another
from tests.e2e.test_payload_store import FORGED
from tests.e2e.test_runs import journey, roads, travelled
from tests.fakes.rings import CODEC, RING
from tests.fakes.stores import made_store
from tests.world import World, until
from workers.archiving import ArchivedBundles, KnownBundles, exporter, opener, sayso_version

pytestmark = pytest.mark.slow

__all__ = ["roads"]


def exporting(world: World, store: PayloadStore | None = None) -> Exporter:
    """The world's exporter."""
    bundles = KnownBundles(None, (world.policies,))
    return exporter(world.client, world.signers["exporter"], world.law.directory, bundles, RING, store)


async def proven(world: World, data: bytes) -> Verification:
    """What the archive *data* proves to who pins the world's directory and has its keys."""
    trust = load_trust(world.policies / "directory.yaml")
    return await Verifier(trust, ArchivedBundles(), sayso_version(), CODEC, opener(RING)).verify(data)


def doubts(found: Verification) -> dict[str, str]:
    """What does not hold, by check."""
    return {each.check: f"{each.result}: {each.words}" for each in found.findings if each.result != "holds"}


@pytest.mark.promise("G4")
async def test_mission_of_three_runs_is_verified_run_by_run_and_as_a_whole(attacker: World, roads: str) -> None:
    handle, _ = await journey(attacker, roads, 3)
    await travelled(attacker, handle, 3)
    await handle.result()
    latest = (await attacker.client.get_workflow_handle(handle.id).describe()).run_id
    exports = exporting(attacker)
    runs = await exports.runs(handle.id, latest)
    archives = [await exports.export(handle.id, run_id) for run_id in runs]
    found = [await proven(attacker, each.data) for each in archives]
    assert [doubts(each) for each in found] == [{}, {}, {}]
    assert [sum(name.startswith("runs/") for name in unpack(each.data)) for each in archives] == [0, 1, 2]
    assert [each.whole for each in missions(found)] == [True]
    assert [each.whole for each in missions([found[0], found[2]])] == [False]


@pytest.mark.promise("G4")
async def test_mission_whose_first_run_was_deleted_is_incomplete(attacker: World, roads: str) -> None:
    """Retention, or somebody: the rest is still exported, and nothing of it is held against anybody."""
    handle, _ = await journey(attacker, roads, 2)
    await travelled(attacker, handle, 2)
    await handle.result()
    first = str(handle.result_run_id)
    latest = (await attacker.client.get_workflow_handle(handle.id).describe()).run_id
    execution = WorkflowExecution(workflow_id=handle.id, run_id=first)
    request = DeleteWorkflowExecutionRequest(namespace=attacker.client.namespace, workflow_execution=execution)
    await attacker.client.workflow_service.delete_workflow_execution(request)
    await until(lambda: _gone(attacker, handle.id, first))
    exports = exporting(attacker)
    assert await exports.runs(handle.id, latest) == (latest,)
    exported = await exports.export(handle.id, latest)
    found = await proven(attacker, exported.data)
    assert first in exported.cut and found.verdict is Verdict.INCOMPLETE, doubts(found)


async def _gone(world: World, mission_id: str, run_id: str) -> bool | None:
    try:
        await world.client.get_workflow_handle(mission_id, run_id=run_id).describe()
    except RPCError as error:
        return True if error.status is RPCStatusCode.NOT_FOUND else None
    return None


async def _paid(stored: Stored) -> tuple[str, str]:
    """A mission that strangers sent forged references, and its run."""
    world = stored.world
    handle = await world.start("CASE-1001")
    found = await world.proposed(handle)
    stranger = another(world, DataConverter.default).get_workflow_handle(handle.id)
    for value in FORGED.values():
        await stranger.signal(SIGNAL, value)
    await world.decide(handle, "sam", found=found)
    await handle.result()
    return handle.id, str(handle.result_run_id)


@pytest.mark.promise("G4")
async def test_stored_mission_is_verified_whatever_strangers_refer_to(stored: Stored) -> None:
    """And is INCOMPLETE once something that was recorded is in the store no more, or the exporter knows no store."""
    mission_id, run_id = await _paid(stored)
    store = made_store(stored.root)
    exported = await exporting(stored.world, store).export(mission_id, run_id)
    found = await proven(stored.world, exported.data)
    assert (exported.lacking, doubts(found)) == (0, {})

    blind = await exporting(stored.world).export(mission_id, run_id)
    assert blind.lacking > 1
    assert (await proven(stored.world, blind.data)).verdict is Verdict.INCOMPLETE, doubts(found)

    address = named_in(exported.record.raw, signals=False)[0]
    lost = next(path for path in stored.files() if path.name == address)
    content = lost.read_bytes()
    lost.unlink()
    less = await exporting(stored.world, store).export(mission_id, run_id)
    lost.write_bytes(content)
    found = await proven(stored.world, less.data)
    assert (less.lacking, found.verdict) == (1, Verdict.INCOMPLETE), doubts(found)
    assert {each.partition(":")[0] for each in doubts(found).values()} == {"missing"}
