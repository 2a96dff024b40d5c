"""What the real server holds of a mission when payloads are encrypted, and what the rail makes of it."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import uuid4

import pytest
from google.protobuf.message import Message
from temporalio.api.common.v1 import Payload
from temporalio.api.failure.v1 import Failure
from temporalio.client import WorkflowFailureError
from temporalio.common import RawValue

from activities.histories import fetch
from approvals.decision import SIGNAL
from approvals.start import MEMO
from audit.observation import Observation, ObservationKind
from audit.payloads import ENCRYPTED, SEALED
from audit.rail import rail
from tests.e2e.hostile import hijacked
from tests.e2e.insider import send_raw
from tests.fakes.rings import OTHER, RING
from tests.world import World
from workflows.refund import Verdict

ALLOWED = {"marker_recorded_event_attributes.details.data.payloads"}
"""The SDK's own header of a local activity: its name, number and times."""


def places(message: Message, path: str = "") -> Iterator[tuple[str, Message]]:
    """Every payload and failure below *message* with where it stands."""
    for field, value in message.ListFields():
        if field.message_type is None or field.name == "search_attributes":
            continue
        here = f"{path}.{field.name}".lstrip(".")
        if field.message_type.GetOptions().map_entry:
            found = [(f"{here}.{key}", value[key]) for key in value if isinstance(value[key], Message)]
        else:
            found = [(here, each) for each in (value if field.is_repeated else [value])]
        for place, child in found:
            if isinstance(child, Payload | Failure):
                yield place, child
            if not isinstance(child, Payload):
                yield from places(child, place)


async def stored(world: World, workflow_id: str) -> list[tuple[str, Message]]:
    """Payloads and failures of a run as the server has them."""
    return [found for event in await fetch(world.client, workflow_id) for found in places(event)]


async def told(world: World, workflow_id: str) -> tuple[Observation, ...]:
    """Its rail."""
    description = await world.client.get_workflow_handle(workflow_id).describe()
    record = await world.ports.histories.read(workflow_id, description.run_id)
    return rail(record, world.bundle.directory)


async def test_every_payload_of_an_approved_mission_is_encrypted(world: World) -> None:
    """Input, memo, results, signals, summaries, markers, verdict; the use as well."""
    handle = await world.start("CASE-1001")
    found = await world.proposed(handle)
    await world.decide(handle, "sam", found=found)
    assert (await handle.result()).verdict is Verdict.REFUNDED
    seen: dict[str, set[bytes]] = {}
    for workflow_id in (handle.id, f"use/{found.digest}"):
        for place, payload in await stored(world, workflow_id):
            assert isinstance(payload, Payload), place
            seen.setdefault(place, set()).add(payload.metadata["encoding"])
    assert {place for place, encodings in seen.items() if encodings != {ENCRYPTED}} == ALLOWED
    assert {
        "workflow_execution_started_event_attributes.input.payloads",
        f"workflow_execution_started_event_attributes.memo.fields.{MEMO}",
        "activity_task_scheduled_event_attributes.input.payloads",
        "activity_task_completed_event_attributes.result.payloads",
        "workflow_execution_signaled_event_attributes.input.payloads",
        "marker_recorded_event_attributes.details.result.payloads",
        "workflow_execution_completed_event_attributes.result.payloads",
        "user_metadata.summary",
    } <= seen.keys()


async def test_rail_of_an_encrypted_mission_tells_what_was_observed(world: World) -> None:
    """Local activities' markers, whose header the SDK writes in clear."""
    handle = await world.start("CASE-1003")
    await handle.result()
    observed = [entry.what for entry in await told(world, handle.id) if entry.kind is ObservationKind.OBSERVED]
    assert len(observed) == 4 and "delivered within 30 days: does not hold (45 days ago)" in observed


async def test_failure_is_stored_without_a_word_and_told_on_the_rail(world: World) -> None:
    """Of an activity and of the mission: messages, stack traces and those of their causes."""
    handle = await world.start("CASE-1001", owner=None, given={"case_id": "x" * 101})
    with pytest.raises(WorkflowFailureError):
        await handle.result()
    failures = [found for _, found in await stored(world, handle.id) if isinstance(found, Failure)]
    assert failures and {(failure.message, failure.stack_trace) for failure in failures} == {("Encoded failure", "")}
    assert "did not answer with a RefundCase" in (await told(world, handle.id))[-1].what


async def test_failing_activity_is_told_by_its_own_words(attacker: World) -> None:
    """A read that is not permitted."""
    mission = await hijacked(attacker)
    await mission.call("read", {"operation": "payments.issue_refund", "arguments": {}}, "reads")
    trouble = [entry.what for entry in await told(attacker, mission.handle.id) if entry.kind is ObservationKind.TROUBLE]
    await mission.handle.terminate()
    assert len(trouble) == 1 and "payments.issue_refund" in trouble[0], trouble


SEALED_SIGNALS = {
    "another key": OTHER.encrypted(Payload(data=b"x")),
    "twice": RING.encrypted(RING.encrypted(Payload(data=b"x"))),
    "short": Payload(metadata={"encoding": ENCRYPTED, "encryption-key-id": b"test-1"}, data=b"x"),
    "marked": Payload(metadata={"encoding": SEALED}, data=b"x"),
}


@pytest.mark.promise("F4")
@pytest.mark.parametrize("payload", SEALED_SIGNALS.values(), ids=SEALED_SIGNALS)
async def test_signal_that_nobody_can_open_stops_nothing(world: World, payload: Payload) -> None:
    """A sealed payload, a refused decision, and the mission goes on to be approved and paid."""
    handle = await world.start("CASE-1001")
    found = await world.proposed(handle)
    await send_raw(world, handle, payload, name=SIGNAL)
    await world.decide(handle, "sam", found=found)
    assert (await handle.result()).verdict is Verdict.REFUNDED
    refused = [entry for entry in await told(world, handle.id) if entry.kind is ObservationKind.REFUSED]
    assert len(refused) == 1 and "could not be opened" in refused[0].what


async def test_mission_started_with_what_nobody_can_open_ends_with_a_sentence(world: World) -> None:
    """By whoever can write to the namespace; it must not fail its workflow task for ever."""
    junk = RawValue(OTHER.encrypted(Payload(metadata={"encoding": b"json/plain"}, data=b"{}")))
    handle = await world.client.start_workflow("refund", junk, id=f"sealed-{uuid4()}", task_queue="missions")
    with pytest.raises(WorkflowFailureError) as failed:
        await handle.result()
    assert "nothing that can be read" in str(failed.value.cause)
