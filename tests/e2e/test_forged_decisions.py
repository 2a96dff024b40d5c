"""Decisions that are not what they seem, on the real server: refused with a reason, and the mission lives on."""

from __future__ import annotations

import base64
import json
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import yaml
from temporalio.api.common.v1 import Payload
from temporalio.client import WorkflowFailureError, WorkflowHandle

from approvals import checks, start
from approvals.decision import SIGNAL, TYP, Audience, Statement, Verdict, sign
from approvals.evidence import Evidence
from approvals.jws import Signer
from approvals.proposal import Refusal
from approvals.settlement import SettlementKind
from approvals.signed import Kind
from audit.proposals import Found
from examples.refund.signing import write_private
from policies.canonical import Digest
from tests.e2e.hostile import Message, hijacked
from tests.e2e.insider import send_raw
from tests.world import World
from workflows.refund import Verdict as MissionVerdict

Handle = WorkflowHandle[Any, Any]
Forge = Callable[[World, Statement], Any]
NOW = datetime.now(UTC)


def _unsigned(world: World, statement: Statement) -> dict[str, str]:
    return {"proposal": statement.proposal, "verdict": "approve", "approver": "sam"}


def _by(who: str) -> Forge:
    return lambda world, statement: sign(statement, world.signers[who])


def _changed(**changes: Any) -> Forge:
    return lambda world, statement: sign(statement.model_copy(update=changes), world.signers["sam"])


def _under_sams_kid(world: World, statement: Statement) -> str:
    return sign(statement, Signer.generate("sam-1"))


def _edited(world: World, statement: Statement) -> str:
    header, _, signature = sign(statement.model_copy(update={"verdict": Verdict.DENY}), world.signers["sam"]).split(".")
    return f"{header}.{_part(statement.model_dump(mode='json'))}.{signature}"


def _no_algorithm(world: World, statement: Statement) -> str:
    return f"{_part({'alg': 'none', 'typ': TYP, 'kid': 'sam-1'})}.{_part(statement.model_dump(mode='json'))}."


def _own_key(world: World, statement: Statement) -> str:
    key = Signer.generate("sam-1")
    header = {"alg": "Ed25519", "typ": TYP, "kid": "sam-1", "jwk": {"kty": "OKP", "crv": "Ed25519", "x": key.public().x}}
    return f"{_part(header)}.{_part(statement.model_dump(mode='json'))}.AAAA"


def _as_a_start(world: World, statement: Statement) -> str:
    return world.signers["sam"].sign(start.TYP, statement.model_dump(mode="json"))


def _part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def _seconds(delta: timedelta) -> int:
    return int((NOW + delta).timestamp())


FORGED: list[tuple[str, Forge, str]] = [
    ("B1", _unsigned, "it is `claimed`; an approval of this must be `signed`"),
    ("B2", lambda world, statement: _unsigned(world, statement) | {"approver": ""}, "it names nobody"),
    ("B9", lambda world, statement: _unsigned(world, statement) | {"approver": "lena"}, "it is `claimed`"),
    ("B3", _by("stranger"), "nobody's in the directory"),
    ("B3", _under_sams_kid, "is not signed by key `sam-1`"),
    ("B3", _edited, "is not signed by key `sam-1`"),
    ("B4", _changed(exp=_seconds(-timedelta(minutes=1))), "its signature lapsed"),
    ("B4", _changed(iat=_seconds(timedelta(hours=1))), "it is signed for the future"),
    ("B6", _by("mission-worker"), "is a service; only people decide"),
    ("C3", _by("mission-worker"), "is a service; only people decide"),
    ("B6", _by("gate"), "nobody's in the directory"),
    ("B10", _changed(aud=Audience(namespace="other", gate="gate-1")), "it is for namespace `other`"),
    ("B10", _changed(aud=Audience(namespace="default", gate="gate-2")), "it is for gate `gate-2`"),
    ("B11", _as_a_start, "not a `sayso-decision+jws`"),
    ("B11", _no_algorithm, "only Ed25519 counts"),
    ("B11", _own_key, "carries a header that Sayso does not know"),
    ("A4", _changed(proposal=Digest("f" * 64)), "which is not this one"),
    ("A8", _changed(evidence=Evidence(through=1, digest=Digest("f" * 64))), "its evidence"),
    ("C6", _by("fay"), "in none of the groups asked for"),
    ("C6", _by("olga"), "in none of the groups asked for"),
]


@pytest.mark.parametrize(
    ("forge", "why"), [pytest.param(forge, why, marks=pytest.mark.promise(promise)) for promise, forge, why in FORGED]
)
async def test_forged_approval_is_refused_and_a_proper_one_pays(world: World, forge: Forge, why: str) -> None:
    """docs/threats.md B and C: the mission waits on, the next settlement says what was wrong, and sam's own word counts."""
    handle = await world.start("CASE-1001")
    found = await world.proposed(handle)
    await handle.signal(SIGNAL, forge(world, await world.statement(handle, found)))
    settlement = await world.settlement(handle, after=found.event_id)
    assert settlement.kind is SettlementKind.PENDING and settlement.missing == ("1 of support-lead",)
    assert any(why in refused for refused in settlement.votes[-1].refused), settlement.votes
    assert world.paid(found.proposal) == []
    await _approved_after_all(world, handle, found)


async def _approved_after_all(world: World, handle: Handle, found: Found) -> None:
    await world.decide(handle, "sam", found=found)
    assert (await handle.result()).verdict is MissionVerdict.REFUNDED
    assert len(world.paid(found.proposal)) == 1


@pytest.mark.control("B1")
@pytest.mark.parametrize(
    ("forge", "taken_out"),
    [
        pytest.param(_unsigned, "assurance", marks=pytest.mark.control("B2")),
        pytest.param(_unsigned, "assurance", marks=pytest.mark.control("B9")),
        pytest.param(_under_sams_kid, "signature", marks=pytest.mark.control("B3")),
        pytest.param(_no_algorithm, "signature", marks=pytest.mark.control("B11")),
        pytest.param(_changed(iat=_seconds(timedelta(hours=1))), "time", marks=pytest.mark.control("B4")),
        pytest.param(_changed(aud=Audience(namespace="other", gate="gate-1")), "audience", marks=pytest.mark.control("B10")),
        pytest.param(
            _changed(evidence=Evidence(through=1, digest=Digest("f" * 64))), "evidence", marks=pytest.mark.control("A8")
        ),
    ],
)
async def test_forged_approval_pays_without_its_check(
    world: World, monkeypatch: pytest.MonkeyPatch, forge: Forge, taken_out: str
) -> None:
    """Each check is what refuses its forgery."""
    monkeypatch.delitem(checks.CHECKS, taken_out)
    handle = await world.start("CASE-1001")
    found = await world.proposed(handle)
    await handle.signal(SIGNAL, forge(world, await world.statement(handle, found)))
    assert (await handle.result()).verdict is MissionVerdict.REFUNDED


async def _no_argument(world: World, handle: Handle) -> None:
    await handle.signal(SIGNAL, args=[])


async def _two_arguments(world: World, handle: Handle) -> None:
    await handle.signal(SIGNAL, args=["approve", "sam"])


async def _another_name(world: World, handle: Handle) -> None:
    await handle.signal("approve", {"by": "sam"})


async def _past_the_codec(world: World, handle: Handle) -> None:
    await send_raw(
        world,
        handle,
        Payload(metadata={"encoding": b"binary/encrypted", "encryption-key-id": b"test-1"}, data=b"\xff\x00 junk"),
    )


async def _plain_json(world: World, handle: Handle) -> None:
    await send_raw(world, handle, Payload(metadata={"encoding": b"json/plain"}, data=b'"approve"'))


async def _huge(world: World, handle: Handle) -> None:
    await handle.signal(SIGNAL, "x" * 1_500_000)


async def _forged_announcement(world: World, handle: Handle) -> None:
    await handle.signal("used", {"kind": "claim", "digest": "0" * 64, "body": {}, "jws": "a.b.c"})


@pytest.mark.promise("D6")
@pytest.mark.promise("F4")
@pytest.mark.parametrize(
    ("send", "why"),
    [
        (_no_argument, "it carries 0 values"),
        (_two_arguments, "it carries 2 values"),
        (_another_name, "signal `approve` is not one"),
        (_past_the_codec, "could not be opened"),
        (_plain_json, "not a compact JWS"),
        (_huge, "not readable"),
        (_forged_announcement, "signal `used` is not one"),
    ],
)
async def test_malformed_decision_is_told_and_stops_nothing(
    world: World, send: Callable[[World, Handle], Awaitable[None]], why: str
) -> None:
    """docs/facts.md: a typed handler would drop some of these in silence and stop for ever on others."""
    handle = await world.start("CASE-1001")
    found = await world.proposed(handle)
    await send(world, handle)
    settlement = await world.settlement(handle, after=found.event_id)
    assert settlement.kind is SettlementKind.PENDING
    assert any(why in refused for refused in settlement.votes[-1].refused), settlement.votes
    await _approved_after_all(world, handle, found)


@contextmanager
def directory_edited(world: World, **people: dict[str, Any]) -> Iterator[None]:
    """The directory with *people* changed, as an operator saves the file; restored afterwards."""
    path = world.policies / "directory.yaml"
    before = path.read_text()
    directory = yaml.safe_load(before)
    for who, changes in people.items():
        directory["people"][who] |= changes
    write_private(path, yaml.safe_dump(directory))
    try:
        yield
    finally:
        write_private(path, before)


def _revoked(world: World, who: str) -> dict[str, Any]:
    key = world.signers[who].public()
    return {"keys": [{"kid": key.kid, "x": key.x, "revoked": True}]}


@pytest.mark.promise("B3")
async def test_key_revoked_after_the_decision_takes_the_approval_along(attacker: World) -> None:
    """docs/threats.md B3: the directory is read anew at every admission, without a restart."""
    mission = await hijacked(attacker)
    found = await mission.approved()
    with directory_edited(attacker, sam=_revoked(attacker, "sam")):
        settlement = await mission.settle(found.digest)
    assert settlement.kind is SettlementKind.PENDING and "is revoked" in settlement.votes[-1].refused[0]
    assert mission.rows == 0


@pytest.mark.promise("B5")
async def test_group_lost_after_the_decision_takes_the_approval_along(attacker: World) -> None:
    """docs/threats.md B5: whoever is no longer a lead when it is used was not a lead enough."""
    mission = await hijacked(attacker)
    found = await mission.approved()
    with directory_edited(attacker, sam={"groups": ["support"]}):
        settlement = await mission.settle(found.digest)
    assert settlement.kind is SettlementKind.PENDING and "in none of the groups" in settlement.votes[-1].refused[0]
    assert mission.rows == 0
    assert (await mission.settle(found.digest)).kind is SettlementKind.RECEIPT


@pytest.mark.promise("C1")
async def test_owner_does_not_approve_his_own(attacker: World) -> None:
    """docs/threats.md C1: olga is made a lead, and still not the lead of what she began."""
    with directory_edited(attacker, olga={"groups": ["support", "support-lead"]}):
        mission = await hijacked(attacker)
        found = await mission.proposed()
        await attacker.decide(mission.handle, "olga", found=found)
        settlement = await mission.settle(found.digest)
    assert settlement.kind is SettlementKind.PENDING and "not-the-owner" in settlement.votes[-1].refused[0]
    assert mission.rows == 0


@pytest.mark.promise("C2")
async def test_whom_it_is_for_does_not_approve_it(attacker: World) -> None:
    """docs/threats.md C2: the mission acts on behalf of sam, who is a lead."""
    mission = await hijacked(attacker, on_behalf_of="sam")
    found = await mission.approved()
    settlement = await mission.settle(found.digest)
    assert settlement.kind is SettlementKind.PENDING and "not-whom-it-is-for" in settlement.votes[-1].refused[0]
    await attacker.decide(mission.handle, "lena", found=found)
    assert (await mission.settle(found.digest)).kind is SettlementKind.RECEIPT


@pytest.mark.control("C1")
@pytest.mark.control("C2")
@pytest.mark.control("C6")
async def test_anybody_approves_where_eligibility_is_not_asked(attacker: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The one check that asks Cedar who may decide."""
    monkeypatch.delitem(checks.CHECKS, "eligible")
    mission = await hijacked(attacker, on_behalf_of="sam")
    found = await mission.approved()
    assert (await mission.settle(found.digest)).kind is SettlementKind.RECEIPT


@pytest.mark.promise("C5")
async def test_large_refund_needs_two_different_people_of_two_groups(attacker: World) -> None:
    """docs/threats.md C5: one lead twice, then two leads, are no lead and a finance person."""
    mission = await hijacked(attacker)
    found = await mission.approved(amount_minor=25000)
    await attacker.decide(mission.handle, "sam", found=found)
    twice = await mission.settle(found.digest)
    await attacker.decide(mission.handle, "lena", found=found)
    assert twice.missing == (await mission.settle(found.digest)).missing == ("1 of finance",)
    assert mission.rows == 0 and "one person counts once" in twice.votes[-1].refused[0]
    await attacker.decide(mission.handle, "fay", found=found)
    assert (await mission.settle(found.digest)).kind is SettlementKind.RECEIPT and mission.rows == 1


@pytest.mark.promise("C5")
async def test_one_person_in_both_groups_fills_one_place(attacker: World) -> None:
    """docs/threats.md C5: sam is put into finance as well."""
    with directory_edited(attacker, sam={"groups": ["support-lead", "finance"]}):
        mission = await hijacked(attacker)
        found = await mission.approved(amount_minor=25000)
        settlement = await mission.settle(found.digest)
    assert settlement.kind is SettlementKind.PENDING and len(settlement.missing) == 1 and mission.rows == 0


@pytest.mark.promise("C7")
@pytest.mark.parametrize(
    ("how", "why"),
    [
        ({"owner": None}, "the start was not signed"),
        ({"owner": "stranger"}, "nobody's key"),
        ({"mission_id": "another"}, "for another mission id"),
        ({"mission_type": "payout"}, "for another mission type"),
        ({"namespace": "other"}, "for another namespace"),
        ({"input": start.input_digest({"case_id": "CASE-1002"})}, "for another input"),
        ({"iat": 0, "exp": 300}, "was not valid when the mission started"),
        ({"owner": "sam"}, "policy does not permit `sam` to start"),
        ({"owner": "mission-worker"}, "policy does not permit `mission-worker` to start"),
    ],
)
async def test_forged_start_gets_no_proposal(attacker: World, how: dict[str, Any], why: str) -> None:
    """docs/threats.md C7: whoever can start a workflow cannot name its owner."""
    answer = await (await hijacked(attacker, **how)).propose()
    assert answer.kind is Kind.REFUSAL
    reasons = Refusal.model_validate(answer.body).reasons()
    assert any(why in reason for reason in reasons), reasons


@pytest.mark.promise("C7")
async def test_unsigned_mission_does_not_even_read_a_case(world: World) -> None:
    """The shipped policy reads cases for missions that somebody owns."""
    handle = await world.start("CASE-1001", owner=None)
    with pytest.raises(WorkflowFailureError):
        await handle.result()


@pytest.mark.promise("D7")
async def test_approval_before_the_proposal_counts_nothing(attacker: World) -> None:
    """docs/threats.md D7: a decision is about what is in the history already."""
    mission = await hijacked(attacker)
    record = await attacker.record(mission.handle)
    before = Evidence(through=record.head, digest=record.chain[-1])
    found = await mission.proposed()
    token = sign(await attacker.statement(mission.handle, found, evidence=before), attacker.signers["sam"])
    await mission.handle.signal(SIGNAL, token)
    settlement = await mission.settle(found.digest)
    assert settlement.kind is SettlementKind.PENDING and "before the proposal" in settlement.votes[-1].refused[0]
    assert mission.rows == 0


async def _told_by_a_sibling(attacker: World, value: Any) -> tuple[Any, Any]:
    """A proposal whose mission another workflow of the attacker's signals *value* as a decision."""
    mission, sibling = await hijacked(attacker), await hijacked(attacker)
    found = await mission.proposed()
    given = value if isinstance(value, dict) else await value(mission.handle, found)
    sent = given | {"proposal": found.digest} if isinstance(given, dict) else given
    await sibling.handle.execute_update("tell", Message(workflow_id=mission.handle.id, signal=SIGNAL, value=sent))
    heard = (await attacker.record(mission.handle)).signals[-1]
    assert heard.workflow == sibling.handle.id
    return mission, found


@pytest.mark.promise("B7")
async def test_decision_of_a_sibling_workflow_is_only_claimed(attacker: World) -> None:
    """docs/threats.md B7: the server records which workflow sent it, and the gate heeds that."""
    mission, found = await _told_by_a_sibling(attacker, {"verdict": "approve", "approver": "sam"})
    settlement = await mission.settle(found.digest)
    assert settlement.kind is SettlementKind.PENDING and mission.rows == 0
    assert "it is `claimed` (workflow `refund-" in settlement.votes[-1].refused[0]


@pytest.mark.promise("B7")
async def test_signed_decision_that_a_sibling_workflow_hands_on_counts(attacker: World) -> None:
    """docs/threats.md B7: the key decides, not the messenger."""

    async def signed(handle: Handle, found: Found) -> str:
        return sign(await attacker.statement(handle, found), attacker.signers["sam"])

    mission, found = await _told_by_a_sibling(attacker, signed)
    assert (await mission.settle(found.digest)).kind is SettlementKind.RECEIPT and mission.rows == 1
