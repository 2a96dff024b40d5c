"""Ways around the gate: what a hostile mission worker can schedule, complete and call. None of it pays."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from temporalio.client import ActivityFailureError
from temporalio.common import RetryPolicy
from temporalio.exceptions import ApplicationError
from temporalio.worker import Worker

from activities.commit import SettleRequest
from activities.grounds import ProposeRequest
from activities.histories import ServerStarts
from activities.mcp_tools import McpTools
from activities.ports import Here
from activities.read import ReadActivities
from approvals.card import render
from approvals.proposal import Proposal, Refusal
from approvals.settlement import SettlementKind
from approvals.signed import Kind, Signed, seal
from audit import proposals, standing
from audit.proposals import Found
from policies.catalogue import Effect
from policies.ruling import Finding, Outcome, Ruling
from tests.e2e.hostile import ISSUE, Mission, hijacked
from tests.world import World
from workflows.asking import COMMITS, READS


def _why(settlement_findings: tuple[Finding, ...]) -> set[str]:
    return {finding.check for finding in settlement_findings if not finding.holds}


@pytest.mark.promise("E1")
async def test_settle_without_a_proposal_is_refused(attacker: World) -> None:
    """docs/threats.md E1: the gate looks for the proposal in the history, and there is none."""
    mission = await hijacked(attacker)
    settlement = await mission.settle("0" * 64)
    assert settlement.kind is SettlementKind.NOT_SENT and _why(settlement.findings) == {"proposal"}
    assert settlement.retry_seconds is None and mission.rows == 0


async def _invented(mission: Mission, key: str) -> Signed:
    """A proposal that looks right in every field, signed by *key*."""
    real = Proposal.model_validate((await mission.propose()).body)
    draft = real.model_copy(update={"action": real.action.model_copy(update={"arguments": mission.refund(amount_minor=9999)})})
    card = render(draft).digest
    return seal(Kind.PROPOSAL, draft.model_copy(update={"card": card}).model_dump(mode="json"), mission.world.signers[key])


@pytest.mark.promise("E2")
@pytest.mark.parametrize("key", ["stranger", "sam", "mission-worker"])
async def test_invented_proposal_is_not_settled(attacker: World, key: str) -> None:
    """docs/threats.md E2: somebody completed `propose` from outside with a body that no gate key signed."""
    mission = await hijacked(attacker)
    invented = await _invented(mission, key)
    await mission.forge("propose", invented)
    await attacker.decide(mission.handle, "sam", found=Found(Proposal.model_validate(invented.body), invented.digest, 5))
    settlement = await mission.settle(invented.digest)
    assert _why(settlement.findings) == {"proposal"} and mission.rows == 0


@pytest.mark.promise("E2")
@pytest.mark.promise("A6")
@pytest.mark.parametrize("forged", ["unsigned", "wrong body", "wrong kind", "another digest"])
async def test_changed_answer_of_the_gate_is_not_settled(attacker: World, forged: str) -> None:
    """docs/threats.md E2, A6: the gate's own words, changed after they were signed or filed under another digest."""
    mission = await hijacked(attacker)
    signed = await mission.propose()
    changed: dict[str, Any] = {
        "unsigned": {"jws": "", "digest": "a" * 64},
        "wrong body": {"body": signed.body | {"because": "changed"}, "digest": "a" * 64},
        "wrong kind": {"kind": Kind.CLAIM, "digest": "a" * 64},
        "another digest": {"digest": "a" * 64},
    }
    await mission.forge("propose", signed.model_copy(update=changed[forged]))
    settlement = await mission.settle("a" * 64)
    assert _why(settlement.findings) == {"proposal"} and mission.rows == 0


@pytest.mark.control("E2")
async def test_invented_proposal_pays_where_signatures_are_not_checked(
    attacker: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The gate's signature is what makes a proposal the gate's."""
    mission = await hijacked(attacker)
    invented = await _invented(mission, "stranger")
    await mission.forge("propose", invented)
    monkeypatch.setattr(proposals, "opened", lambda signed, kind, key_of: signed.body)
    found = await attacker.proposal(mission.handle, invented.digest)
    await attacker.decide(mission.handle, "sam", found=found)
    assert (await mission.settle(invented.digest)).kind is SettlementKind.RECEIPT
    assert [row.amount_minor for row in attacker.ledger(mission.order_id)] == [9999]


@pytest.mark.promise("E3")
@pytest.mark.promise("A4")
async def test_proposal_of_another_mission_is_not_settled(attacker: World) -> None:
    """docs/threats.md E3: a proposal and its approval are carried from the mission they were made in to another one."""
    source, target = await hijacked(attacker), await hijacked(attacker)
    signed = await source.propose()
    found = await attacker.proposal(source.handle, signed.digest)
    token = await attacker.decide(source.handle, "sam", found=found)
    await target.forge("propose", signed)
    await target.handle.signal("decide", token)
    settlement = await target.settle(found.digest)
    assert {"run", "evidence"} <= _why(settlement.findings) and source.rows == 0


@pytest.mark.control("E3")
async def test_proposal_of_another_mission_pays_where_nothing_binds_it(
    attacker: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run and the evidence are what bind a proposal, and with it a decision, to its mission."""
    source, target = await hijacked(attacker), await hijacked(attacker)
    signed = await source.propose()
    await target.forge("propose", signed)
    for check in ("run", "evidence", "owner"):
        monkeypatch.delitem(standing.CHECKS, check)
    found = await attacker.proposal(target.handle, signed.digest)
    await attacker.decide(target.handle, "sam", found=found)
    assert (await target.settle(found.digest)).kind is SettlementKind.RECEIPT
    assert source.rows == 1


@pytest.mark.promise("E4")
async def test_commit_operation_is_not_read(attacker: World) -> None:
    """docs/threats.md E4: `read` refuses what changes state before it asks for any token."""
    mission = await hijacked(attacker)
    answer = await mission.call("read", {"operation": ISSUE, "arguments": mission.refund()}, READS)
    assert answer.error == "NotPermitted" and "leaves only through" in answer.said
    assert mission.rows == 0


@pytest.mark.promise("E10")
@pytest.mark.control("E4")
async def test_read_worker_has_no_credential_that_pays(attacker: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """docs/threats.md E10: with every rule of the read worker taken out, its client still gets no token that pays."""
    bundle = attacker.bundle
    payments = bundle.catalogue.integrations["payments"]
    refund = payments.operations["issue_refund"].model_copy(update={"effect": Effect.READ, "scope": "payments:read"})
    payments = payments.model_copy(update={"operations": payments.operations | {"issue_refund": refund}})
    catalogue = bundle.catalogue.model_copy(update={"integrations": bundle.catalogue.integrations | {"payments": payments}})
    open_bundle = dataclasses.replace(bundle, catalogue=catalogue)
    allow = Ruling(outcome=Outcome.ALLOW, findings=(), bundle=bundle.digest)
    monkeypatch.setattr(type(bundle), "rule", lambda *_: allow)
    reads, queue = (
        ReadActivities(open_bundle, ServerStarts(attacker.client), McpTools(), attacker.reader),
        f"reads-{uuid4().hex}",
    )
    mission = await hijacked(attacker)
    async with Worker(attacker.client, task_queue=queue, activities=[reads.read]):
        answer = await mission.call("read", {"operation": ISSUE, "arguments": mission.refund()}, queue)
    assert answer.result["failed"] and "needs a token for this one operation" in answer.result["result"]
    assert mission.rows == 0


@pytest.mark.promise("E5")
@pytest.mark.promise("E6")
@pytest.mark.parametrize(
    ("operation", "why"),
    [
        ("payments.pay_supplier", "not in the integrations catalogue"),
        ("bank.transfer", "not in the integrations catalogue"),
        ("payments", "not in the integrations catalogue"),
        ("payments.issue_refund.", "not in the integrations catalogue"),
        ("Payments.issue_refund", "not in the integrations catalogue"),
        ("payments.list_refunds", "is a read"),
    ],
)
async def test_unlisted_operation_is_not_proposed(attacker: World, operation: str, why: str) -> None:
    """docs/threats.md E5, E6: what nobody listed or classified as a commit gets no proposal."""
    mission = await hijacked(attacker)
    answer = await mission.propose(operation=operation)
    assert answer.kind is Kind.REFUSAL
    assert any(why in reason for reason in Refusal.model_validate(answer.body).reasons())


@pytest.mark.promise("E6")
async def test_operation_without_a_classification_is_gated(attacker: World) -> None:
    """docs/threats.md E6: an entry that names no effect is a commit, whatever it is called."""
    bundle = attacker.bundle
    payments = bundle.catalogue.integrations["payments"]
    bare = type(payments.operations["list_refunds"]).model_validate(
        {"contract": payments.operations["list_refunds"].contract, "scope": "payments:read"}
    )
    payments = payments.model_copy(update={"operations": payments.operations | {"list_refunds": bare}})
    catalogue = bundle.catalogue.model_copy(update={"integrations": bundle.catalogue.integrations | {"payments": payments}})
    mission, unclassified = await hijacked(attacker), dataclasses.replace(bundle, catalogue=catalogue)
    reads, queue = (
        ReadActivities(unclassified, ServerStarts(attacker.client), McpTools(), attacker.reader),
        f"reads-{uuid4().hex}",
    )
    asked = {"operation": "payments.list_refunds", "arguments": {"order_id": mission.order_id}}
    async with Worker(attacker.client, task_queue=queue, activities=[reads.read]):
        answer = await mission.call("read", asked, queue)
    assert answer.error == "NotPermitted" and "changes state" in answer.said


@pytest.mark.promise("E11")
async def test_forged_settlement_pays_nothing_and_the_next_card_tells(attacker: World) -> None:
    """docs/threats.md E11: the mission is told that it paid; the next card says that the proposal was never used."""
    mission = await hijacked(attacker)
    found = await mission.approved()
    pending = await mission.call("settle", {"proposal": "0" * 64})
    await mission.forge("settle", Signed.model_validate(pending.result))
    again = await mission.proposed(step="2")
    assert [(prior.proposal, prior.kind) for prior in again.proposal.prior] == [(found.digest, "not used")]
    assert mission.rows == 0
    assert (await mission.settle(found.digest)).kind is SettlementKind.RECEIPT and mission.rows == 1


@pytest.mark.promise("E11")
async def test_forged_refusal_does_not_hide_a_payment_from_the_next_card(attacker: World) -> None:
    """docs/threats.md E11: paid, and the mission is told otherwise; the next card shows the receipt."""
    mission = await hijacked(attacker)
    found = await mission.approved()
    assert (await mission.settle(found.digest)).kind is SettlementKind.RECEIPT
    await mission.forge("settle", {"kind": "settlement", "digest": "0" * 64, "body": {"kind": "not_sent"}, "jws": ""})
    again = await mission.proposed(step="2")
    assert [(prior.proposal, prior.kind) for prior in again.proposal.prior] == [(found.digest, "receipt")]
    assert (await mission.settle(found.digest)).kind is SettlementKind.RECEIPT and mission.rows == 1


@pytest.mark.promise("E12")
@pytest.mark.parametrize("activity", ["settle", "propose"])
async def test_activity_outside_a_mission_is_refused(attacker: World, activity: str) -> None:
    """docs/threats.md E12: a standalone activity has no history that could prove anything."""
    mission = await hijacked(attacker)
    found = await mission.approved()
    argument = SettleRequest(proposal=found.digest) if activity == "settle" else _request(mission)
    with pytest.raises(ActivityFailureError) as failed:
        await _alone(attacker, activity, argument)
    assert isinstance(failed.value.cause, ApplicationError) and failed.value.cause.type == "OutsideMission"
    assert mission.rows == 0


@pytest.mark.control("E12")
async def test_activity_outside_a_mission_pays_where_it_may_name_one(attacker: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the gate let its caller say which mission it is, anybody could settle for any mission."""
    mission = await hijacked(attacker)
    found = await mission.approved()
    record = await attacker.record(mission.handle)
    named = Here(record.namespace, record.mission_id, record.run_id, found.proposal.created_at)
    monkeypatch.setattr("activities.commit.here", lambda: named)
    await _alone(attacker, "settle", SettleRequest(proposal=found.digest))
    assert mission.rows == 1


def _request(mission: Mission) -> ProposeRequest:
    return ProposeRequest(step="1", operation=ISSUE, arguments=mission.refund())


async def _alone(world: World, activity: str, argument: SettleRequest | ProposeRequest) -> None:
    await world.client.execute_activity(
        activity,
        argument,
        id=f"alone-{uuid4().hex}",
        task_queue=COMMITS,
        start_to_close_timeout=timedelta(seconds=20),
        retry_policy=RetryPolicy(maximum_attempts=1),
    )
