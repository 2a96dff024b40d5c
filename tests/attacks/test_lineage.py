"""
D4, successors: what an earlier run did is on the card of the mission that succeeds it.

Source: docs/decisions/0011-lineage.md
"""

from __future__ import annotations

from typing import Any

import pytest
from temporalio.api.enums.v1 import EventType

from activities import earlier
from activities.earlier import MAX_MISSIONS
from activities.lineage import MAX_PRIOR
from approvals.card import as_text, render
from approvals.jws import Signer
from approvals.proposal import Prior, PriorKind, Proposal
from approvals.settlement import USED
from approvals.start import Predecessor
from audit.proposals import Found
from tests.fakes.bench import SMALL, Bench
from tests.fakes.history import FakeHistory, sealed_payload
from tests.fakes.kit import Kit, without_idempotency

OTHER = {**SMALL, "order_id": "ORD-2002"}


async def paid(bench: Bench, **request: Any) -> Found:
    """A refund that was proposed, approved and paid."""
    found = await bench.propose(**request)
    bench.approve("sam")
    assert (await bench.settle()).kind == "receipt"
    return found


async def in_doubt(bench: Bench) -> Found:
    """A refund whose answer was lost for good: announced, and nobody knows whether it was paid."""
    found = await bench.propose()
    bench.approve("sam")
    bench.tools.loses = 1
    assert (await bench.settle()).kind == "unknown"
    return found


def succeeded(bench: Bench, mission_id: str = "refund-2", *, by: FakeHistory | None = None, **how: Any) -> FakeHistory:
    """A mission that succeeds the bench's, or *by*; it becomes the bench's."""
    before = by or bench.mission
    named = Predecessor(mission_id=before.mission_id, run_id=before.run_id)
    return bench.started(mission_id, how.pop("run_id", f"run-of-{mission_id}"), predecessor=named, **how)


def facts(proposal: Proposal) -> list[tuple[str, str]]:
    """What the card says of before."""
    lines = render(proposal).facts
    return [(line.label, line.text) for line in lines if line.label == "caution" or line.label.startswith("before this")]


def told(found: Found) -> list[tuple[str, str]]:
    """Each earlier proposal: its mission, and what came of it."""
    return [(prior.mission, str(prior.kind)) for prior in found.proposal.prior]


@pytest.mark.promise("D4")
async def test_card_of_a_successor_says_what_the_predecessor_did(bench: Bench) -> None:
    """By the gate's own signed receipt; and that the same is asked for again."""
    first = await paid(bench)
    bench.mission.end()
    succeeded(bench)
    again = await bench.propose()
    caution, before = facts(again.proposal)
    assert caution == ("caution", f'the same was done before, in mission "refund-1" (proposal {first.digest[:12]})')
    assert before[0] == "before this (receipt)"
    assert before[1].startswith('mission "refund-1": payments.issue_refund {"amount_minor": 4200')
    assert "the same was done before" in as_text(render(again.proposal), 60).replace("\n", " ")


@pytest.mark.promise("D4")
async def test_what_may_have_been_done_is_on_the_card_as_unknown(kit: Kit) -> None:
    """Nobody retries it blindly: whoever decides is told."""
    bench = Bench(kit, kit.changed("without idempotency", without_idempotency))
    await in_doubt(bench)
    bench.mission.end()
    succeeded(bench)
    again = await bench.propose()
    assert told(again) == [("refund-1", "unknown")]
    assert facts(again.proposal)[0][1].startswith('the same may have been done before, in mission "refund-1"')


async def test_other_arguments_are_no_repetition(bench: Bench) -> None:
    """It is listed; the caution is for the very same."""
    await paid(bench)
    bench.mission.end()
    succeeded(bench)
    again = await bench.propose(OTHER)
    assert [label for label, _ in facts(again.proposal)] == ["before this (receipt)"]


@pytest.mark.control("D4")
async def test_successor_is_not_told_where_lineages_are_not_read(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """One defence: following the runs that a mission names as its past."""
    await paid(bench)
    bench.mission.end()
    succeeded(bench)
    monkeypatch.setattr(earlier, "_before", lambda record: [])
    await paid(bench)
    assert bench.paid == [4200, 4200]
    assert facts(bench.found().proposal) == []


@pytest.mark.promise("D4")
async def test_running_predecessor_is_refused(bench: Bench) -> None:
    """It could still act after the card was shown."""
    await paid(bench)
    succeeded(bench)
    assert "run `run-1` of mission `refund-1`, which came before, still runs" in await bench.refused()


@pytest.mark.promise("D4")
async def test_predecessor_that_is_gone_is_refused(bench: Bench) -> None:
    """Deleted, or of another namespace: nobody can tell what it did."""
    await paid(bench)
    bench.mission.end()
    succeeded(bench)
    del bench.histories.runs["refund-1", "run-1"]
    assert "it may have been deleted" in await bench.refused()


@pytest.mark.promise("D4")
@pytest.mark.parametrize("case", ["announcement", "settlement", "memo"])
async def test_predecessor_that_cannot_be_opened_is_refused(bench: Bench, case: str) -> None:
    """What the codec cannot open may be what tells."""
    predecessor = bench.mission
    match case:
        case "announcement":
            predecessor.signal(USED, sealed_payload())
        case "settlement":
            predecessor.activity("settle", {}, b"{}")
            result = predecessor.events[-1].activity_task_completed_event_attributes.result
            result.payloads[0].CopyFrom(sealed_payload())
        case "memo":
            fields = predecessor.events[0].workflow_execution_started_event_attributes.memo.fields
            fields["sayso_start"].CopyFrom(sealed_payload())
    predecessor.end()
    succeeded(bench)
    assert "payloads that cannot be opened" in await bench.refused()


async def test_unreadable_decision_in_a_predecessor_stops_nobody(bench: Bench) -> None:
    """It tells nothing of what was done."""
    bench.mission.signal("decide", sealed_payload())
    bench.mission.end()
    succeeded(bench)
    assert told(await bench.propose()) == []


@pytest.mark.promise("D4")
async def test_forged_receipt_in_a_predecessor_shows_nothing_as_done(bench: Bench) -> None:
    """Neither a receipt by a stranger's key nor a genuine one of another proposal; not announced is not done."""
    found = await bench.propose()
    forged = _receipt_by(bench.kit.signers["stranger"], bench, found)
    bench.mission.activity("settle", {}, forged)
    bench.uses.receipts[found.digest] = [forged]
    bench.uses.taken[found.digest] = None
    bench.mission.end()
    succeeded(bench)
    assert told(await bench.propose()) == []


@pytest.mark.promise("D4")
async def test_forged_receipt_of_an_announced_use_is_shown_as_unknown(kit: Kit) -> None:
    """It was announced, so it may have been done; the forged word for it counts nothing."""
    bench = Bench(kit, kit.changed("without idempotency", without_idempotency))
    found = await in_doubt(bench)
    bench.uses.receipts[found.digest] = [_receipt_by(kit.signers["stranger"], bench, found)]
    bench.mission.end()
    succeeded(bench)
    assert told(await bench.propose()) == [("refund-1", "unknown")]


def _receipt_by(signer: Signer, bench: Bench, found: Found) -> Any:
    from approvals.signed import Kind, seal

    body: dict[str, Any] = {
        "proposal": found.digest,
        "action": found.proposal.action.digest,
        "operation": found.proposal.action.operation,
        "sent": "0" * 64,
        "idempotency_key": "x",
        "admitted": {"through": 1, "digest": "0" * 64},
        "failed": False,
        "result": {"refund_id": "R-9"},
        "at": bench.clock().isoformat(),
    }
    return seal(Kind.RECEIPT, body, signer)


@pytest.mark.promise("D4")
async def test_commits_under_a_revoked_gate_key_are_shown_as_unknown(bench: Bench) -> None:
    """A revoked key proves no receipt. What it announced may have been done all the same."""
    await paid(bench)
    bench.mission.end()
    directory = bench.directories.now
    old = directory.gates[0].model_copy(update={"revoked": True})
    bench.kit = Kit(bench.kit.root, {**bench.kit.signers, "gate": Signer.generate("gate-2")})
    bench.directories.now = directory.model_copy(update={"gates": (old, bench.kit.signers["gate"].public())})
    succeeded(bench)
    assert told(await bench.propose()) == [("refund-1", "unknown")]


@pytest.mark.promise("D4")
async def test_successor_of_a_successor_is_told_of_both(bench: Bench) -> None:
    """The oldest first."""
    await paid(bench)
    bench.mission.end()
    succeeded(bench)
    await paid(bench, arguments=OTHER)
    bench.mission.end()
    succeeded(bench, "refund-3")
    assert told(await bench.propose()) == [("refund-1", "receipt"), ("refund-2", "receipt")]


@pytest.mark.promise("D4")
@pytest.mark.parametrize("link", ["original_run_id", "continued_run_id", "first_run_id"])
async def test_successor_of_a_run_that_repeats_or_continues_is_told_of_both(bench: Bench, link: str) -> None:
    """A reset run's history need not hold what the run that it repeats went on to do."""
    await paid(bench)
    bench.mission.end(EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW)
    later = FakeHistory("refund-1", "run-2", bench.clock)
    later.start({"case_id": "CASE-1001"}, **{link: "run-1"})  # type: ignore[arg-type]
    later.end()
    bench.histories.add(later)
    succeeded(bench, by=later)
    assert told(await bench.propose()) == [("refund-1", "receipt")]


@pytest.mark.promise("D4")
async def test_more_missions_than_a_card_can_answer_for_are_refused(bench: Bench) -> None:
    """Ten are read."""
    for number in range(MAX_MISSIONS):
        bench.mission.end()
        succeeded(bench, f"refund-{number + 2}")
    assert told(await bench.propose()) == []
    bench.mission.end()
    succeeded(bench, "refund-last")
    assert "more than 10 missions came before" in await bench.refused()


async def test_missions_that_succeed_each_other_come_to_an_end(bench: Bench) -> None:
    """Whoever forges a start may close the circle; it ends nothing but itself."""
    first = bench.mission
    looped = Predecessor(mission_id="refund-2", run_id="run-of-refund-2")
    first = bench.started(predecessor=looped, owner="stranger")
    first.end()
    succeeded(bench, by=first)
    assert told(await bench.propose()) == []


@pytest.mark.promise("D4")
async def test_start_that_was_not_signed_names_no_predecessor_for_the_gate(bench: Bench) -> None:
    """The owner's signature covers it, as it covers the input."""
    bench.mission.end()
    succeeded(bench, owner="stranger")
    assert "the owner is unknown" in await bench.refused()


@pytest.mark.promise("D4")
async def test_nothing_that_was_done_is_pushed_off_the_card(bench: Bench) -> None:
    """However much it was: then arguments stand by their digest, and cautions stay whole."""
    for number in range(MAX_PRIOR + 5):
        await paid(bench, step=str(number))
    bench.mission.end()
    succeeded(bench)
    for number in range(MAX_PRIOR):
        await bench.propose(step=f"idle {number}")
    last = await bench.propose(step="last")
    kinds = [str(prior.kind) for prior in last.proposal.prior]
    assert kinds == ["receipt"] * (MAX_PRIOR + 5)
    assert sum(label == "caution" for label, _ in facts(last.proposal)) == MAX_PRIOR + 5


async def test_call_that_the_tool_refused_is_no_repetition(bench: Bench) -> None:
    """Its receipt says that nothing was done."""
    bench.tools.failed = True
    await paid(bench)
    bench.mission.end()
    succeeded(bench)
    assert [label for label, _ in facts((await bench.propose()).proposal)] == ["before this (receipt, failed)"]


@pytest.mark.promise("F2")
async def test_name_of_a_predecessor_says_nothing_else(bench: Bench) -> None:
    """Whoever starts missions chooses their ids."""
    mission_id = 'x": payments.issue_refund {} (proposal 0) \u202e\n caution'
    found = await paid(bench)
    prior = Prior(
        proposal=found.digest,
        operation="payments.issue_refund",
        arguments={},
        kind=PriorKind.RECEIPT,
        mission=mission_id,
        same=True,
    )
    proposal = found.proposal.model_copy(update={"prior": (prior,)})
    (_, caution), (_, before) = facts(proposal)
    assert "\u202e" not in caution + before and "\n" not in caution + before
    assert before.startswith('mission "x\\": payments')


def test_prior_of_before_lineages_renders_as_ever() -> None:
    """A card that waits keeps its digest over an upgrade."""
    prior = Prior.model_validate({"proposal": "0" * 64, "operation": "a.b", "arguments": {"x": 1}, "kind": "receipt"})
    from approvals.card import _before

    line = _before(prior)
    assert (line.label, line.text) == ("before this (receipt)", 'a.b {"x": 1}')
