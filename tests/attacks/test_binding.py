"""A: an approval is bound to the exact action, its card and its trail. Source: docs/threats.md, A."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import JsonValue

from approvals import checks, jws
from approvals.card import render
from approvals.decision import TYP
from approvals.proposal import Proposal
from approvals.signed import Kind, Signed, seal
from audit import proposals, standing
from policies.bundle import Bundle
from policies.canonical import Digest
from policies.ruling import Finding
from tests.conftest import Without
from tests.fakes.bench import LARGE, SMALL, Bench
from tests.fakes.history import edited
from tests.fakes.kit import Kit, in_file


def believed(signed: Signed, kind: Kind, key_of: object) -> dict[str, JsonValue]:
    """A gate that trusts whatever stands in the history."""
    return signed.body


async def approved(bench: Bench) -> Digest:
    """A small refund that Sam approved, not settled yet."""
    found = await bench.propose()
    bench.approve("sam")
    return found.digest


def completed_again(bench: Bench, **body: Any) -> None:
    """A hostile worker's edit of the recorded proposal: other body, card to match, signature and digest as they were."""
    event = next(e for e in bench.mission.events if e.event_id == bench.found().event_id)
    kept = json.loads(event.activity_task_completed_event_attributes.result.payloads[0].data)
    proposal = Proposal.model_validate({**kept["body"], **body})
    fitting = proposal.model_copy(update={"card": render(proposal).digest})
    edited(event, {"body": fitting.model_dump(mode="json")})


def other_amount(bench: Bench) -> dict[str, JsonValue]:
    """The proposed action with another amount."""
    return {**bench.found().proposal.action.model_dump(mode="json"), "arguments": {**SMALL, "amount_minor": 9900}}


@pytest.mark.promise("A1")
async def test_arguments_changed_after_the_decision_send_nothing(bench: Bench) -> None:
    """The signature covers the body: an edited proposal is nobody's."""
    digest = await approved(bench)
    completed_again(bench, action=other_amount(bench))
    settlement = await bench.settle(digest, recorded=False)
    assert (settlement.kind, bench.paid) == ("not_sent", [])


@pytest.mark.control("A1")
async def test_arguments_change_where_the_proposal_is_not_opened(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, without: Without
) -> None:
    """Two defences out: the gate's signature, and the decisions' trail, which covers the edited event."""
    digest = await approved(bench)
    completed_again(bench, action=other_amount(bench))
    monkeypatch.setattr(proposals, "opened", believed)
    without(checks.CHECKS, "evidence")
    await bench.settle(digest, recorded=False)
    assert bench.paid == [9900]


def moved(kit: Kit) -> Bundle:
    """The payment system under another address, of whoever could swap it."""
    old, new = "http://127.0.0.1:7812/mcp", "http://evil.example/mcp"
    return kit.changed("moved", in_file("integrations.yaml", old, new))


@pytest.mark.promise("A2")
async def test_server_swapped_under_an_approval_gets_no_call(bench: Bench, kit: Kit) -> None:
    """The endpoint is part of the action: an approval for one server is none for another."""
    digest = await approved(bench)
    settlement = await bench.settle(digest, gate=bench.another_gate(moved(kit)))
    assert settlement.kind == "not_sent"
    assert bench.tools.calls == []


@pytest.mark.promise("A2")
async def test_operation_swapped_after_the_decision_sends_nothing(bench: Bench) -> None:
    """As with arguments: the body is signed whole."""
    digest = await approved(bench)
    action = bench.found().proposal.action.model_copy(update={"operation": "payments.list_refunds"})
    completed_again(bench, action=action.model_dump(mode="json"))
    settlement = await bench.settle(digest, recorded=False)
    assert (settlement.kind, bench.tools.calls) == ("not_sent", [])


@pytest.mark.control("A2")
async def test_server_swap_succeeds_where_nobody_rules_again(bench: Bench, kit: Kit, without: Without) -> None:
    """The ruling at admission is what compares the endpoint."""
    digest = await approved(bench)
    without(standing.CHECKS, "ruling")
    await bench.settle(digest, gate=bench.another_gate(moved(kit)))
    assert [call.url for call in bench.tools.effects] == ["http://evil.example/mcp"]


def drifted(bench: Bench, **changes: Any) -> None:
    """The server now describes the tool otherwise."""
    bench.tools.served["issue_refund"] = bench.tools.served["issue_refund"].model_copy(update=changes)


@pytest.mark.promise("A3")
@pytest.mark.parametrize("change", [{"description": "Pays twice."}, {"input_schema": {"type": "object"}}])
async def test_tool_that_drifts_while_a_proposal_waits_is_not_called(bench: Bench, change: dict[str, Any]) -> None:
    """The contract is compared again in the very session that would send."""
    digest = await approved(bench)
    drifted(bench, **change)
    settlement = await bench.settle(digest)
    assert (settlement.kind, bench.tools.calls) == ("not_sent", [])
    assert "is not what was pinned" in " ".join(settlement.reasons())


@pytest.mark.promise("A3")
async def test_tool_that_is_no_longer_offered_is_not_called(bench: Bench) -> None:
    """Gone is drift too."""
    digest = await approved(bench)
    del bench.tools.served["issue_refund"]
    assert (await bench.settle(digest)).kind == "not_sent"
    assert bench.tools.calls == []


@pytest.mark.control("A3")
async def test_drifted_tool_is_called_where_drift_is_not_looked_for(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """One defence: the comparison."""
    digest = await approved(bench)
    drifted(bench, description="Pays twice.")
    same = Finding(check="contract", holds=True, words="")
    monkeypatch.setattr(Bundle, "drift", lambda bundle, operation, served: same)
    await bench.settle(digest)
    assert bench.paid == [4200]


@pytest.mark.promise("A4")
async def test_decision_on_one_proposal_does_not_count_for_its_sibling(bench: Bench) -> None:
    """Two proposals of one run with the same arguments: each needs its own."""
    digest = await approved(bench)
    second = await bench.propose(step="2")
    assert (await bench.settle(second.digest)).kind == "pending"
    assert (await bench.settle(digest)).kind == "receipt"


@pytest.mark.promise("A4")
@pytest.mark.parametrize(("mission_id", "run_id"), [("refund-2", "run-1"), ("refund-1", "run-2")])
async def test_decision_copied_to_another_mission_or_run_does_not_count(bench: Bench, mission_id: str, run_id: str) -> None:
    """The proposal's digest covers mission and run, so a copied token is about another proposal."""
    await bench.propose()
    token = bench.decide("sam")
    bench.started(mission_id, run_id)
    await bench.propose()
    bench.say(token)
    assert (await bench.settle()).kind == "pending"
    assert bench.paid == []


@pytest.mark.promise("A4")
async def test_decision_copied_to_another_namespace_does_not_count(bench: Bench) -> None:
    """The namespace is in the action and in the decision's audience."""
    digest = await approved(bench)
    bench.mission.namespace = "staging"
    settlement = await bench.settle(digest)
    assert (settlement.kind, bench.paid) == ("not_sent", [])


@pytest.mark.control("A4")
async def test_copied_decision_counts_where_its_digest_is_not_compared(bench: Bench, without: Without) -> None:
    """Two defences out: the digest, and the trail it was reviewed on."""
    await bench.propose()
    token = bench.decide("sam")
    bench.started("refund-2")
    await bench.propose()
    bench.say(token)
    without(checks.CHECKS, "proposal", "evidence")
    assert (await bench.settle()).kind == "receipt"
    assert bench.paid == [4200]


def two_verdicts(bench: Bench) -> str:
    """A signed payload that one reader reads as a deny and another as an approve."""
    honest = bench.statement().model_dump_json()
    payload = f'{{"verdict":"deny",{honest[1:]}'.encode()
    header: dict[str, JsonValue] = {"alg": jws.ALGORITHM, "kid": "sam-1", "typ": TYP}
    return bench.signed_bytes("sam", header, payload)


@pytest.mark.promise("A5")
async def test_decision_with_a_key_given_twice_is_refused(bench: Bench) -> None:
    """Duplicate keys have two readings; none of them counts."""
    await bench.propose()
    bench.say(two_verdicts(bench))
    settlement = await bench.settle()
    assert (settlement.kind, bench.paid) == ("pending", [])
    assert "not readable" in settlement.votes[0].refused[0]


@pytest.mark.control("A5")
async def test_decision_with_two_verdicts_counts_for_a_lenient_reader(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the standard library's reader the last of two keys wins."""
    await bench.propose()
    bench.say(two_verdicts(bench))
    monkeypatch.setattr(jws, "parse", json.loads)
    await bench.settle()
    assert bench.paid == [4200]


@pytest.mark.promise("A5")
@pytest.mark.parametrize(
    "change",
    [
        {"amount_minor": 2**53},
        {"amount_minor": 42.5},
        {"amount_minor": float("nan")},
        {"reason": "cafe\u0301"},
        {"reason": "\ud800"},
        {"reason": "x" * 300_000},
        {"reason": json.loads("[" * 40 + "]" * 40)},
    ],
)
async def test_arguments_without_one_form_are_not_proposed(bench: Bench, change: dict[str, JsonValue]) -> None:
    """Big integers, fractions, NaN, NFD, lone surrogates, size and depth."""
    assert await bench.refused({**SMALL, **change})


@pytest.mark.promise("A5")
async def test_a_number_has_one_form_whatever_it_was_written_as(bench: Bench) -> None:
    """4200.0 is 4200 in what is digested, shown and sent."""
    found = await bench.propose({**SMALL, "amount_minor": 4200.0})
    bench.approve("sam")
    await bench.settle()
    assert repr(found.proposal.action.arguments["amount_minor"]) == "4200"
    assert repr(bench.tools.calls[0].arguments["amount_minor"]) == "4200"


@pytest.mark.promise("A6")
async def test_proposal_relabelled_with_a_digest_of_the_callers_choice_is_nobodys(bench: Bench) -> None:
    """Otherwise one proposal would have as many uses as it has labels, and a decision would follow the label."""
    found = await bench.propose()
    kept = bench.mission.record().entries(Kind.PROPOSAL)[0].signed
    label = Digest("a" * 64)
    bench.mission.activity("propose", {"step": "1"}, kept.model_copy(update={"digest": label}))
    bench.decide("sam", found=found, proposal=label)
    settlement = await bench.settle(label)
    assert (settlement.kind, bench.paid) == ("not_sent", [])


@pytest.mark.control("A6")
async def test_relabelled_proposal_is_paid_a_second_time_where_labels_are_believed(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The digest a caller wrote gives the same signed body another use."""
    digest = await approved(bench)
    await bench.settle(digest)
    kept = bench.mission.record().entries(Kind.PROPOSAL)[0].signed
    label = Digest("a" * 64)
    bench.mission.activity("propose", {"step": "1"}, kept.model_copy(update={"digest": label}))
    monkeypatch.setattr(proposals, "opened", believed)
    bench.tools.honours_keys = False
    bench.decide("sam", proposal=label)
    await bench.settle(label)
    assert bench.paid == [4200, 4200]


async def with_another_card(bench: Bench) -> Digest:
    """A proposal that the gate's key signed with the card of another, and Sam's approval of it."""
    honest = await bench.asked()
    lying = await bench.asked({**SMALL, "reason": "something else"})
    body = {**honest.body, "card": lying.body["card"]}
    bench.mission.activity("propose", {"step": "1"}, seal(Kind.PROPOSAL, body, bench.kit.signers["gate"]))
    bench.approve("sam")
    return bench.found().digest


@pytest.mark.promise("A7")
async def test_card_that_is_not_the_actions_voids_the_proposal(bench: Bench) -> None:
    """The gate renders the card anew and compares digests."""
    settlement = await bench.settle(await with_another_card(bench))
    assert (settlement.kind, settlement.retry_seconds, bench.paid) == ("not_sent", None, [])


@pytest.mark.control("A7")
async def test_lying_card_passes_where_it_is_not_rendered_again(bench: Bench, without: Without) -> None:
    """One defence: the card check."""
    without(standing.CHECKS, "card")
    await bench.settle(await with_another_card(bench))
    assert bench.paid == [4200]


def rewritten(bench: Bench) -> None:
    """Somebody who may write to the store edits what the mission had read before it proposed."""
    event = next(e for e in bench.mission.events if e.HasField("activity_task_completed_event_attributes"))
    edited(event, {"result": {"order_id": "ORD-6666"}})


@pytest.mark.promise("A8")
async def test_trail_edited_between_review_and_use_voids_the_approval(bench: Bench) -> None:
    """Proposal and decision both carry the digest of the trail they were made on."""
    digest = await approved(bench)
    rewritten(bench)
    settlement = await bench.settle(digest)
    assert (settlement.kind, bench.paid) == ("not_sent", [])
    assert "over another history" in " ".join(settlement.reasons())


@pytest.mark.control("A8")
async def test_edited_trail_passes_where_nobody_compares_it(bench: Bench, without: Without) -> None:
    """Two defences out: the proposal's evidence and the decision's."""
    digest = await approved(bench)
    rewritten(bench)
    without(standing.CHECKS, "evidence")
    without(checks.CHECKS, "evidence")
    await bench.settle(digest)
    assert bench.paid == [4200]


@pytest.mark.promise("A1")
async def test_approval_of_a_small_refund_does_not_carry_to_a_large_one(bench: Bench) -> None:
    """The next step with other arguments starts at nobody's say-so."""
    await approved(bench)
    large = await bench.propose(LARGE, step="2")
    settlement = await bench.settle(large.digest)
    assert (settlement.kind, settlement.missing) == ("pending", ("1 of finance", "1 of support-lead"))
