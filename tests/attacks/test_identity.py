"""B: nobody decides in another's name. Source: docs/threats.md, B."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import timedelta

import pytest
from pydantic import JsonValue

from approvals import checks, decision, start, votes
from approvals.decision import SIGNAL, TYP, Audience
from approvals.jws import Signer
from audit import standing
from policies.bundle import Bundle
from policies.directory import Directory
from tests.conftest import Without
from tests.fakes.bench import LARGE, Bench
from tests.fakes.kit import Kit, in_file, regrouped, revoked
from tests.fakes.ports import FakeDirectories

CLAIMED: dict[str, JsonValue] = {"verdict": "approve", "approver": "sam"}


def attesting(kit: Kit) -> Bundle:
    """Small refunds with an approval that the server attests."""
    return kit.changed(
        "attesting", in_file("refund.cedar", '@id("refund-small")', '@id("refund-small") @assurance("attested")')
    )


def claim(bench: Bench, principal: str | None = None) -> None:
    """An unsigned approve, as anybody can send it."""
    bench.say({**CLAIMED, "proposal": bench.found().digest}, principal=principal)


@pytest.mark.promise("B1")
@pytest.mark.promise("B9")
@pytest.mark.parametrize("attested", [False, True])
async def test_name_in_a_signal_approves_nothing(kit: Kit, attested: bool) -> None:
    """Whatever a requirement asks for, `claimed` is not enough."""
    bench = Bench(kit, attesting(kit) if attested else None)
    await bench.propose()
    claim(bench)
    settlement = await bench.settle()
    assert (settlement.kind, bench.paid) == ("pending", [])
    assert "it is `claimed`" in settlement.votes[0].refused[0]


@pytest.mark.control("B1")
@pytest.mark.control("B2")
@pytest.mark.control("B9")
async def test_name_in_a_signal_approves_where_assurance_is_not_asked(bench: Bench, without: Without) -> None:
    """One defence: the assurance check."""
    await bench.propose()
    claim(bench)
    without(checks.CHECKS, "assurance")
    await bench.settle()
    assert bench.paid == [4200]


@pytest.mark.promise("B2")
async def test_decision_that_only_the_server_attests_is_not_a_signed_one(bench: Bench) -> None:
    """The shipped rules ask for `signed`."""
    await bench.propose()
    claim(bench, principal="user:sam")
    assert (await bench.settle()).kind == "pending"
    assert bench.paid == []


@pytest.mark.promise("B1")
async def test_no_in_anothers_name_is_heard_and_not_said_to_be_theirs(bench: Bench) -> None:
    """`claimed` may deny; nobody is accused of it."""
    found = await bench.propose()
    bench.say({"proposal": found.digest, "verdict": "deny", "approver": "sam", "reason": "stop"})
    settlement = await bench.settle()
    assert settlement.kind == "denied"
    assert "somebody who claims to be sam denied it: stop" in settlement.reasons()


async def test_attested_decision_counts_where_the_rule_says_so(kit: Kit) -> None:
    """The other side of B2: the server's stamp names Sam, whatever the signal says."""
    bench = Bench(kit, attesting(kit))
    await bench.propose()
    bench.say({"verdict": "approve", "approver": "fay", "proposal": bench.found().digest}, principal="user:sam")
    assert (await bench.settle()).votes[0].who == "sam"
    assert bench.paid == [4200]


def wrong_key(bench: Bench, case: str) -> None:
    """Signs an approve with a key that is not the named person's good one."""
    stranger, sam = bench.kit.signers["stranger"], bench.kit.signers["sam"]
    as_sam = Signer.from_jwk(json.dumps({**stranger.to_jwk(), "kid": sam.kid}))
    match case:
        case "unknown":
            bench.decide("stranger")
        case "of another person":
            bench.decide("sam", signer=as_sam)
        case "of the gate":
            bench.decide("gate")
        case "revoked":
            bench.approve("sam")
            bench.directories.now = revoked(bench.directories.now, "sam")


@pytest.mark.promise("B3")
@pytest.mark.parametrize("case", ["unknown", "of another person", "of the gate", "revoked"])
async def test_signature_by_a_key_that_is_not_good_does_not_count(bench: Bench, case: str) -> None:
    """The key is found by `kid` in the directory of this moment, and nowhere else."""
    await bench.propose()
    wrong_key(bench, case)
    settlement = await bench.settle()
    assert (settlement.kind, bench.paid) == ("pending", [])


@pytest.mark.control("B3")
@pytest.mark.parametrize(("case", "check"), [("of another person", "signature"), ("revoked", "key")])
async def test_bad_key_counts_where_it_is_not_checked(bench: Bench, without: Without, case: str, check: str) -> None:
    """One defence each: the signature, and the state of the key."""
    await bench.propose()
    wrong_key(bench, case)
    without(checks.CHECKS, check)
    await bench.settle()
    assert bench.paid == [4200]


async def mistimed(bench: Bench, case: str) -> None:
    """An approve whose signature does not hold at this time."""
    await bench.propose()
    now = int(bench.clock().timestamp())
    match case:
        case "expired when sent":
            bench.approve("sam", exp=now - 1)
        case "lapsed before use":
            bench.approve("sam", exp=now + 60)
            bench.clock.advance(minutes=2)
        case "from the future":
            bench.approve("sam", iat=now + 3600)
        case "from beyond the calendar":
            bench.approve("sam", iat=10**15)


@pytest.mark.promise("B4")
@pytest.mark.parametrize("case", ["expired when sent", "lapsed before use", "from the future", "from beyond the calendar"])
async def test_signature_outside_its_time_does_not_count(bench: Bench, case: str) -> None:
    """A decision's time is its event's; iat and exp only narrow it."""
    await mistimed(bench, case)
    assert (await bench.settle()).kind == "pending"
    assert bench.paid == []


@pytest.mark.promise("B4")
async def test_replayed_decision_counts_once(bench: Bench) -> None:
    """The same token again, whole or wrapped, is a copy or the same person's."""
    bench.directories.now = regrouped(bench.directories.now, sam=("support-lead", "finance"))
    await bench.propose(LARGE)
    token = bench.decide("sam")
    bench.say(token)
    bench.say({"jws": token})
    settlement = await bench.settle()
    assert (settlement.kind, bench.paid) == ("pending", [])
    assert [vote.counts for vote in settlement.votes] == [True, False, False]


@pytest.mark.control("B4")
@pytest.mark.parametrize("case", ["expired when sent", "lapsed before use", "from the future"])
async def test_mistimed_signature_counts_where_time_is_not_checked(bench: Bench, without: Without, case: str) -> None:
    """One defence: the time check."""
    await mistimed(bench, case)
    without(checks.CHECKS, "time")
    await bench.settle()
    assert bench.paid == [4200]


@pytest.mark.promise("B5")
async def test_group_lost_between_decision_and_use_takes_the_vote_along(bench: Bench) -> None:
    """The directory is read anew at admission."""
    await bench.propose()
    bench.approve("sam")
    bench.directories.now = regrouped(bench.directories.now, sam=())
    assert (await bench.settle()).kind == "pending"
    assert bench.paid == []


@pytest.mark.promise("B5")
async def test_group_lost_while_the_gate_makes_ready_takes_the_vote_along(bench: Bench) -> None:
    """Between the first look and the admission it is read once more."""
    await bench.propose()
    bench.approve("sam")
    lost = regrouped(bench.directories.now, sam=())
    bench.tokens.during = lambda: setattr(bench.directories, "now", lost)
    assert (await bench.settle()).kind == "pending"
    assert bench.paid == []


@pytest.mark.control("B5")
async def test_lost_group_still_counts_where_the_directory_is_an_old_one(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """One defence: reading it anew. Here the gate remembers what it read first."""
    await bench.propose()
    bench.approve("sam")
    remembered: Directory = bench.directories.now
    monkeypatch.setattr(FakeDirectories, "read", lambda directories: remembered)
    bench.directories.now = regrouped(bench.directories.now, sam=())
    await bench.settle()
    assert bench.paid == [4200]


@pytest.mark.promise("B6")
@pytest.mark.promise("C3")
@pytest.mark.parametrize("principal", [None, "service:mission-worker"])
async def test_mission_workers_own_identity_decides_nothing(kit: Kit, principal: str | None) -> None:
    """Services are nobody's people: neither by their key nor by the principal the server stamps."""
    bench = Bench(kit, attesting(kit))
    await bench.propose()
    bench.decide("mission-worker")
    claim(bench, principal=principal)
    settlement = await bench.settle()
    assert (settlement.kind, bench.paid) == ("pending", [])
    assert "is a service" in settlement.votes[0].refused[0]


@pytest.mark.control("B6")
@pytest.mark.control("C3")
async def test_mission_worker_decides_where_the_directory_calls_it_a_person(bench: Bench) -> None:
    """One defence: that a person listed it under `services`."""
    directory, worker = bench.directories.now, bench.directories.now.services["mission-worker"]
    person = directory.people["sam"].model_copy(update={"keys": worker.keys, "principals": ()})
    people = {**directory.people, "mission-worker": person}
    bench.directories.now = directory.model_copy(update={"services": {}, "people": people})
    await bench.propose()
    bench.decide("mission-worker")
    await bench.settle()
    assert bench.paid == [4200]


async def from_a_workflow(kit: Kit) -> Bench:
    """A sibling sends an unsigned approve; its worker signs in to the server as a support lead, and is stamped so."""
    bench = Bench(kit, attesting(kit))
    found = await bench.propose()
    bench.say({**CLAIMED, "proposal": found.digest}, principal="user:sam", workflow="refund-9")
    return bench


@pytest.mark.promise("B7")
async def test_decision_of_a_workflow_is_nobodys_whoever_is_stamped(kit: Kit) -> None:
    """The principal is the worker's that ran the workflow, and a workflow is no person."""
    bench = await from_a_workflow(kit)
    settlement = await bench.settle()
    assert (settlement.kind, bench.paid) == ("pending", [])
    assert "it is `claimed` (workflow `refund-9` sent it)" in settlement.votes[0].refused[0]


@pytest.mark.promise("B7")
async def test_signed_decision_counts_whoever_carries_it(kit: Kit) -> None:
    """The key decides; a workflow that hands on what Sam signed is a messenger."""
    bench = Bench(kit, attesting(kit))
    await bench.propose()
    bench.say(decision.sign(bench.statement(), kit.signers["sam"]), workflow="refund-9")
    assert (await bench.settle()).votes[0].assurance == "signed"
    assert bench.paid == [4200]


@pytest.mark.promise("B7")
async def test_no_of_a_workflow_is_heard(kit: Kit) -> None:
    """Doubt about the sender keeps no denial out, and accuses nobody."""
    bench = Bench(kit, attesting(kit))
    found = await bench.propose()
    bench.say({"proposal": found.digest, "verdict": "deny", "approver": "sam"}, principal="user:sam", workflow="refund-9")
    settlement = await bench.settle()
    assert (settlement.kind, settlement.votes[0].by) == ("denied", "somebody who claims to be sam")


@pytest.mark.control("B7")
async def test_decision_of_a_workflow_approves_where_its_sender_is_not_looked_at(
    kit: Kit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One defence: that a signal of a workflow is never attested."""
    bench = await from_a_workflow(kit)
    monkeypatch.setattr(votes, "by_a_workflow", lambda heard: False)
    await bench.settle()
    assert bench.paid == [4200]


async def reset_run(kit: Kit) -> Bench:
    """A run that the server recorded as a reset, which stamps signals with the resetter: here with a support lead."""
    bench = Bench(kit, attesting(kit))
    bench.started(run_id="run-0").end()
    bench.started()
    bench.mission.events[0].workflow_execution_started_event_attributes.original_execution_run_id = "run-0"
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("activities.proposer.reset_trouble", lambda record: None)
        await bench.propose()
    claim(bench, principal="user:sam")
    return bench


@pytest.mark.promise("B8")
@pytest.mark.promise("D4")
async def test_reset_run_proposes_and_commits_nothing(bench: Bench) -> None:
    """A run that repeats another's events is not the run that people looked at."""
    bench.started(original_run_id="run-0")
    assert "refused: reset" in await bench.refused()


@pytest.mark.promise("B8")
async def test_principal_that_a_reset_stamped_approves_nothing(kit: Kit) -> None:
    """Even where a proposal was made, the recorded origin gives the reset away."""
    bench = await reset_run(kit)
    settlement = await bench.settle()
    assert (settlement.kind, settlement.retry_seconds, bench.paid) == ("not_sent", None, [])


@pytest.mark.control("B8")
async def test_principal_of_a_reset_approves_where_resets_are_not_told(kit: Kit, without: Without) -> None:
    """Two defences out: the proposer's look at the origin, and the gate's."""
    bench = await reset_run(kit)
    without(standing.CHECKS, "reset")
    await bench.settle()
    assert bench.paid == [4200]


ELSEWHERE = [Audience(namespace="staging", gate="gate-1"), Audience(namespace="default", gate="gate-of-another-cluster")]


@pytest.mark.promise("B10")
@pytest.mark.parametrize("aud", ELSEWHERE)
async def test_decision_signed_for_elsewhere_does_not_count(bench: Bench, aud: Audience) -> None:
    """The audience is one namespace and one gate."""
    await bench.propose()
    bench.approve("sam", aud=aud)
    assert (await bench.settle()).kind == "pending"
    assert bench.paid == []


@pytest.mark.control("B10")
@pytest.mark.parametrize("aud", ELSEWHERE)
async def test_decision_for_elsewhere_counts_where_nobody_reads_the_audience(
    bench: Bench, without: Without, aud: Audience
) -> None:
    """One defence: the audience check."""
    await bench.propose()
    bench.approve("sam", aud=aud)
    without(checks.CHECKS, "audience")
    await bench.settle()
    assert bench.paid == [4200]


def confused(bench: Bench, case: str) -> str:
    """An approve in Sam's name with a header of the attacker's choice."""
    payload = bench.statement().model_dump_json().encode()
    header: dict[str, JsonValue] = {"alg": "Ed25519", "kid": "sam-1", "typ": TYP}
    match case:
        case "none":
            return unsigned({**header, "alg": "none"}, payload, b"")
        case "hmac":
            public = bench.kit.signers["sam"].public().x
            return unsigned({**header, "alg": "HS256"}, payload, base64.urlsafe_b64decode(public + "="))
        case "typ":
            return bench.signed_bytes("sam", {**header, "typ": start.TYP}, payload)
        case "alias":
            return bench.signed_bytes("sam", {**header, "alg": "EdDSA"}, payload)
        case "crit":
            return bench.signed_bytes("sam", {**header, "crit": ["exp"]}, payload)
        case "jwk":
            key: JsonValue = {"kty": "OKP", "crv": "Ed25519", "x": bench.kit.signers["stranger"].public().x}
            return bench.signed_bytes("stranger", {**header, "jwk": key}, payload)
    return bench.signed_bytes("stranger", header, payload)


def unsigned(header: dict[str, JsonValue], payload: bytes, secret: bytes) -> str:
    """A token under no key, or under a secret that everybody knows."""
    parts = [base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in (json.dumps(header).encode(), payload)]
    mac = hmac.digest(secret, ".".join(parts).encode(), hashlib.sha256) if secret else b""
    return ".".join([*parts, base64.urlsafe_b64encode(mac).rstrip(b"=").decode()])


CONFUSIONS = ["none", "hmac", "typ", "alias", "crit", "jwk", "kid"]


@pytest.mark.promise("B11")
@pytest.mark.parametrize("case", CONFUSIONS)
async def test_token_with_a_header_of_the_attackers_choice_does_not_count(bench: Bench, case: str) -> None:
    """Algorithm and type are pinned, and a token brings no key."""
    await bench.propose()
    bench.mission.signal(SIGNAL, confused(bench, case))
    assert (await bench.settle()).kind == "pending"
    assert bench.paid == []


@pytest.mark.control("B11")
@pytest.mark.parametrize("case", CONFUSIONS)
async def test_confused_token_counts_where_it_is_not_verified(bench: Bench, without: Without, case: str) -> None:
    """One defence: the signature check, which reads the header first."""
    await bench.propose()
    bench.mission.signal(SIGNAL, confused(bench, case))
    without(checks.CHECKS, "signature")
    await bench.settle()
    assert bench.paid == [4200]


async def test_clock_of_an_approver_may_run_two_minutes_ahead(bench: Bench) -> None:
    """The tolerance of B4, at its edge."""
    await bench.propose()
    ahead = bench.clock() + timedelta(minutes=2)
    bench.approve("sam", iat=int(ahead.timestamp()))
    assert (await bench.settle()).kind == "receipt"
