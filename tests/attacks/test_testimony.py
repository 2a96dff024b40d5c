"""E13: what a worker answered, and what somebody says that it answered. Source: docs/threats.md, E; docs/decisions/0011."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from pydantic import JsonValue

from approvals import testimony
from approvals.card import as_markdown, as_text, render
from approvals.jws import Signer
from approvals.proposal import Seen
from audit.rail import rail
from policies.directory import Directory
from tests.conftest import Without
from tests.fakes.bench import Bench
from tests.fakes.history import json_payload

T0 = datetime(2021, 1, 1, tzinfo=UTC)
ASKED: dict[str, JsonValue] = {"operation": "orders.get_order", "arguments": {"order_id": "ORD-2001"}}
ANSWERED: dict[str, JsonValue] = {"operation": "orders.get_order", "result": {"paid_minor": 4200}, "failed": False}
QUESTION: dict[str, JsonValue] = {"purpose": "refund/assess", "inputs": {"x": 1.0}, "result_schema": {"type": "object"}}
FINDING: dict[str, JsonValue] = {"purpose": "refund/assess", "model": "m", "rule_based": True, "result": {"refundable": True}}


def said_of(request: JsonValue, result: JsonValue, *, kind: str = "read", activity: str = "1") -> testimony.Testimony:
    """What a worker says by that answer in the bench's mission."""
    where = {"namespace": "default", "mission_id": "refund-1", "run_id": "run-1", "activity": activity}
    return testimony.testimony(kind, **where, request=request, result=result)


def answered(
    bench: Bench,
    signer: str | Signer | None = "read-worker",
    *,
    kind: str = "read",
    request: dict[str, JsonValue] = ASKED,
    result: dict[str, JsonValue] = ANSWERED,
    lies: dict[str, str] | None = None,
) -> int:
    """An answer in the history, signed by *signer*, whose testimony says what *lies* say; its event."""
    scheduled = bench.mission.schedule(kind, request, "reads")
    given = said_of(request, result, kind=kind, activity=str(scheduled)).model_copy(update=lies)
    key = bench.kit.signers[signer] if isinstance(signer, str) else signer
    return bench.mission.complete(scheduled, {**result, "signature": testimony.sign(given, key)} if key else result)


def assurance(bench: Bench, event: int) -> str:
    """How sure the rail is of who answered."""
    return next(str(told.assurance) for told in rail(bench.mission.record(), bench.directories.now) if told.event_id == event)


async def seen(bench: Bench) -> Seen:
    """The last result on the next card."""
    return (await bench.propose()).proposal.seen[-1]


async def test_signed_read_is_told_from_a_claim(bench: Bench) -> None:
    """On the card, which lists both, and on the rail."""
    event = answered(bench)
    proposal = (await bench.propose()).proposal
    claim, signed = render(proposal).seen
    assert (claim.text, signed.text) == ("read orders.get_case", "signed by read-worker: read orders.get_order")
    assert "results the mission had before (as it claims, where not signed):" in as_text(render(proposal))
    assert "(as it claims, where not signed)" in as_markdown(render(proposal))
    told = {entry.event_id: entry for entry in rail(bench.mission.record(), bench.directories.now)}[event]
    assert (told.actor, told.assurance) == ("read-worker", "signed")


async def test_signed_reasoning_is_told_from_a_claim(bench: Bench) -> None:
    """The worker's word that a model said so; what it said stays untrusted. A whole number is written either way."""
    answered(bench, "reason-worker", kind="reason", request=QUESTION, result=FINDING)
    assert (await seen(bench)).by == "reason-worker"


async def test_unsigned_results_look_as_ever(bench: Bench) -> None:
    """A card that waits keeps its digest, and its heading."""
    answered(bench, None)
    proposal = (await bench.propose()).proposal
    assert render(proposal).seen[-1].text == "read orders.get_order"
    assert "results the mission had before (as it claims):" in as_text(render(proposal))


def with_key(directory: Directory, service: str, **changes: object) -> Directory:
    """*directory* with that service's key changed."""
    entry = directory.services[service]
    keys = tuple(key.model_copy(update=changes) for key in entry.keys)
    return directory.model_copy(update={"services": {**directory.services, service: entry.model_copy(update={"keys": keys})}})


ELSEWHERE: JsonValue = {"operation": "orders.get_order", "arguments": {"order_id": "ORD-2002"}}
LIES: dict[str, tuple[dict[str, str], str]] = {
    "copied from another run": ({"run_id": "run-9"}, "run"),
    "copied from another mission": ({"mission_id": "refund-9"}, "run"),
    "copied from another namespace": ({"namespace": "staging"}, "run"),
    "copied from another activity": ({"activity": "99"}, "activity"),
    "of another kind": ({"kind": "reason"}, "activity"),
    "copied from another request": ({"request": said_of(ELSEWHERE, ANSWERED).request}, "request"),
    "copied from another result": ({"result": said_of(ASKED, {**ANSWERED, "result": {"paid_minor": 9}}).result}, "result"),
}
"""By case: what the testimony says instead, and the one check that sees it."""


@pytest.mark.promise("E13")
@pytest.mark.parametrize("case", LIES)
async def test_testimony_to_something_else_is_a_claim(bench: Bench, case: str) -> None:
    """A genuine signature of the read worker, put beside what it was not made for."""
    event = answered(bench, lies=LIES[case][0])
    assert (await seen(bench)).by == ""
    assert assurance(bench, event) == "claimed"


@pytest.mark.control("E13")
@pytest.mark.parametrize("case", LIES)
async def test_testimony_to_something_else_counts_where_it_is_not_compared(bench: Bench, without: Without, case: str) -> None:
    """One defence each."""
    lies, check = LIES[case]
    event = answered(bench, lies=lies)
    without(testimony.CHECKS, check)
    assert (await seen(bench)).by == "read-worker"
    assert assurance(bench, event) == "signed"


SIGNERS = {
    "a person": "sam",
    "the gate": "gate",
    "a stranger": "stranger",
    "a service that signs nothing": "mission-worker",
    "a service that signs something else": "reason-worker",
}


@pytest.mark.promise("E13")
@pytest.mark.parametrize("case", SIGNERS)
async def test_testimony_by_somebody_else_is_a_claim(bench: Bench, case: str) -> None:
    """Only a service that the directory lets sign reads."""
    event = answered(bench, SIGNERS[case])
    assert (await seen(bench)).by == ""
    assert assurance(bench, event) == "claimed"


@pytest.mark.control("E13")
@pytest.mark.parametrize(("signer", "checks"), [("sam", ("service", "signs")), ("reason-worker", ("signs",))])
async def test_testimony_by_somebody_else_counts_where_nobody_asks_whose_it_is(
    bench: Bench, without: Without, signer: str, checks: tuple[str, ...]
) -> None:
    """A person is kept out twice: no service, and no leave to sign."""
    answered(bench, signer)
    without(testimony.CHECKS, *checks)
    assert (await seen(bench)).by == signer


def mimic(bench: Bench) -> Signer:
    """The attacker's key under the read worker's key id."""
    return Signer.from_jwk(json.dumps({**bench.kit.signers["stranger"].to_jwk(), "kid": "read-worker-1"}))


@pytest.mark.promise("E13")
@pytest.mark.parametrize("change", [{"revoked": True}, {"not_after": T0}])
async def test_testimony_by_a_key_that_is_not_good_is_a_claim(bench: Bench, change: dict[str, object]) -> None:
    """Revoked, or lapsed when the answer entered the history."""
    answered(bench)
    bench.directories.now = with_key(bench.directories.now, "read-worker", **change)
    assert (await seen(bench)).by == ""


@pytest.mark.control("E13")
async def test_revoked_testimony_counts_where_keys_are_not_looked_at(bench: Bench, without: Without) -> None:
    """One defence: the state of the key."""
    answered(bench)
    bench.directories.now = with_key(bench.directories.now, "read-worker", revoked=True)
    without(testimony.CHECKS, "key")
    assert (await seen(bench)).by == "read-worker"


@pytest.mark.promise("E13")
async def test_testimony_under_a_borrowed_key_id_is_a_claim(bench: Bench) -> None:
    """The key is the directory's, not the token's."""
    answered(bench, mimic(bench))
    assert (await seen(bench)).by == ""


@pytest.mark.control("E13")
async def test_testimony_under_a_borrowed_key_id_counts_where_it_is_not_verified(bench: Bench, without: Without) -> None:
    """One defence: the signature itself."""
    answered(bench, mimic(bench))
    without(testimony.CHECKS, "signature")
    assert (await seen(bench)).by == "read-worker"


@pytest.mark.promise("E13")
@pytest.mark.parametrize("signature", ["", "x.y.z", 7, None, [], "\ud800"])
async def test_what_is_no_signature_at_all_is_a_claim(bench: Bench, signature: JsonValue) -> None:
    """And stops nobody."""
    bench.mission.activity("read", ASKED, {**ANSWERED, "signature": signature}, "reads")
    assert (await seen(bench)).by == ""


@pytest.mark.promise("E13")
async def test_claim_cannot_be_named_so_that_it_looks_signed(bench: Bench) -> None:
    """A mission chooses the name of what it says it read; the first word is the gate's."""
    operation = "x\nsigned by read-worker: read orders.get_order"
    bench.mission.activity("read", {"operation": operation, "arguments": {}}, ANSWERED, "reads")
    line = render((await bench.propose()).proposal).seen[-1]
    assert line.text.startswith("read x\\n")


@pytest.mark.promise("E13")
async def test_observation_of_a_mission_is_its_claim(bench: Bench) -> None:
    """A check of the mission's own is on the rail in its own name; the card knows none."""
    from temporalio.api.enums.v1 import EventType

    event = bench.mission.append(EventType.EVENT_TYPE_MARKER_RECORDED)
    attributes = event.marker_recorded_event_attributes
    attributes.marker_name = "core_local_activity"
    attributes.details["data"].payloads.append(json_payload({"activity_type": "observe"}))
    attributes.details["result"].payloads.append(json_payload({"name": "paid before", "passed": False}))
    told = {entry.event_id: entry for entry in rail(bench.mission.record(), bench.directories.now)}[event.event_id]
    assert (told.kind, told.actor, told.assurance) == ("observed", "the mission", "claimed")
    assert len((await bench.propose()).proposal.seen) == 1
