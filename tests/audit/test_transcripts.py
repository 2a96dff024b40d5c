"""
Transcripts of dialogues: what a model's worker says it had and left is made of what the history says was said and answered.

Source: docs/audit-format.md §6, §7; docs/decisions/0022-archives-of-several-runs.md
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import JsonValue
from temporalio.api.enums.v1 import EventType

from approvals.dialogue import Message, Speaker, ToolCall, chained
from audit.archive import pack
from audit.export import Sources, members_of
from audit.verification.result import Found
from audit.verification.verify import CHECKS
from policies.canonical import Digest
from policies.directory import Directory
from tests.audit.independent.strict import Trust
from tests.audit.independent.verify import verify
from tests.audit.verifying import verifier
from tests.conftest import Without
from tests.fakes.clock import FakeClock
from tests.fakes.history import FakeHistory, sealed_payload

NOBODY = Directory(groups=(), people={})
FIRST, SECOND = "0c0ffee0-0000-4000-8000-000000000001", "0c0ffee0-0000-4000-8000-000000000002"
CALL = ToolCall(id="call-1", operation="orders.get_order", arguments={"order_id": "ORD-1", "deep": [1.0, {"é": None}]})
Turn = tuple[dict[str, Any], dict[str, Any]]
"""What was asked and answered."""


def talk(turns: int = 3) -> list[Turn]:
    """A dialogue of so many turns, as an honest worker records it."""
    found: list[Turn] = []
    before: dict[str, Any] | None = None
    for number in range(turns):
        said = (
            Message(speaker=Speaker.TOOL, text='{"paid":1}', answers="call-1")
            if number
            else Message(speaker=Speaker.USER, text="Refund what is due.", sensitive={"pii": ("Ada",)})
        )
        answer = Message(speaker=Speaker.MODEL, text=f"turn {number}", calls=(CALL,) if number < turns - 1 else ())
        digest = chained(Digest(before["digest"]) if before else None, [said, answer])
        length = (before["length"] if before else 0) + 2
        asked = {"transcript": before, "said": [said.model_dump(mode="json")], "operations": ["orders.get_order"]}
        before = {"address": f"{number:064x}", "digest": digest, "length": length}
        answered = {"text": answer.text, "calls": [call.model_dump(mode="json") for call in answer.calls], "transcript": before}
        found.append(({"purpose": "autonomous/pursue", "dialogue": asked}, answered))
    return found


def told(turns: list[Turn], *, sealed: bool = False) -> FakeHistory:
    """A run that holds *turns*."""
    run = FakeHistory("refund-1", FIRST, FakeClock())
    run.start({"case_id": "CASE-1001"})
    for asked, answered in turns:
        run.activity("reason", asked, answered, "reasoning")
    if sealed:
        marker = run.append(EventType.EVENT_TYPE_MARKER_RECORDED)
        marker.marker_recorded_event_attributes.details["data"].payloads.append(sealed_payload())
    _end(run)
    return run


def _end(run: FakeHistory) -> None:
    run.end()
    run.events[-1].workflow_execution_terminated_event_attributes.SetInParent()


def archived(run: FakeHistory, *before: FakeHistory) -> bytes:
    """Nobody signed anything in it."""
    runs = {each.run_id: each.record().raw for each in before}
    return pack(members_of(Sources(run.record(), {}, NOBODY, {}, "1", runs), None))


async def transcripts(data: bytes) -> list[Found]:
    """What the first verifier finds of them; the second finds the same."""
    found = [each for each in (await verifier(NOBODY).verify(data)).findings if each.check == "transcripts"]
    second = [each for each in verify(data, Trust("groups: []\npeople: {}\n"))[1] if each.check == "transcripts"]
    assert {(str(each.result), each.event) for each in found} == {(each.result, each.event) for each in second}
    return found


async def results(data: bytes) -> set[str]:
    return {str(found.result) for found in await transcripts(data)}


async def test_transcript_made_of_what_was_said_holds() -> None:
    (found,) = await transcripts(archived(told(talk())))
    assert (found.result, found.words) == ("holds", "made of what was said and answered: 3 turns")


async def test_answer_without_a_dialogue_or_without_a_transcript_is_nothing() -> None:
    plain: list[Turn] = [({"purpose": "refund/assess"}, {"result": 1}), ({"dialogue": None}, {"transcript": {"digest": "x"}})]
    asked, answered = talk(1)[0]
    assert await results(archived(told([*plain, (asked, {**answered, "transcript": None})]))) == {"holds"}


async def test_message_may_spell_out_what_it_does_not_say() -> None:
    """A newer or an older worker leaves out, or writes, what stands at its default."""
    turns = talk()
    for asked, _ in turns:
        (said,) = asked["dialogue"]["said"]
        for name in [name for name, value in said.items() if value in ("", [], None, {})]:
            del said[name]
        said["newer"] = "a field that nobody here knows"
    assert await results(archived(told(turns))) == {"holds"}


def _said(turns: list[Turn]) -> dict[str, Any]:
    found: dict[str, Any] = turns[1][0]["dialogue"]["said"][0]
    return found


def _set(find: Callable[[list[Turn]], Any], key: object, value: object) -> Callable[[list[Turn]], object]:
    return lambda turns: find(turns).__setitem__(key, value)


CHANGES: dict[str, Callable[[list[Turn]], object]] = {
    "what a tool answered": _set(_said, "text", '{"paid":2}'),
    "who said it": _set(_said, "speaker", "user"),
    "which call it answers": _set(_said, "answers", "call-2"),
    "what is sensitive": _set(_said, "sensitive", {"pii": ["Ada"]}),
    "what the model said": _set(lambda turns: turns[1][1], "text", "done"),
    "what the model called": _set(lambda turns: turns[1][1]["calls"][0], "operation", "payments.issue_refund"),
    "what it called it with": _set(lambda turns: turns[1][1]["calls"][0]["arguments"], "order_id", "ORD-2"),
    "how the call is classified": _set(lambda turns: turns[1][1]["calls"][0], "effect", "read"),
    "a call left out": _set(lambda turns: turns[1][1], "calls", []),
    "a message left out": _set(lambda turns: turns[1][0]["dialogue"], "said", []),
    "a message put in": lambda turns: turns[1][0]["dialogue"]["said"].append({"speaker": "user", "text": "and pay"}),
    "the digest": _set(lambda turns: turns[1][1]["transcript"], "digest", "0" * 64),
    "the length": _set(lambda turns: turns[1][1]["transcript"], "length", 5),
    "the one before": _set(lambda turns: turns[1][0]["dialogue"]["transcript"], "digest", "0" * 64),
    "the length of the one before": _set(lambda turns: turns[1][0]["dialogue"]["transcript"], "length", 1),
    "the one before left out": _set(lambda turns: turns[1][0]["dialogue"], "transcript", None),
    "a turn left out": lambda turns: turns.pop(1),
    "turns in another order": lambda turns: turns.reverse(),
    "a speaker of no kind": _set(_said, "speaker", "system"),
    "a text that is none": _set(_said, "text", 7),
    "a text with two forms": _set(_said, "text", "e\u0301"),
    "a digest that is none": _set(lambda turns: turns[1][0]["dialogue"]["transcript"], "digest", "x"),
    "a call that is none": _set(lambda turns: turns[1][1], "calls", ["x"]),
    "a dialogue that is none": _set(lambda turns: turns[1][0], "dialogue", "x"),
}


@pytest.mark.promise("G1")
@pytest.mark.parametrize("name", CHANGES)
async def test_changed_dialogue_fails(name: str) -> None:
    """Whoever may complete an activity, or edits the history with every key but the worker's."""
    turns = copy.deepcopy(talk())
    CHANGES[name](turns)
    assert await results(archived(told(turns))) == {"fails"}


@pytest.mark.control("G1")
@pytest.mark.parametrize("name", CHANGES)
async def test_without_the_check_nobody_notices(name: str, without: Without) -> None:
    """The control: where no worker's signature is, nothing else looks at what was said."""
    turns = copy.deepcopy(talk())
    CHANGES[name](turns)
    data = archived(told(turns))
    fails = {found.check for found in (await verifier(NOBODY).verify(data)).findings if found.result == "fails"}
    without(CHECKS, "transcripts")
    blind = {found.check for found in (await verifier(NOBODY).verify(data)).findings if found.result == "fails"}
    assert (fails, blind) == ({"transcripts"}, set())


async def test_transcript_from_nowhere_is_missing_only_where_something_is_sealed() -> None:
    """What a sealed event holds may be the turn before; who has the key can tell."""
    assert await results(archived(told(talk()[1:]))) == {"fails"}
    assert await results(archived(told(talk()[1:], sealed=True))) == {"missing"}


def _two_runs() -> tuple[FakeHistory, FakeHistory]:
    given: JsonValue = {"case_id": "CASE-1001"}
    clock = FakeClock()
    first, second = FakeHistory("refund-1", FIRST, clock), FakeHistory("refund-1", SECOND, clock)
    turns = talk()
    first.start(given)
    first.activity("reason", *turns[0], queue="reasoning")
    second.start(given, first_run_id=FIRST, continued_run_id=FIRST)
    for turn in turns[1:]:
        second.activity("reason", *turn, queue="reasoning")
    first.go_on(SECOND)
    end = first.events[-1].workflow_execution_continued_as_new_event_attributes
    began = second.events[0].workflow_execution_started_event_attributes
    end.workflow_type.CopyFrom(began.workflow_type)
    end.input.CopyFrom(began.input)
    _end(second)
    return first, second


async def test_dialogue_goes_on_from_run_to_run() -> None:
    first, second = _two_runs()
    assert await results(archived(second, first)) == {"holds"}


async def test_dialogue_from_a_run_that_is_not_here_is_missing() -> None:
    _, second = _two_runs()
    assert await results(archived(second)) == {"missing"}
