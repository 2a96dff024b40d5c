"""
Missions on the real server whose payloads lie in a store: what is in the history, what a stranger's reference does, and what
happens while the store is away.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from temporalio.api.common.v1 import Payload
from temporalio.api.enums.v1 import WorkflowTaskFailedCause
from temporalio.client import WorkflowHandle
from temporalio.common import RawValue
from temporalio.converter import DataConverter, PayloadCodec
from temporalio.worker import Worker

from activities.errors import StoreSilent
from activities.histories import fetch
from activities.observe import observe
from approvals.decision import SIGNAL, sign
from audit.payloads import ENCRYPTED, STORED, seal
from audit.references import content_of, reference_to
from tests.e2e.storage import Stored, another
from tests.e2e.test_encryption import ALLOWED, places
from tests.fakes.rings import CODEC, RING
from tests.fakes.stores import made_store
from tests.leaks import Leaks, Needle
from tests.world import until
from workers.connection import LenientCodec, converter
from workers.conversion import EncodedFailures, FinalPayloads
from workers.storing import LEAST, MOST, StoringCodec
from workflows.refund import RefundMission, Verdict

pytestmark = pytest.mark.slow


async def test_mission_is_approved_and_paid_with_its_payloads_in_the_store(stored: Stored) -> None:
    """Its history has references and small payloads; what lies in the store is as encrypted as what lies in the history."""
    world = stored.world
    handle = await world.start("CASE-1001")
    found = await world.proposed(handle)
    await world.decide(handle, "sam", found=found)
    assert (await handle.result()).verdict is Verdict.REFUNDED
    assert len(world.paid(found.proposal)) == 1
    events = await fetch(world.client, handle.id)
    seen = [(place, payload) for event in events for place, payload in places(event) if isinstance(payload, Payload)]
    encodings = {payload.metadata["encoding"] for place, payload in seen if place not in ALLOWED}
    assert encodings == {ENCRYPTED, STORED}
    assert all(payload.metadata["encryption-key-id"] == RING.active.encode() for place, payload in seen if place not in ALLOWED)
    leaks = Leaks([Needle("case", b"CASE-1001"), Needle("field", b"order_id"), Needle("json", b'"operation"')])
    leaks.look_into("store", stored.files())
    assert dict(leaks.found) == {} and len(leaks.places) > 5


def _raw(encoding: bytes, data: bytes, **metadata: bytes) -> RawValue:
    return RawValue(Payload(metadata={"encoding": encoding, **metadata}, data=data))


NESTED = reference_to(reference_to(Payload(metadata={"encoding": ENCRYPTED})))
FORGED: dict[str, RawValue] = {
    "missing": _raw(STORED, b"0" * 64),
    "a path": _raw(STORED, b"../../../etc/passwd"),
    "nothing": _raw(STORED, b""),
    "a key of nobody": _raw(STORED, b"0" * 64, **{"encryption-key-id": b"key-of-nobody"}),
    "the SDK's own": _raw(b"json/external-storage-reference", b'{"driver_name": "s3", "driver_claim": {"claim_data": {}}}'),
    "the SDK's own, broken": _raw(b"json/external-storage-reference", b"{"),
    "the SDK's later": _raw(b"json/protobuf", b"{}", messageType=b"temporal.api.sdk.v1.ExternalStorageReference"),
    "the SDK's mark": _raw(b"binary/encrypted", b"x", __temporal_external_storage_reference=b"true"),
}


async def _in_the_store(stored: Stored) -> dict[str, RawValue]:
    """References to what is there, and is nothing that a reference may name."""
    store = made_store(stored.root)
    true = Payload(metadata={"encoding": b"json/plain"}, data=b'"x"')
    await store.put(content_of(reference_to(true)))
    await store.put(content_of(true))
    no_payload = await store.put(b"\xff" * 100)
    return {
        "nested": RawValue(reference_to(reference_to(true))),
        "no payload": _raw(STORED, no_payload.encode()),
        "another key than it says": _raw(STORED, reference_to(true).data, **{"encryption-key-id": b"test-1"}),
        "what anybody may put": RawValue(reference_to(true)),
    }


@pytest.mark.promise("F6")
async def test_forged_references_of_a_stranger_do_not_stop_a_mission(stored: Stored) -> None:
    """Whoever may signal may send any payload; the mission is approved and paid all the same."""
    world = stored.world
    handle = await world.start("CASE-1002")
    found = await world.proposed(handle)
    stranger = another(world, DataConverter.default).get_workflow_handle(handle.id)
    for value in (FORGED | await _in_the_store(stored)).values():
        await stranger.signal(SIGNAL, value)
    await world.decide(handle, "sam", found=found)
    assert (await handle.result()).verdict is Verdict.REFUNDED
    assert len(world.paid(found.proposal)) == 1


class Strict(StoringCodec):
    """The defence taken out: what a reference does not lead to raises, as in the SDK's external storage."""

    async def decode(self, payloads: Any) -> list[Payload]:
        """As the base, but an error where that seals."""
        for payload in payloads:
            if payload.metadata.get("encoding") == STORED and payload.data == b"0" * 64:
                raise LookupError("no such payload")
        return await super().decode(payloads)


def _strict(root: Path) -> DataConverter:
    return replace(converter(CODEC), payload_codec=Strict(LenientCodec(CODEC), made_store(root), LEAST))


def _of_the_sdk(root: Path) -> DataConverter:
    codec: PayloadCodec = StoringCodec(LenientCodec(CODEC), made_store(root), LEAST)
    return DataConverter(payload_converter_class=FinalPayloads, failure_converter_class=EncodedFailures, payload_codec=codec)


@pytest.mark.control("F6")
@pytest.mark.parametrize(("how", "forged"), [(_strict, "missing"), (_of_the_sdk, "the SDK's own")], ids=["ours", "the SDK's"])
async def test_a_codec_that_raises_is_stopped_by_one_signal(
    stored: Stored, how: Callable[[Path], DataConverter], forged: str
) -> None:
    """One signal fails the mission's workflow task again and again, and nobody's approval reaches it any more."""
    world, queue = stored.world, f"missions-{how.__name__}"
    client = another(world, how(stored.root))
    content: dict[str, Any] = {"workflows": [RefundMission], "activities": [observe], "max_cached_workflows": 0}
    async with Worker(client, task_queue=queue, **content):
        handle = await world.start("CASE-1006", queue=queue)
        await world.proposed(handle)
        await another(world, DataConverter.default).get_workflow_handle(handle.id).signal(SIGNAL, FORGED[forged])
        await until(lambda: _failing(handle))
        await handle.terminate()


async def _failing(handle: WorkflowHandle[Any, Any]) -> bool | None:
    """Whether the mission's workflow task was tried three times."""
    task = (await handle.describe()).raw_description.pending_workflow_task
    return True if task.attempt >= 3 else None


@pytest.mark.promise("H11")
async def test_store_that_is_away_delays_a_mission_and_ends_none(stored: Stored) -> None:
    """The directory is moved while the mission waits, and moved back: nothing was sealed, so it goes on and is paid once."""
    world = stored.world
    handle = await world.start("CASE-1007")
    found = await world.proposed(handle)
    token = sign(await world.statement(handle, found), world.signers["sam"])
    away = stored.root.with_name("away")
    stored.root.rename(away)
    try:
        # The approver's machine sends it inline: it would not fit into a store that is away.
        await another(world, converter(CODEC)).get_workflow_handle(handle.id).signal(SIGNAL, token)
        await until(lambda: _failing(handle))
        assert world.paid(found.proposal) == []
    finally:
        away.rename(stored.root)
    assert (await handle.result()).verdict is Verdict.REFUNDED
    assert len(world.paid(found.proposal)) == 1


class Forgiving(StoringCodec):
    """The defence taken out: a store that is away is taken for one that has nothing."""

    async def decode(self, payloads: Any) -> list[Payload]:
        """As the base, but sealed where that raises."""
        try:
            return await super().decode(payloads)
        except StoreSilent:
            return [seal(payload) for payload in payloads]


@pytest.mark.control("H11")
async def test_a_codec_that_seals_what_it_cannot_fetch_now_ends_a_mission_for_good(stored: Stored) -> None:
    """The same absence, and what was read before is read as sealed: it is no mission any more when the store is back."""
    world, queue = stored.world, "missions-forgiving"
    # It stores nothing itself: what is to be seen is what it makes of what others stored.
    codec = Forgiving(LenientCodec(CODEC), made_store(stored.root), MOST)
    client = another(world, replace(converter(CODEC), payload_codec=codec))
    content: dict[str, Any] = {"workflows": [RefundMission], "activities": [observe], "max_cached_workflows": 0}
    async with Worker(client, task_queue=queue, **content):
        handle = await world.start("CASE-1017", queue=queue)
        found = await world.proposed(handle)
        away = stored.root.rename(stored.root.with_name("away"))
        try:
            await another(world, converter(CODEC)).get_workflow_handle(handle.id).signal(SIGNAL, "anything")
            await until(lambda: _broken(handle))
        finally:
            away.rename(stored.root)
        if (await handle.describe()).close_time is None:
            await handle.terminate()
        assert world.paid(found.proposal) == []


async def _broken(handle: WorkflowHandle[Any, Any]) -> bool | None:
    """Whether the mission has ended, or its code reads another history than it wrote."""
    async for event in handle.fetch_history_events():
        if event.HasField("workflow_execution_failed_event_attributes"):
            return True
        failed = event.workflow_task_failed_event_attributes
        if failed.cause == WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_NON_DETERMINISTIC_ERROR:
            return True
    return None
