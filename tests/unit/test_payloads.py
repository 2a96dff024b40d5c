"""Opening events: everything that was encrypted, failures' own words too; what cannot be opened says so."""

from __future__ import annotations

from typing import Any

import pytest
from temporalio.api.common.v1 import Payload, Payloads
from temporalio.api.enums.v1 import EventType
from temporalio.api.failure.v1 import Failure
from temporalio.api.history.v1 import HistoryEvent
from temporalio.converter import PayloadCodec
from temporalio.exceptions import ApplicationError

from audit.observation import Mark, ObservationKind
from audit.payloads import SEALED, SEALED_WORDS, open_events, sealed
from audit.rail import rail
from audit.record import MissionRecord
from tests.cli.histories import DIRECTORY, MISSION, History, payload
from tests.fakes.rings import CODEC, OTHER, RING
from workers.connection import LenientCodec, converter
from workers.encryption import RingCodec

MESSAGE = "the order system refuses IBAN DE02120300000000202051"
CODECS: dict[str, PayloadCodec | None] = {
    "bare": CODEC,
    "lenient": LenientCodec(CODEC),
}


async def failure(codec: PayloadCodec = CODEC) -> Failure:
    """What a worker with *codec* records of an error with a cause."""
    made = Failure()
    try:
        try:
            raise ValueError(MESSAGE)
        except ValueError as cause:
            raise ApplicationError("outer: " + MESSAGE, {"iban": MESSAGE}, type="Odd") from cause
    except ApplicationError as error:
        await converter(codec).encode_failure(error, made)
    return made


def failed(recorded: Failure) -> HistoryEvent:
    """A run that failed so."""
    event = HistoryEvent(event_id=2, event_type=EventType.EVENT_TYPE_WORKFLOW_EXECUTION_FAILED)
    event.workflow_execution_failed_event_attributes.failure.CopyFrom(recorded)
    return event


async def read(event: HistoryEvent, codec: PayloadCodec | None) -> Failure:
    """The failure in *event*, opened."""
    (opened,) = await open_events([event], codec)
    return opened.workflow_execution_failed_event_attributes.failure


async def test_failure_reaches_the_server_without_a_word_in_clear() -> None:
    """Message, stack trace, details, and those of its cause."""
    recorded = (await failure()).SerializeToString()
    assert b"DE0212" not in recorded and b"outer" not in recorded and b"test_payloads" not in recorded


@pytest.mark.parametrize("codec", CODECS.values(), ids=CODECS)
async def test_opened_failure_has_its_words_again(codec: PayloadCodec) -> None:
    found = await read(failed(await failure()), codec)
    assert (found.message, found.cause.message) == ("outer: " + MESSAGE, MESSAGE)
    assert "test_payloads" in found.stack_trace and "test_payloads" in found.cause.stack_trace


@pytest.mark.parametrize("codec", [None, RingCodec(OTHER), LenientCodec(RingCodec(OTHER))], ids=["none", "other", "lenient"])
async def test_failure_that_cannot_be_opened_says_so(codec: PayloadCodec | None) -> None:
    found = await read(failed(await failure()), codec)
    assert (found.message, found.cause.message, found.stack_trace) == (SEALED_WORDS, SEALED_WORDS, "")


@pytest.mark.parametrize("kept", [b'{"message": 5}', b"[]", b"{", b'{"message": "\\ud800"}', b"[" * 100_000])
async def test_hostile_words_of_a_failure_raise_nothing(kept: bytes) -> None:
    """Anyone may complete an activity."""
    recorded = Failure(message="Encoded failure", encoded_attributes=Payload(metadata={"encoding": b"json/plain"}, data=kept))
    assert (await read(failed(recorded), CODEC)).message in ("", "?", SEALED_WORDS)


async def test_failure_that_is_passed_on_is_encoded_throughout() -> None:
    """What came in clear from an older worker does not go on in clear."""
    how, passed = converter(CODEC), Failure()
    came = Failure(message="outer", cause=Failure(message=MESSAGE, stack_trace="line"))
    came.application_failure_info.type = "Odd"
    came.cause.application_failure_info.type = "Odd"
    await how.encode_failure(await how.decode_failure(came), passed)
    assert MESSAGE.encode() not in passed.SerializeToString()
    assert (await read(failed(passed), CODEC)).cause.message == MESSAGE


async def test_failure_with_unreadable_details_keeps_its_words() -> None:
    """As in clear: whatever stands in the details."""
    recorded = await failure()
    junk = Payloads(payloads=[Payload(metadata={"encoding": b"json/plain"}, data=b"{")])
    recorded.application_failure_info.details.CopyFrom(junk)
    error = await converter(CODEC).decode_failure(recorded)
    assert MESSAGE in str(error)


async def marker(codec: PayloadCodec | None) -> History:
    """A mission that observed something, as the SDK records it: the header in clear, the result through the codec."""
    history = History().started()
    result = payload({"name": "in time", "passed": True})
    details = {
        "data": Payloads(payloads=[payload({"activity_type": "observe"})]),
        "result": Payloads(payloads=[result if codec is None else (await codec.encode([result]))[0]]),
    }
    history.add("MARKER_RECORDED", marker_name="core_local_activity")
    for name, value in details.items():
        history.events[-1].marker_recorded_event_attributes.details[name].CopyFrom(value)
    return history


class Backwards(PayloadCodec):
    """Another codec, which raises on what it did not write."""

    async def encode(self, payloads: Any) -> list[Payload]:
        """Reversed."""
        return [Payload(metadata={"encoding": b"test/reversed"}, data=each.SerializeToString()[::-1]) for each in payloads]

    async def decode(self, payloads: Any) -> list[Payload]:
        """Straight."""
        if any(each.metadata["encoding"] != b"test/reversed" for each in payloads):
            raise ValueError("not written by this codec")
        return [Payload.FromString(each.data[::-1]) for each in payloads]


@pytest.mark.parametrize("codec", [None, CODEC, Backwards()], ids=["none", "ring", "another"])
async def test_observed_check_is_told_with_any_codec(codec: PayloadCodec | None) -> None:
    """The SDK leaves a marker's header in clear, and no codec may take it for something sealed."""
    history = await marker(codec)
    lenient = LenientCodec(codec) if codec else None
    record = MissionRecord.of("default", MISSION.mission_id, "run", history.events, await open_events(history.events, lenient))
    told = rail(record, DIRECTORY)[-1]
    assert (told.kind, told.what) == (ObservationKind.OBSERVED, "in time: holds")


async def test_rail_without_the_key_tells_what_is_sealed_and_hides_no_event() -> None:
    history = await marker(CODEC)
    opened = await open_events(history.events, None)
    told = rail(MissionRecord.of("default", MISSION.mission_id, "run", history.events, opened), DIRECTORY)
    assert (told[-1].event_id, told[-1].marks) == (history.events[-1].event_id, (Mark.SEALED,))


async def test_encrypted_payload_is_sealed_where_there_is_no_codec() -> None:
    """A gate without the key must not take what a run did for nothing."""
    history = History().started()
    history.done("settle", {}, {})
    result = history.events[-1].activity_task_completed_event_attributes.result.payloads[0]
    result.CopyFrom(RING.encrypted(result))
    opened = (await open_events(history.events, None))[-1]
    assert opened.activity_task_completed_event_attributes.result.payloads[0].metadata["encoding"] == SEALED
    assert sealed(opened) and not sealed(history.events[0])
