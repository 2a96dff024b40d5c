"""What is made of a model's answer, whatever it is. Source: activities/hearing.py, activities/toolbox.py."""

from __future__ import annotations

import json
import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as some

from activities.conversation import chat
from activities.dialogue import Message, Speaker, ToolCall
from activities.hearing import CUT, MAX_ALL_ARGUMENTS, MAX_CALLS, MAX_TEXT, calls, heard
from activities.prompted import RawCall
from activities.toolbox import Toolbox, function
from policies.action import MAX_ARGUMENTS
from policies.canonical import canonical
from policies.catalogue import Effect
from policies.contract import Contract
from policies.load import load_catalogue, shipped

CATALOGUE = load_catalogue(shipped())
OFFERED = ("orders.get_case", "payments.issue_refund")
TOOLBOX = Toolbox(CATALOGUE, OFFERED)
FIT = re.compile(r"[a-zA-Z0-9_-]{1,64}")


def one(arguments: str, name: str = "orders__get_case", identity: str = "a") -> ToolCall:
    """What one call becomes."""
    (call,) = calls([RawCall(identity, name, arguments)], TOOLBOX)
    return call


def test_tools_are_the_pinned_contracts_of_what_is_offered() -> None:
    """In their order, each once; nothing that nobody classified."""
    toolbox = Toolbox(CATALOGUE, (*OFFERED, "payments.wire", OFFERED[0]))
    told = [tool["function"] for tool in toolbox.tools()]
    contracts = [CATALOGUE.contracts[name] for name in OFFERED]
    assert told == [
        {"name": name, "description": contract.description, "parameters": contract.input_schema}
        for name, contract in zip(("orders__get_case", "payments__issue_refund"), contracts, strict=True)
    ]


@pytest.mark.parametrize(
    ("name", "operation", "effect"),
    [
        ("payments__issue_refund", "payments.issue_refund", Effect.COMMIT),
        ("payments.issue_refund", "payments.issue_refund", Effect.COMMIT),
        ("knowledge__search", "knowledge.search", Effect.READ),
        ("payments__wire", "payments__wire", None),
        ("shell", "shell", None),
        ("", "", None),
        ("x" * 500, "x" * 100, None),
    ],
)
def test_name_is_the_operation_it_means_or_stays_as_it_is(name: str, operation: str, effect: Effect | None) -> None:
    """Also of an operation that was not offered: the mission says that it is out of scope."""
    assert TOOLBOX.called(name) == (operation, effect)


def test_long_names_that_begin_alike_stay_apart() -> None:
    """A provider takes 64 characters, and refuses the whole request for one name with more."""
    long = [f"orders.{'get_' * 20}{last}" for last in ("case", "order")]
    contracts = {name: Contract(name=name, description="", input_schema={}) for name in long}
    toolbox = Toolbox(CATALOGUE.model_copy(update={"contracts": contracts}), long)
    names = [function(name) for name in long]
    assert len(set(names)) == 2
    assert all(FIT.fullmatch(name) for name in names)
    assert len(toolbox.tools()) == 2


@given(some.text(max_size=200))
def test_whatever_was_called_goes_back_under_a_name_that_a_provider_takes(name: str) -> None:
    """Else a model could end its mission by calling something strange."""
    assert FIT.fullmatch(function(name))


@given(some.lists(some.text(max_size=80), max_size=40))
def test_ids_are_unique_and_fit(given_ids: list[str]) -> None:
    """One that is neither is replaced; one that is both stays."""
    found = [call.id for call in calls([RawCall(each, "x", "{}") for each in given_ids], TOOLBOX)]
    assert len(set(found)) == len(found) == len(given_ids)
    assert all(FIT.fullmatch(each) for each in found)
    first = {each: index for index, each in reversed(list(enumerate(given_ids))) if FIT.fullmatch(each)}
    assert all(found[index] == each for each, index in first.items() if not each.startswith("call_"))


TROUBLE = {
    "no json": ("please", "no single reading"),
    "a list": ("[1]", "no JSON object"),
    "a number": ("1", "no JSON object"),
    "nothing": ("null", "no JSON object"),
    "NaN": ('{"a": NaN}', "NaN"),
    "infinity": ('{"a": -Infinity}', "Infinity"),
    "too large": ('{"a": 1e999}', "no single reading"),
    "a long integer": ('{"a": 9007199254740993}', "no single reading"),
    "twice": ('{"a": 1, "a": 2}', "given twice"),
    "surrogate": ('{"a": "\\ud800"}', "surrogate"),
    "two forms": ('{"a": "e\\u0301"}', "NFC"),
    "deep": ('{"a":' * 40 + "1" + "}" * 40, "deeper"),
    "very deep": ('{"a":' * 100_000, "larger"),
    "giant": (json.dumps({"a": "x" * MAX_ARGUMENTS}), "larger"),
    "endless digits": ('{"a": ' + "9" * 5000 + "}", "no single reading"),
}


@pytest.mark.parametrize("name", TROUBLE)
def test_arguments_without_one_reading_are_a_call_with_its_trouble(name: str) -> None:
    """Never an error, and never a guess."""
    text, words = TROUBLE[name]
    call = one(text)
    assert words in call.trouble
    assert call.arguments == {}
    canonical(call.model_dump(mode="json"))


@pytest.mark.parametrize(("text", "arguments"), [("", {}), (" ", {}), ("{}", {}), ('{"a": 1.0}', {"a": 1})])
def test_arguments_have_the_form_that_is_digested(text: str, arguments: dict[str, object]) -> None:
    """A tool without parameters is called with nothing by some."""
    call = one(text)
    assert (call.arguments, call.trouble) == (arguments, "")


def test_no_more_calls_and_arguments_are_taken_than_a_history_bears() -> None:
    """The rest of a flood is counted by who asked, and not kept."""
    raw = [RawCall("a", "orders__get_case", json.dumps({"a": "x" * 8000}))] * 1000
    found = calls(raw, TOOLBOX)
    size = sum(len(canonical(dict(call.arguments))) for call in found)
    assert len(found) == MAX_CALLS
    assert size <= MAX_ALL_ARGUMENTS + 2 * MAX_CALLS
    assert "together" in found[-1].trouble


@given(some.text())
def test_text_is_kept_in_a_form_that_can_be_digested(text: str) -> None:
    """What was in one form stays as it is."""
    found = heard(text)
    canonical(found)
    assert found == text or not unicodedata.is_normalized("NFC", text) or not text.isprintable()


@pytest.mark.parametrize("text", ["x" * 10_000_000, "\x00" * 100_000, "é" * 100_000, "\ud800" * 100_000])
def test_giant_text_is_cut(text: str) -> None:
    """And says so."""
    found = heard(text)
    assert len(json.dumps(found, ensure_ascii=False).encode()) <= MAX_TEXT + 2
    assert found.endswith(CUT)


def test_conversation_is_what_the_api_takes() -> None:
    """Text and calls of a model, and the answers by their ids."""
    call = ToolCall(id="a", operation="orders.get_case", arguments={"case_id": "é"}, effect=Effect.READ)
    strange = ToolCall(id="b", operation="rm -rf /", arguments={}, trouble="no")
    messages = (
        Message(speaker=Speaker.USER, text="goal"),
        Message(speaker=Speaker.MODEL, text="", calls=(call, strange)),
        Message(speaker=Speaker.TOOL, text="{}", answers="a"),
        Message(speaker=Speaker.MODEL, text="done"),
    )
    system, user, asked, tool, last = chat("prompt", messages)
    names = [each["function"]["name"] for each in asked["tool_calls"]]  # type: ignore[index,call-overload,union-attr]
    assert system == {"role": "system", "content": "prompt"}
    assert user == {"role": "user", "content": "goal"}
    assert (asked["content"], names) == (None, ["orders__get_case", "rm_-rf__"])
    assert tool == {"role": "tool", "tool_call_id": "a", "content": "{}"}
    assert last == {"role": "assistant", "content": "done"}
