"""What a model is told of its calls, and what a pursuit counts. Source: workflows/telling.py, workflows/pursuit.py."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import JsonValue

from activities.conversation import chat, sensitive
from activities.departing import depart
from activities.dialogue import Message, ToolCall, TranscriptRef, chained
from activities.prompted import Prompted
from activities.question import Usage
from activities.read import ReadResult
from policies.canonical import Digest, canonical
from policies.classes import classed
from policies.routes import ModelChoice
from workers.cli.pursuit_lines import pursuit_lines
from workflows.outcome import Outcome, OutcomeKind
from workflows.pursuit import MAX_COMMITS, MAX_COUNT, MAX_REFUSED, MAX_STEPS, Bound, Budget, Spent, Underway
from workflows.remembered import MAX_CHARACTERS, Remembered
from workflows.telling import MAX_RESULT, MAX_RESULTS, MAX_SENSITIVE, fitting, told, told_outcome, told_read

CALL = ToolCall(id="a", operation="orders.get_case", arguments={})
DIGEST = Digest("ab" * 32)
NOW = datetime(2026, 11, 25, tzinfo=UTC)
UNTIDY: dict[str, JsonValue] = {
    "accents apart": "e\u0301",
    "surrogate": "\ud800",
    "control": "\x00\x1b" * 30_000,
    "quotes": '"\\' * 60_000,
    "long": "é" * 100_000,
    "long list": list(range(50_000)),
    "deep": json.loads("[" * 200 + "]" * 200),
    "nothing": None,
}


@pytest.mark.parametrize("name", UNTIDY)
def test_whatever_a_tool_answers_is_told_as_json_that_can_be_digested(name: str) -> None:
    """Bounded, with its kind; and what is cut says so."""
    message = told_read(CALL, ReadResult(operation="x", result=UNTIDY[name]))
    found = json.loads(message.text)
    assert len(message.text.encode()) <= MAX_RESULT
    assert found["kind"] == "read"
    assert found.get("result") == UNTIDY[name] or "cut" in found["note"]
    assert (message.answers, len(chained(None, [message]))) == ("a", 64)


def test_all_that_one_answer_brought_fits_into_one_request() -> None:
    """A request that has no digest would be signed by nobody."""
    results = [told_read(CALL, ReadResult(operation="x", result='"\x00' * 20_000)) for _ in range(32)]
    found = fitting(results)
    assert sum(len(message.text.encode()) for message in found) <= MAX_RESULTS
    assert len(canonical([message.model_dump(mode="json") for message in found])) > 0
    assert all(json.loads(message.text)["kind"] == "read" for message in found)


def test_what_fits_is_told_whole() -> None:
    """And with the values that are of a data class."""
    read = ReadResult(operation="x", result={"name": "Ann"}, failed=True, sensitive={"pii": ("Ann",)})
    messages = (told_read(CALL, read), told(CALL, "not_permitted", "no"))
    assert fitting(messages) == messages
    assert json.loads(messages[0].text) == {"kind": "failed", "result": {"name": "Ann"}}
    assert messages[0].sensitive == {"pii": ("Ann",)}


def test_outcome_is_told_with_everything_that_was_changed() -> None:
    """A model that is told `committed` and no more would claim what it asked for."""
    outcome = Outcome(
        kind=OutcomeKind.COMMITTED, proposal=DIGEST, result={"id": 1}, amended={"amount_minor": 1}, reasons=("so",)
    )
    assert json.loads(told_outcome(CALL, outcome).text) == {
        "kind": "committed",
        "proposal": DIGEST[:12],
        "reasons": ["so"],
        "amended": {"amount_minor": 1},
        "result": {"id": 1},
    }


def _after(*kinds: OutcomeKind) -> Underway:
    state = Underway(began=NOW)
    for kind in kinds:
        state = state.did("x.y", Outcome(kind=kind, proposal=None if kind is OutcomeKind.REFUSED else DIGEST))
    return state


@pytest.mark.parametrize("kind", OutcomeKind)
def test_only_what_was_settled_as_done_counts_as_executed(kind: OutcomeKind) -> None:
    """Sent without effect is counted apart; unknown, not sent and everything else is neither."""
    state = _after(kind)
    assert (state.executed, state.failed) == (kind == "committed", kind == "failed")
    assert (state.refused, state.spent.commits) == (kind == "refused", kind != "refused")


def test_flood_of_refused_commits_is_counted_and_not_kept() -> None:
    """A verdict that grew without end would end the mission with an error of the server."""
    state = _after(*[OutcomeKind.REFUSED] * 5000, OutcomeKind.COMMITTED)
    assert (state.refused, len(state.deeds)) == (5000, MAX_REFUSED + 1)
    assert state.deeds[-1].kind is OutcomeKind.COMMITTED


SPENT = {
    Bound.STEPS: (Budget(steps=3), Spent(steps=3)),
    Bound.TOKENS: (Budget(tokens=10), Spent(tokens=10)),
    Bound.COST: (Budget(cost_micros=10), Spent(cost_micros=11)),
}


@pytest.mark.parametrize("bound", SPENT)
def test_budget_that_is_reached_says_which(bound: Bound) -> None:
    """And one that is not, nothing."""
    budget, spent = SPENT[bound]
    assert Underway(began=NOW, spent=spent).reached(budget, NOW) is bound
    assert Underway(began=NOW).reached(budget, NOW) is None


def test_time_runs_while_people_are_waited_for() -> None:
    """From the beginning of the first run."""
    budget = Budget(wall_seconds=60)
    assert Underway(began=NOW).reached(budget, NOW + timedelta(seconds=59)) is None
    assert Underway(began=NOW).reached(budget, NOW + timedelta(seconds=60)) is Bound.TIME


def test_no_bound_is_the_hard_cap() -> None:
    """Whatever a budget leaves open."""
    free = Budget(steps=None, commits=None)
    assert Underway(began=NOW, spent=Spent(steps=MAX_STEPS)).reached(free, NOW) is Bound.STEPS
    assert Underway(began=NOW, spent=Spent(commits=MAX_COMMITS)).commits_left(free) == 0


def test_usage_that_nobody_can_have_gives_nothing_back() -> None:
    """The answer of an activity may be anybody's."""
    ref = TranscriptRef(address=DIGEST, digest=DIGEST, length=1)
    state = Underway(began=NOW, spent=Spent(tokens=5), said=(Message(speaker="user", text="x"),))
    after = state.answered(Usage(input_tokens=-100, output_tokens=3, cost_micros=-9), ref)
    assert (after.spent, after.said) == (Spent(steps=1, tokens=8), ())


NAMES = ("Jürgen Müller", "Hauptstr. 1\nBerlin", 'Ann "Bo" Lee')
OF_NAME = {"customer.name": "pii"}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("answers", [1, 4])
@pytest.mark.parametrize("as_text", [False, True])
def test_what_is_cut_is_masked_however_often_it_was_escaped(name: str, answers: int, *, as_text: bool) -> None:
    """JSON that a tool answers as text, cut for its message, and once more for all messages: each escapes what it holds."""
    result: JsonValue = {"customer": {"name": name}, "note": "e\u0301" + "x" * 60_000}
    given = json.dumps(result) if as_text else result
    read = ReadResult(operation="x", result=given, sensitive=classed(given, OF_NAME))
    messages = fitting([told_read(CALL, read)] * answers)
    prompted = Prompted(purpose="x", messages=chat("p", messages), sensitive=sensitive(messages, {}), mission="m")
    departing = depart(prompted, ModelChoice(model="m", perimeter="outside"))
    sent = [str(message["content"]) for message in departing.messages]
    assert departing.departure.masked == {"pii": 1}
    assert not any(word in text for text in sent for word in ("rgen", "ller", "Berlin", "Lee"))


def test_what_is_of_a_data_class_goes_along_once_and_bounded() -> None:
    """A list that is read thirty times over would make a request that no store takes, and a mission that stands still."""
    values = tuple(f"{number:06}" + "x" * 1000 for number in range(100))
    read = ReadResult(operation="x", result=list(values), sensitive={"pii": values})
    found = fitting([told_read(CALL, read)] * 32)
    assert found[0].sensitive == {"pii": values}
    assert all(not message.sensitive for message in found[1:])
    assert len(chained(None, found)) == 64
    more = told_read(CALL, read.model_copy(update={"sensitive": {"pii": (*values, "y" * MAX_SENSITIVE)}}))
    done = Outcome(kind=OutcomeKind.COMMITTED, result="y" * MAX_SENSITIVE, sensitive={"pii": ("y" * MAX_SENSITIVE,)})
    assert [json.loads(each.text)["kind"] for each in (more, told_outcome(CALL, done))] == ["too_much", "committed"]
    assert "yyyy" not in told_outcome(CALL, done).text
    assert more.sensitive == {}


def test_too_much_to_remember_is_remembered_as_too_much_and_carried_on() -> None:
    """A tool that answers with megabytes of somebody's data ends what asks models, and nothing grows without end."""
    remembered = Remembered()
    for number in range(20):
        remembered.add({"pii": (f"{number}" * 400_000,), "secret": (f"{number}",)})
    kept = remembered.sensitive
    assert sum(len(value) for values in kept.values() for value in values) <= MAX_CHARACTERS + 1
    assert Remembered(kept).overfull


def test_made_up_usage_stays_a_number_that_can_be_carried_on_and_printed() -> None:
    """Whoever completes an activity says what it cost, and more digits than a parser takes would end the next run."""
    state, told = Underway(began=NOW), TranscriptRef(address=DIGEST, digest=DIGEST, length=1)
    for _ in range(3):
        state = state.answered(Usage(input_tokens=10**4000, output_tokens=-(10**9), cost_micros=10**4000), told)
    assert (state.spent.tokens, state.spent.cost_micros) == (MAX_COUNT, MAX_COUNT)
    assert Underway.model_validate_json(state.model_dump_json()) == state
    lines = pursuit_lines({"verdict": "answered", "deeds": [], "spent": {"cost_micros": 10**4000 + 1_230_000}})
    assert lines[1].endswith("1.2300 for the model, 0 s; put 0 before people")


def test_two_hundred_thousand_values_are_remembered_and_looked_for_in_the_time_a_workflow_has() -> None:
    """Two seconds without an answer fail its task, again and again; thirty reads may be answered at once."""
    remembered, before = Remembered(), time.process_time()
    for number in range(99):
        remembered.add({"pii": tuple(f"{number * 2000 + each:05x}" for each in range(2000))})
    for _ in range(5):
        assert remembered.occurring(["x" * 9000, "0000a"]) == {"pii": ("0000a",)}
    assert time.process_time() - before < 2
    assert not remembered.overfull


def test_what_begins_with_what_json_escapes_is_found_however_it_is_written() -> None:
    """Of many values only those are looked for that may be there."""
    remembered = Remembered({"pii": ("Jürgen", "\n\nBerlin", "no")})
    found = remembered.occurring(["a J\\u00fcrgen", "b \\n\\nBerlin", "no"])
    assert sorted(found["pii"]) == ["\n\nBerlin", "Jürgen", "no"]
