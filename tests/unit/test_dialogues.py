"""The turns of a dialogue in the reason worker, and its transcript. Source: activities/dialogues.py, record 0020."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from temporalio.api.common.v1 import Payload
from temporalio.converter import PayloadCodec
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.dialogue import Dialogue, Message, Speaker, TranscriptRef, chained
from activities.prompted import RawCall
from activities.question import Reasoned, ReasonRequest
from activities.reason import ReasonActivities
from activities.transcripts import MAX_TRANSCRIPT, Transcripts
from policies.canonical import Digest
from policies.load import load_catalogue, shipped
from tests.fakes.models import SayingModel
from tests.fakes.rings import CODEC, OTHER
from tests.fakes.stores import Memory
from workers.encryption import RingCodec

CATALOGUE = load_catalogue(shipped())
GOAL = Message(speaker=Speaker.USER, text="settle the case")
CALL = RawCall("a", "orders__get_case", '{"case_id": "CASE-1001"}')
TOLD = Message(speaker=Speaker.TOOL, text='{"kind": "read"}', answers="a", sensitive={"pii": ("Ann",)})


class Worker:
    """A reason worker with a store of its own, asked by one mission."""

    def __init__(self, model: SayingModel, store: Memory, codec: PayloadCodec | None = CODEC, mission: str = "m") -> None:
        self.activities = ReasonActivities(model, tools=CATALOGUE, transcripts=Transcripts(store, codec))
        self.environment = ActivityEnvironment()
        self.environment.info = replace(self.environment.info, workflow_id=mission, workflow_run_id="run-1")

    async def turn(self, transcript: TranscriptRef | None, *said: Message) -> Reasoned:
        """The next turn."""
        dialogue = Dialogue(transcript=transcript, said=said, operations=("orders.get_case",), first_run="run-0")
        request = ReasonRequest(purpose="autonomous/pursue", inputs={}, result_schema={}, dialogue=dialogue)
        answer: Reasoned = await self.environment.run(self.activities.reason, request)
        return answer


@pytest.fixture
def store() -> Memory:
    """An empty store."""
    return Memory()


@pytest.fixture
def model() -> SayingModel:
    """It asks, and then it is done."""
    return SayingModel([("I look.", [CALL]), ("Done.", [])])


async def test_second_turn_goes_on_from_the_first(store: Memory, model: SayingModel) -> None:
    """Only what is new crosses Temporal; the model gets all of it."""
    worker = Worker(model, store)
    first = await worker.turn(None, GOAL)
    second = await worker.turn(first.transcript, TOLD)
    roles = [message["role"] for message in model.asked[1].messages]
    assert roles == ["system", "user", "assistant", "tool"]
    assert (first.text, [call.operation for call in first.calls]) == ("I look.", ["orders.get_case"])
    assert (second.text, second.calls, second.usage.input_tokens) == ("Done.", (), 7)
    assert (model.asked[1].sensitive, model.asked[1].mission) == ({"pii": ("Ann",)}, "run-0")


async def test_digest_is_recomputed_from_what_was_said_and_answered(store: Memory, model: SayingModel) -> None:
    """By whoever has the history, without the transcript."""
    worker = Worker(model, store)
    first = await worker.turn(None, GOAL)
    second = await worker.turn(first.transcript, TOLD)
    assert first.transcript is not None and second.transcript is not None
    answers = [Message(speaker=Speaker.MODEL, text=each.text, calls=each.calls) for each in (first, second)]
    after = chained(None, (GOAL, answers[0]))
    assert (first.transcript.digest, first.transcript.length) == (after, 2)
    assert (second.transcript.digest, second.transcript.length) == (chained(after, (TOLD, answers[1])), 4)


async def test_transcript_is_kept_encrypted(store: Memory, model: SayingModel) -> None:
    """As any payload of the namespace, whose mission it is included."""
    await Worker(model, store).turn(None, GOAL)
    assert all(b"settle" not in content and b"json" not in content for content in store.contents.values())


async def test_transcript_is_in_clear_without_the_codec(store: Memory, model: SayingModel) -> None:
    """Where encryption was switched off."""
    await Worker(model, store, None).turn(None, GOAL)
    assert all(b"settle the case" in content for content in store.contents.values())


def _plain(content: bytes) -> bytes:
    """Another's payload under the address."""
    return Payload(metadata={"encoding": b"json/plain"}, data=b"[]").SerializeToString() + content[:0]


TAMPERED: dict[str, Callable[[bytes], bytes]] = {
    "changed": lambda content: content[:-1] + bytes([content[-1] ^ 1]),
    "cut": lambda content: content[:10],
    "empty": lambda content: b"",
    "another": _plain,
}


@pytest.mark.parametrize("name", TAMPERED)
async def test_tampered_transcript_ends_the_dialogue(store: Memory, model: SayingModel, name: str) -> None:
    """A store is not trusted with what it was given."""
    worker = Worker(model, store)
    first = await worker.turn(None, GOAL)
    store.contents = {address: TAMPERED[name](content) for address, content in store.contents.items()}
    await _gone(worker, first.transcript)


async def test_lost_transcript_ends_the_dialogue(store: Memory, model: SayingModel) -> None:
    """With a final error: asking again does not bring it back."""
    worker = Worker(model, store)
    first = await worker.turn(None, GOAL)
    store.contents.clear()
    await _gone(worker, first.transcript)


@pytest.mark.parametrize("changes", [{"digest": Digest("0" * 64)}, {"length": 1}, {"address": Digest("0" * 64)}])
async def test_reference_to_something_else_ends_the_dialogue(
    store: Memory, model: SayingModel, changes: dict[str, Any]
) -> None:
    """Anybody may schedule the activity with any reference."""
    worker = Worker(model, store)
    first = await worker.turn(None, GOAL)
    assert first.transcript is not None
    await _gone(worker, first.transcript.model_copy(update=changes))


async def test_transcript_of_another_mission_is_not_told(store: Memory, model: SayingModel) -> None:
    """Whoever learns its reference would have a model read it to him."""
    first = await Worker(model, store).turn(None, GOAL)
    await _gone(Worker(model, store, mission="other"), first.transcript)
    assert len(model.asked) == 1


async def test_transcript_that_this_worker_wrote_is_needed_and_not_just_any(store: Memory, model: SayingModel) -> None:
    """The control of those above: with everything as it was, the dialogue goes on."""
    worker = Worker(model, store)
    first = await worker.turn(None, GOAL)
    assert (await worker.turn(first.transcript, TOLD)).text == "Done."


async def test_transcript_that_no_key_opens_ends_the_dialogue(store: Memory, model: SayingModel) -> None:
    """Its key left the ring."""
    first = await Worker(model, store).turn(None, GOAL)
    await _gone(Worker(model, store, RingCodec(OTHER)), first.transcript)


async def test_store_that_does_not_answer_is_waited_for(store: Memory, model: SayingModel) -> None:
    """That is trouble which passes."""
    store.silent = True
    with pytest.raises(ApplicationError) as error:
        await Worker(model, store).turn(None, GOAL)
    assert (error.value.type, error.value.non_retryable) == ("StoreSilent", False)


@pytest.mark.parametrize("variable", ["SAYSO_PAYLOAD_STORE", "SAYSO_POLICIES"])
async def test_worker_without_store_or_bundle_says_what_to_set(store: Memory, model: SayingModel, variable: str) -> None:
    """Final, and by the variable's name."""
    worker = Worker(model, store)
    tools, transcripts = (CATALOGUE, None) if variable == "SAYSO_PAYLOAD_STORE" else (None, Transcripts(store))
    worker.activities = ReasonActivities(model, tools=tools, transcripts=transcripts)
    with pytest.raises(ApplicationError, match=variable) as error:
        await worker.turn(None, GOAL)
    assert error.value.non_retryable


async def test_answer_with_nothing_in_it_is_asked_for_again(store: Memory) -> None:
    """It would be nobody's last word."""
    with pytest.raises(ApplicationError) as error:
        await Worker(SayingModel([(" ", [])]), store).turn(None, GOAL)
    assert (error.value.type, error.value.non_retryable) == ("Misshapen", False)


async def test_flood_of_calls_is_counted_and_signed(store: Memory) -> None:
    """What was not read is said by number."""
    answer = await Worker(SayingModel([("x" * 1_000_000, [CALL] * 1000)]), store).turn(None, GOAL)
    assert (len(answer.calls), answer.unread) == (64, 936)


async def test_transcript_that_grew_too_long_ends_the_dialogue(store: Memory, model: SayingModel) -> None:
    """Nobody's memory is filled with it."""
    worker = Worker(model, store, None)
    long = [Message(speaker=Speaker.TOOL, text="x" * 200_000, answers="a")] * (MAX_TRANSCRIPT // 200_000 + 1)
    with pytest.raises(ApplicationError) as error:
        await worker.turn(None, *long)
    assert (error.value.type, error.value.non_retryable) == ("TranscriptTooLong", True)


async def _gone(worker: Worker, reference: TranscriptRef | None) -> None:
    with pytest.raises(ApplicationError) as error:
        await worker.turn(reference, TOLD)
    assert (error.value.type, error.value.non_retryable) == ("TranscriptGone", True)
    assert hashlib.sha256(b"").hexdigest() not in str(error.value)
