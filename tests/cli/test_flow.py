"""The commands of a decision on a real server: start, queue, review, approve, deny, sign, rail."""

from __future__ import annotations

import io
import json
from typing import Any
from uuid import uuid4

import pytest

from tests.cli.conftest import Terminal
from tests.world import until


async def waiting(sayso: Terminal, case_id: str) -> dict[str, Any]:
    """A new mission's item in the queue."""
    mission_id = f"cli-{uuid4().hex[:8]}"
    answer = await sayso("start", "refund", "--input", json.dumps({"case_id": case_id}), "--id", mission_id, "--json")
    assert answer.code == 0, answer

    async def look() -> dict[str, Any] | None:
        items = (await sayso("queue", "--json")).data["items"]
        return next((item for item in items if item["mission_id"] == mission_id), None)

    return await until(look)


async def test_queue_names_what_waits_and_whom_for(sayso: Terminal) -> None:
    """The documented fields, from a verified proposal."""
    item = await waiting(sayso, "CASE-1006")
    assert item["verified"] is True
    assert (item["operation"], item["integration"]) == ("payments.issue_refund", "payments")
    assert (item["owner"], item["missing"], item["state"]) == ("olga", ["1 of support-lead"], "open")
    assert item["proposal_digest"].startswith(item["proposal_id"])


async def test_denied_refund_is_not_paid(sayso: Terminal) -> None:
    """The whole way of a no, with its reason on the rail."""
    item = await waiting(sayso, "CASE-1006")
    answer = await sayso("deny", item["proposal_id"], "--reason", "not this one", "--yes", "--json")
    assert (answer.code, answer.data["settled"], answer.data["counted"]) == (0, "denied", True)
    rail = (await sayso("rail", item["mission_id"], "--json")).data["observations"]
    assert [entry["actor"] for entry in rail if entry["kind"] == "decided"] == ["sam"]
    assert "not this one" in (await sayso("rail", item["mission_id"])).out
    assert sayso.world.ledger("ORD-2006") == []


async def test_two_people_approve_and_it_is_paid_once(sayso: Terminal) -> None:
    """Above 100.00 a support lead alone is not enough, and is told so."""
    item = await waiting(sayso, "CASE-1004")
    first = await sayso("approve", item["proposal_id"], "--yes", "--json")
    second = await sayso("approve", item["proposal_digest"], "--as", "fay", "--yes", "--json")
    assert (first.code, first.data["settled"], first.data["missing"]) == (0, "pending", ["1 of finance"])
    assert (second.code, second.data["settled"], second.data["failed"]) == (0, "receipt", False)
    assert len(sayso.world.ledger("ORD-2004")) == 1
    again = await sayso("approve", item["proposal_id"], "--yes")
    assert (again.code, "was committed" in again.err) == (1, True)


async def test_pasted_decision_counts(sayso: Terminal) -> None:
    """`sayso sign` prints what the Temporal UI sends as the signal's one payload."""
    item = await waiting(sayso, "CASE-1002")
    signed = await sayso("sign", item["proposal_id"], "--verdict", "approve")
    assert "WILL BE SENT, exactly:" in signed.err
    handle = sayso.world.client.get_workflow_handle(item["mission_id"], run_id=item["run_id"])
    await handle.signal("decide", json.loads(signed.out))
    assert (await handle.result())["verdict"] == "refunded"


UNATTENDED = [
    ("approve", "--yes"),
    ("approve", "--json"),
    ("deny", "--yes"),
    ("sign", "--verdict", "approve"),
    ("sign", "--verdict", "approve", "--json"),
]


@pytest.mark.promise("F2")
async def test_where_nobody_is_asked_only_a_proposal_id_decides(sayso: Terminal) -> None:
    """What a mission's id or a few first digits stand for is the mission worker's to change after the review."""
    item = await waiting(sayso, "CASE-1006")
    handle = sayso.world.client.get_workflow_handle(item["mission_id"], run_id=item["run_id"])
    for command, *options in UNATTENDED:
        for given in (item["mission_id"], item["proposal_id"][:11]):
            answer = await sayso(command, given, *options)
            said = answer.data["error"]["message"] if "--json" in options else answer.err
            assert (answer.code, f"`sayso review {item['proposal_id']}`" in said) == (2, True), answer
            assert "eyJ" not in answer.out
    assert (await sayso.world.record(handle)).signals == ()
    await handle.terminate()


class Keyboard(io.StringIO):
    """Somebody at a terminal, with what they type."""

    def isatty(self) -> bool:
        """Always."""
        return True


@pytest.mark.parametrize("command", [("approve",), ("approve", "--json"), ("sign", "--verdict", "approve")])
async def test_person_at_a_terminal_sees_the_card_and_is_asked(
    sayso: Terminal, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    """With a mission id, too. A no ends it: nothing is sent, nothing is printed that could be."""
    item = await waiting(sayso, "CASE-1006")
    monkeypatch.setattr("sys.stdin", Keyboard("n\n"))
    answer = await sayso(command[0], item["mission_id"], *command[1:])
    handle = sayso.world.client.get_workflow_handle(item["mission_id"], run_id=item["run_id"])
    assert (answer.code, "you did not confirm" in answer.err + answer.out) == (1, True)
    assert answer.err.index("WILL BE SENT, exactly:") < answer.err.index("payments.issue_refund as sam?")
    assert "eyJ" not in answer.out
    assert (await sayso.world.record(handle)).signals == ()
    await handle.terminate()


async def test_person_at_a_terminal_who_says_yes_decides(sayso: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    """And standard output holds the JSON alone."""
    item = await waiting(sayso, "CASE-1006")
    monkeypatch.setattr("sys.stdin", Keyboard("y\n"))
    answer = await sayso("deny", item["mission_id"], "--json")
    assert (answer.code, answer.data["settled"]) == (0, "denied")


async def test_mission_for_somebody_unknown_is_not_started(sayso: Terminal) -> None:
    """A name that is nobody's would keep nobody from approving."""
    given = ("start", "refund", "--input", '{"case_id": "CASE-1006"}', "--id", f"cli-{uuid4().hex[:8]}")
    answer = await sayso(*given, "--on-behalf-of", "samm")
    assert (answer.code, "`samm` is nobody in the directory; there are fay, iris, lena, olga, sam" in answer.err) == (2, True)
    assert (await sayso("rail", given[-1])).code == 2


@pytest.mark.parametrize(
    ("who", "code", "words"),
    [
        ("olga", 1, "`olga` is in none of the groups asked for"),
        ("fay", 1, "`fay` is in none of the groups asked for"),
        ("stranger", 2, "nobody's in the directory"),
        ("nobody", 2, "there are keys of fay, gate, iris, lena"),
    ],
)
async def test_decision_that_would_not_count_is_not_sent(sayso: Terminal, who: str, code: int, words: str) -> None:
    """It is said before anything is sent."""
    item = await waiting(sayso, "CASE-1006")
    answer = await sayso("approve", item["proposal_id"], "--as", who, "--yes")
    handle = sayso.world.client.get_workflow_handle(item["mission_id"], run_id=item["run_id"])
    assert (answer.code, words in answer.err) == (code, True)
    assert (await sayso.world.record(handle)).signals == ()
    await handle.terminate()


async def test_mission_that_only_says_it_waits_is_unverified(sayso: Terminal) -> None:
    """Search attributes are the mission worker's own claim."""
    from temporalio.common import SearchAttributeKey, SearchAttributePair, TypedSearchAttributes

    from approvals import attributes

    claims = TypedSearchAttributes(
        [
            SearchAttributePair(SearchAttributeKey.for_keyword(attributes.STATE), attributes.AWAITING),
            SearchAttributePair(SearchAttributeKey.for_keyword(attributes.PROPOSAL), "deadbeef" * 8),
        ]
    )
    handle = await sayso.world.client.start_workflow(
        "refund", {}, id="pretender-\u202e", task_queue="nobody", search_attributes=claims
    )
    await until(lambda: _listed(sayso, handle.id))
    text, approve = await sayso("queue"), await sayso("approve", "deadbeef" * 2, "--yes")
    await handle.terminate()
    assert "UNVERIFIED" in text.out
    assert "\u202e" not in text.out
    assert (approve.code, "unverified" in approve.err) == (2, True)


async def _listed(sayso: Terminal, mission_id: str) -> bool | None:
    items = (await sayso("queue", "--json")).data["items"]
    return any(item["mission_id"] == mission_id and not item["verified"] for item in items) or None


async def test_wait_ends_with_the_verdict(sayso: Terminal) -> None:
    """A case nobody knows: exit code 1 and the reason, no retries for ever."""
    answer = await sayso("start", "refund", "--input", '{"case_id": "CASE-9999"}', "--wait", "--json")
    assert (answer.code, answer.data["verdict"]["verdict"], answer.data["committed"]) == (1, "not_found", False)


async def test_second_start_of_a_case_is_refused(sayso: Terminal) -> None:
    """By default a case has one mission."""
    await sayso("start", "refund", "--input", '{"case_id": "CASE-1003"}', "--wait")
    answer = await sayso("start", "refund", "--input", '{"case_id": "CASE-1003"}')
    assert (answer.code, "`--id`" in answer.err) == (1, True)


async def test_unknown_mission_is_wrong_use(sayso: Terminal) -> None:
    """In one line, with what to do next."""
    for command in ("review", "rail"):
        answer = await sayso(command, "nope")
        assert (answer.code, answer.err.count("\n")) == (2, 1)
        assert "there is no mission `nope`" in answer.err


async def test_silent_server_is_exit_code_three(sayso: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    """The address stands in the message."""
    monkeypatch.setenv("TEMPORAL_ADDRESS", "127.0.0.1:1")
    answer = await sayso("queue", "--json")
    assert (answer.code, "127.0.0.1:1" in answer.data["error"]["message"]) == (3, True)
