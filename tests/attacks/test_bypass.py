"""E: there is no way around the gate. Source: docs/threats.md, E."""

from __future__ import annotations

import dataclasses
import re
from typing import Any

import pytest
from pydantic import JsonValue
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities import commit
from activities.commit import CommitActivities, SettleRequest
from activities.errors import Lost
from activities.proposer import Proposer
from activities.read import ReadActivities, ReadRequest, ReadResult
from approvals import checks
from approvals.proposal import Proposal
from approvals.settlement import Settlement, SettlementKind
from approvals.signed import Kind, Signed, seal
from audit import proposals, standing
from policies.bundle import Bundle
from policies.canonical import Digest
from policies.errors import BundleError
from policies.load import load
from tests.conftest import Without
from tests.fakes.bench import REFUND, SMALL, Bench
from tests.fakes.kit import Kit, edit_yaml, in_file
from tests.fakes.ports import FakeStarts


def believed(signed: Signed, kind: Kind, key_of: object) -> dict[str, JsonValue]:
    """A gate that trusts whatever stands in the history."""
    return signed.body


@pytest.mark.promise("E1")
async def test_settle_without_a_proposal_sends_nothing(bench: Bench) -> None:
    """The caller names a proposal, and the history has none."""
    settlement = await bench.settle(Digest("d" * 64))
    assert (settlement.kind, settlement.retry_seconds, bench.tools.calls) == ("not_sent", None, [])


async def invented(bench: Bench) -> Digest:
    """A hostile worker completes `propose` itself, with a body it wrote and a key of its own, and has it approved."""
    body = {**(await bench.asked()).body, "gate": "gate-1"}
    answer = seal(Kind.PROPOSAL, body, bench.kit.signers["stranger"])
    done = bench.mission.activity("propose", {"step": "1"}, answer)
    found = proposals.Found(Proposal.model_validate(body), answer.digest, done)
    bench.decide("sam", found=found)
    return answer.digest


@pytest.mark.promise("E2")
async def test_invented_proposal_sends_nothing(bench: Bench) -> None:
    """Only a pinned gate key makes a proposal, however many people approved it."""
    settlement = await bench.settle(await invented(bench))
    assert (settlement.kind, bench.tools.calls) == ("not_sent", [])
    assert "not a gate key of this bundle" in " ".join(settlement.reasons())


@pytest.mark.control("E1")
@pytest.mark.control("E2")
async def test_invented_proposal_is_paid_where_its_signature_is_not_verified(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One defence: opening what the history holds."""
    digest = await invented(bench)
    monkeypatch.setattr(proposals, "opened", believed)
    await bench.settle(digest)
    assert bench.paid == [4200]


async def of_another_mission(bench: Bench) -> Digest:
    """An approved proposal of one mission, copied with its decisions into the history of another."""
    found = await bench.propose()
    bench.approve("sam")
    events = bench.mission.events
    bench.started("refund-2")
    bench.mission.copied(events[len(bench.mission.events) :])
    return found.digest


@pytest.mark.promise("E3")
async def test_proposal_of_another_mission_sends_nothing(bench: Bench) -> None:
    """The gate's signature is good; the run is another."""
    settlement = await bench.settle(await of_another_mission(bench))
    assert (settlement.kind, bench.tools.calls) == ("not_sent", [])
    assert "made for another mission run" in " ".join(settlement.reasons())


@pytest.mark.control("E3")
async def test_copied_proposal_is_paid_where_run_and_trail_are_not_compared(bench: Bench, without: Without) -> None:
    """Three defences out: the run, the proposal's trail and the decision's trail."""
    digest = await of_another_mission(bench)
    without(standing.CHECKS, "run", "evidence")
    without(checks.CHECKS, "evidence")
    await bench.settle(digest)
    assert bench.paid == [4200]


def reader(bench: Bench) -> ReadActivities:
    """The activity of the read worker, on the bench's fakes."""
    return ReadActivities(bench.bundle, FakeStarts(bench.histories), bench.tools, bench.tokens)


async def read(bench: Bench, operation: str, arguments: dict[str, JsonValue] | None = None) -> ReadResult:
    """One read as a mission would ask for it."""
    environment = ActivityEnvironment()
    environment.info = dataclasses.replace(
        environment.info, workflow_id=bench.mission.mission_id, workflow_run_id=bench.mission.run_id
    )
    request = ReadRequest(operation=operation, arguments=arguments or SMALL)
    return await environment.run(reader(bench).read, request)


@pytest.mark.promise("E4")
async def test_commit_operation_through_read_is_refused(bench: Bench) -> None:
    """Mission code may ask; the read worker looks at the classification."""
    with pytest.raises(ApplicationError, match="leaves only through"):
        await read(bench, REFUND)
    assert bench.tools.calls == []


def called_a_read(root: Any) -> None:
    """Somebody classified the payment as a read, and a policy lets it be read."""

    def change(catalogue: dict[str, Any]) -> None:
        catalogue["integrations"]["payments"]["operations"]["issue_refund"] |= {"effect": "read", "scope": "payments:read"}

    edit_yaml(root / "integrations.yaml", change)
    edit = in_file(
        "refund.cedar", 'Action::"payments.list_refunds"]', 'Action::"payments.list_refunds", Action::"payments.issue_refund"]'
    )
    edit(root)
    text = (root / "refund.cedar").read_text()
    asking = re.compile(r"^@(requires|expires|escalate|amendable|batch)\(.*\)\n", re.MULTILINE)
    (root / "refund.cedar").write_text(asking.sub("", text))


@pytest.mark.control("E4")
async def test_payment_that_a_person_classified_as_a_read_goes_out(kit: Kit) -> None:
    """One defence: the classification, which only a person makes."""
    bench = Bench(kit, kit.changed("called a read", called_a_read))
    await read(bench, REFUND)
    assert bench.paid == [4200]


UNLISTED = ["payments.wipe_ledger", "shell.run", "payments.issue_refund.", "payments", "", "payments.Issue_refund"]


@pytest.mark.promise("E5")
@pytest.mark.parametrize("operation", UNLISTED)
async def test_unlisted_operation_is_neither_read_nor_proposed(bench: Bench, operation: str) -> None:
    """Nothing unlisted is called, however it is spelled."""
    assert "is not in the integrations catalogue" in await bench.refused(operation=operation)
    with pytest.raises(ApplicationError, match="nothing unlisted is called"):
        await read(bench, operation)
    assert bench.tools.calls == []


@pytest.mark.control("E5")
async def test_operation_is_read_once_a_person_lists_it(bench: Bench) -> None:
    """One defence: the catalogue. Listed, permitted and as pinned, the same kind of call goes out."""
    await read(bench, "payments.list_refunds", {"order_id": "ORD-2001"})
    assert [call.tool for call in bench.tools.calls] == ["list_refunds"]


def unclassified(root: Any) -> None:
    """Nobody said what `list_refunds` does."""

    def change(catalogue: dict[str, Any]) -> None:
        del catalogue["integrations"]["payments"]["operations"]["list_refunds"]["effect"]

    edit_yaml(root / "integrations.yaml", change)


@pytest.mark.promise("E6")
def test_bundle_that_reads_an_unclassified_operation_does_not_load(kit: Kit) -> None:
    """Unknown is a commit, and a commit is not permitted without `@requires`."""
    with pytest.raises(BundleError, match="permits an operation that commits without"):
        load(kit.copy("unclassified", unclassified))


@pytest.mark.promise("E6")
async def test_unclassified_operation_is_not_read(kit: Kit) -> None:
    """The same, where no policy names it."""

    def edit(root: Any) -> None:
        unclassified(root)
        for name in ("refund.cedar", "autonomous.cedar"):
            in_file(name, ', Action::"payments.list_refunds"]', "]")(root)

    bench = Bench(kit, kit.changed("unclassified and unnamed", edit))
    with pytest.raises(ApplicationError, match="changes state"):
        await read(bench, "payments.list_refunds", {"order_id": "ORD-2001"})
    assert bench.tools.calls == []


@pytest.mark.control("E6")
async def test_operation_is_read_where_a_person_classified_it(bench: Bench) -> None:
    """One defence: that what nobody classified is a commit."""
    assert not (await read(bench, "payments.list_refunds", {"order_id": "ORD-2001"})).failed
    assert [call.tool for call in bench.tools.calls] == ["list_refunds"]


def forged(bench: Bench, kind: SettlementKind) -> None:
    """Somebody completes `settle` from outside, with a settlement under a key of his own."""
    record, found = bench.mission.record(), bench.found()
    settlement = Settlement(
        kind=kind,
        proposal=found.digest,
        mission=record.started.mission,
        head=found.proposal.evidence,
        at=bench.clock(),
        findings=(),
        bundle=bench.bundle.digest,
    )
    answer = seal(Kind.SETTLEMENT, settlement.model_dump(mode="json"), bench.kit.signers["stranger"])
    bench.mission.activity("settle", {"proposal": found.digest}, answer)


@pytest.mark.promise("E11")
@pytest.mark.parametrize("kind", list(SettlementKind))
async def test_forged_settlement_neither_pays_nor_stops_payment(bench: Bench, kind: SettlementKind) -> None:
    """It can mislead the mission's verdict, and nothing else: the gate asks the history and the uses."""
    await bench.propose()
    forged(bench, kind)
    assert (await bench.settle()).kind == "pending"
    bench.approve("sam")
    assert (await bench.settle()).kind == "receipt"
    assert bench.paid == [4200]


@pytest.mark.promise("E11")
async def test_forged_receipt_in_the_use_is_not_answered(bench: Bench) -> None:
    """Whoever may signal a workflow may write into the use; only the gate's receipt for this proposal counts."""
    found = await bench.propose()
    bench.approve("sam")
    bench.tools.loses, bench.tools.honours_keys = 1, True
    with pytest.raises(Lost):
        await bench.settle(recorded=False)
    bench.uses.receipts[found.digest] = [seal(Kind.RECEIPT, {"proposal": found.digest}, bench.kit.signers["stranger"])]
    settlement = await bench.settle()
    assert settlement.receipt is not None
    assert bench.body(settlement.receipt, Kind.RECEIPT)["proposal"] == found.digest


@pytest.mark.control("E11")
async def test_forged_settlement_stops_payment_where_its_signature_is_not_verified(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One defence: the signature. Here a stranger's no is taken for the gate's."""
    await bench.propose()
    forged(bench, SettlementKind.DENIED)
    bench.approve("sam")
    monkeypatch.setattr(proposals, "opened", believed)
    assert (await bench.settle()).kind == "denied"


def activities(bench: Bench) -> CommitActivities:
    """The commit worker's activities on the bench's fakes."""
    return CommitActivities(bench.gate, Proposer(bench.ports, bench.bundle, bench.kit.signers["gate"]))


@pytest.mark.promise("E12")
async def test_standalone_activity_without_a_mission_is_refused(bench: Bench) -> None:
    """Outside a workflow there is no history that could prove anything."""
    found = await bench.propose()
    bench.approve("sam")
    environment = ActivityEnvironment()
    environment.info = dataclasses.replace(environment.info, workflow_id=None, workflow_run_id=None)
    with pytest.raises(ApplicationError, match="answers missions only"):
        await environment.run(activities(bench).settle, SettleRequest(proposal=found.digest))
    assert bench.tools.calls == []


@pytest.mark.control("E12")
async def test_standalone_activity_pays_where_it_may_say_whose_it_is(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """One defence: that the mission is the server's word. Here the caller names an approved one."""
    found = await bench.propose()
    bench.approve("sam")
    environment = ActivityEnvironment()
    environment.info = dataclasses.replace(environment.info, workflow_id=None, workflow_run_id=None)
    monkeypatch.setattr(commit, "here", bench.here)
    await environment.run(activities(bench).settle, SettleRequest(proposal=found.digest))
    assert bench.paid == [4200]


@pytest.mark.promise("E9")
async def test_token_is_asked_for_the_exact_action_and_no_other(bench: Bench) -> None:
    """The gate's half: the issuer and the payment system prove theirs in tests/examples."""
    found = await bench.propose()
    bench.approve("sam")
    await bench.settle()
    assert bench.tokens.actions == [found.proposal.action]
    assert bench.tools.calls[0].token.startswith(f"action {found.proposal.action.digest}")


@pytest.mark.promise("E7")
def test_contract_keeps_no_hint_of_the_server(kit: Kit) -> None:
    """What a server says of its tool beyond name, description and schema has no place to stand in."""
    bundle: Bundle = kit.bundle
    contract = bundle.catalogue.contracts[REFUND]
    hinted = {**contract.model_dump(), "annotations": {"readOnlyHint": True}}
    assert type(contract).model_validate(hinted) == contract
    assert type(contract).model_validate(hinted).digest == contract.digest
