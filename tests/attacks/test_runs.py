"""
Missions of several runs: a run that its mission went on as commits on the start of the first, and nothing else that looks so.

Source: docs/decisions/0021-several-runs.md
"""

from __future__ import annotations

from dataclasses import replace

import pytest
from pydantic import JsonValue
from temporalio.api.enums.v1 import ContinueAsNewInitiator
from temporalio.exceptions import ApplicationError

from activities import earlier, lineage, proposer
from activities import read as reading
from activities.earlier import MAX_RUNS
from activities.ports import Here, Snapshot
from approvals import checks, start
from approvals.card import as_text, render
from approvals.decision import SIGNAL
from approvals.evidence import Evidence
from approvals.signed import Kind
from approvals.start import MEMO, input_digest
from audit import principals, standing
from audit.principals import principals_of
from audit.record import MissionRecord
from policies.action import Principals, scope_of
from policies.directory import Directory
from tests.attacks.test_bypass import read
from tests.attacks.test_lineage import OTHER, facts, in_doubt, paid
from tests.conftest import Without
from tests.fakes.bench import Bench
from tests.fakes.history import FakeHistory, json_payload
from tests.fakes.kit import Kit, asking, regrouped, without_idempotency

GIVEN: dict[str, JsonValue] = {"case_id": "CASE-1001"}
ELSE: dict[str, JsonValue] = {"case_id": "CASE-1002"}
RETRY = ContinueAsNewInitiator.CONTINUE_AS_NEW_INITIATOR_RETRY
CRON = ContinueAsNewInitiator.CONTINUE_AS_NEW_INITIATOR_CRON_SCHEDULE


def by_its_own_start(record: MissionRecord, directory: Directory) -> tuple[Principals, str | None]:
    """What a gate would believe that took a later run at its word."""
    return principals.acting_for(record.started, directory)


@pytest.mark.promise("D4")
async def test_mission_commits_in_each_of_its_runs(bench: Bench) -> None:
    """Owner and whom it is for are those of the first start."""
    bench.started(on_behalf_of="fay")
    await paid(bench)
    bench.went_on("run-2")
    bench.went_on("run-3")
    found = await paid(bench, arguments=OTHER, step="2")
    assert len(bench.paid) == 2
    assert (found.proposal.principals.owner, found.proposal.principals.on_behalf_of) == ("olga", "fay")


@pytest.mark.promise("D4")
async def test_card_tells_what_an_earlier_run_did(bench: Bench) -> None:
    """In words that tell an earlier run from this one, and from another mission."""
    first = await paid(bench)
    bench.went_on()
    again = await bench.propose(step="2")
    caution, before = facts(again.proposal)
    assert caution[1] == f"the same was done before, in an earlier run of this mission (proposal {first.digest[:12]})"
    assert before[0] == "before this (receipt)"
    assert before[1].startswith('this mission\'s run run-1: payments.issue_refund {"amount_minor": 4200')
    lines = [line.text for line in render(again.proposal).facts if line.label == "earlier runs"]
    assert lines == ["1 of this mission, each read to its end"]


@pytest.mark.promise("D4")
async def test_card_tells_what_may_have_been_done_in_an_earlier_run(kit: Kit) -> None:
    """A mission that goes on does not leave an unknown outcome behind."""
    bench = Bench(kit, kit.changed("without idempotency", without_idempotency))
    await in_doubt(bench)
    bench.went_on()
    again = await bench.propose(step="2")
    assert facts(again.proposal)[0][1].startswith("the same may have been done before, in an earlier run of this mission")


async def test_card_lists_what_an_earlier_run_proposed_in_vain(bench: Bench) -> None:
    """A mission is one, over all its runs: what people denied in the first is told in the second."""
    await bench.propose()
    bench.deny("sam")
    await bench.settle()
    bench.went_on()
    again = await bench.propose(step="2")
    assert [label for label, _ in facts(again.proposal)] == ["before this (not used)"]


@pytest.mark.control("D4")
async def test_card_says_nothing_where_earlier_runs_are_not_read(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """One defence: following the chain of runs."""
    await paid(bench)
    bench.went_on()
    monkeypatch.setattr(earlier, "_before", lambda record: [])
    monkeypatch.setattr(lineage, "chained", lambda record, runs: [])
    assert facts((await bench.propose(step="2")).proposal) == []


@pytest.mark.promise("D4")
async def test_proposal_names_the_trail_of_each_earlier_run(bench: Bench) -> None:
    """So that whoever approves, and a verifier, can tell which histories it rests on; the nearest first."""
    bench.mission.end()
    named = start.Predecessor(mission_id="refund-1", run_id="run-1")
    runs = [bench.mission, bench.started("refund-2", "run-a", predecessor=named)]
    runs += [bench.went_on("run-b")]
    bench.went_on("run-c")
    found = await bench.propose()
    heads = {head.run_id: head.head for head in found.proposal.earlier}
    records = [run.record() for run in runs]
    assert heads == {each.run_id: Evidence(through=each.head, digest=each.chain[-1]) for each in records}
    assert [head.run_id for head in found.proposal.earlier] == ["run-b", "run-a", "run-1"]
    assert "2 of this mission and 1 of missions before it" in as_text(render(found.proposal), 120)


async def test_card_of_a_first_run_has_no_such_line(bench: Bench) -> None:
    """A card that waits keeps its digest over an upgrade."""
    found = await bench.propose()
    assert "earlier runs" not in [line.label for line in render(found.proposal).facts]


@pytest.mark.promise("C7")
@pytest.mark.parametrize("forged", ["memo", "input", "both"])
async def test_later_run_claims_neither_owner_nor_scope(bench: Bench, forged: str) -> None:
    """A hostile mission worker writes both as it likes when it continues as new; the server's first event stays."""
    memo = start.sign(bench.claims(bench.mission, input=input_digest(ELSE)), bench.kit.signers["lena"])
    given = GIVEN if forged == "memo" else ELSE
    bench.went_on(given=given, signed=None if forged == "input" else memo)
    found = await bench.propose()
    assert (found.proposal.principals.owner, found.proposal.principals.scope) == ("olga", scope_of(GIVEN))
    with pytest.raises(ApplicationError, match="policy does not permit"):
        await read(bench, "orders.get_case", ELSE)
    assert not (await read(bench, "orders.get_case", GIVEN)).failed


@pytest.mark.promise("C7")
async def test_later_run_widens_no_operations(bench: Bench) -> None:
    """What a mission may ask for at all is in the input of its first run."""
    narrow: dict[str, JsonValue] = {"case_id": "CASE-1001", "operations": ["orders.get_case"]}
    bench.started(given=narrow, input=input_digest(narrow))
    bench.went_on(given={**narrow, "operations": ["payments.issue_refund"]})
    assert "payments.issue_refund" in await bench.refused()
    record = await bench.histories.read("refund-1", "run-2")
    assert principals_of(record, bench.law.directory)[0].operations == ("orders.get_case",)


@pytest.mark.control("C7")
@pytest.mark.control("E15")
async def test_later_run_chooses_its_owner_and_scope_where_its_own_start_counts(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One defence: the start of the first run."""
    bench.directories.now = regrouped(bench.directories.now, lena=("support",))
    later = bench.went_on(given=ELSE)
    memo = start.sign(bench.claims(later, input=input_digest(ELSE)), bench.kit.signers["lena"])
    later.events[0].workflow_execution_started_event_attributes.memo.fields[MEMO].CopyFrom(json_payload(memo))
    monkeypatch.setattr(proposer, "principals_of", by_its_own_start)
    monkeypatch.setattr(reading, "principals_of", by_its_own_start)
    proposal = (await bench.propose()).proposal
    assert (proposal.principals.owner, proposal.principals.scope) == ("lena", scope_of(ELSE))
    assert not (await read(bench, "orders.get_case", ELSE)).failed


@pytest.mark.promise("C1")
async def test_owner_of_the_first_run_approves_nothing_in_a_later_one(bench: Bench) -> None:
    """Whatever start the later run carries."""
    bench.directories.now = regrouped(bench.directories.now, sam=("support", "support-lead"))
    bench.started(owner="sam")
    memo = start.sign(bench.claims(bench.mission), bench.kit.signers["olga"])
    bench.went_on(signed=memo)
    await bench.propose()
    bench.approve("sam")
    assert ((await bench.settle()).kind, bench.paid) == ("pending", [])


@pytest.mark.promise("C7")
async def test_unsigned_mission_gets_no_owner_by_going_on(bench: Bench) -> None:
    """What somebody signs later, or a memo that the later run carries, proves nothing about who started it."""
    bench.started("refund-2", owner=None)
    later = bench.mission
    memo = start.sign(bench.claims(later), bench.kit.signers["olga"])
    bench.went_on(signed=memo)
    assert "the owner is unknown because the start was not signed" in await bench.refused()


@pytest.mark.promise("C7")
async def test_mission_that_goes_on_as_another_type_does_nothing(bench: Bench) -> None:
    """Whoever started it was asked for one type, and may start no other by it."""
    bench.went_on(mission_type="payroll")
    assert "it was started as a `refund` mission, and goes on as a `payroll` mission" in await bench.refused()
    record = await bench.histories.read("refund-1", "run-2")
    assert principals_of(record, bench.law.directory)[0] == Principals(operations=())
    with pytest.raises(ApplicationError, match="was started as a `refund` mission"):
        await read(bench, "orders.get_order", {"order_id": "ORD-2001"})


@pytest.mark.control("C7")
async def test_mission_goes_on_as_another_type_where_types_are_not_compared(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One defence: the type that was started."""
    first = bench.started(mission_type="report", input=input_digest(ELSE), given=ELSE)
    later = bench.went_on(mission_type="refund")
    first.mission_type = "report"
    for module in (principals, standing):
        monkeypatch.setattr(module, "reset_trouble", lambda record: None)
    monkeypatch.setattr(principals, "origin_trouble", lambda started, origin: None)
    monkeypatch.setattr(proposer, "reset_trouble", lambda record: None)
    monkeypatch.setattr(lineage, "chained", lambda record, runs: [])
    assert principals_of((await bench.histories.read(later.mission_id, "run-2")), bench.law.directory)[0].owner == "olga"
    await paid(bench)
    assert bench.paid == [4200]


@pytest.mark.promise("D4")
@pytest.mark.parametrize("initiator", [RETRY, CRON])
async def test_run_that_the_server_began_commits_nothing(bench: Bench, initiator: int) -> None:
    """A retry and a schedule repeat a mission; the mission did not go on."""
    bench.went_on(initiator=initiator)
    assert "refused: continued. The server began this run after run `run-1`" in await bench.refused()


@pytest.mark.promise("D4")
@pytest.mark.promise("B8")
async def test_run_that_goes_on_from_one_that_was_reset_commits_nothing(bench: Bench) -> None:
    """By its own start it looks like any other."""
    laundered(bench)
    assert "refused: continued. run `run-1b`, from which run `run-2` goes on, repeats run `run-1`" in await bench.refused()


def laundered(bench: Bench) -> None:
    """A reset of the first run, which then went on as new: as a real server records it."""
    bench.mission.end()
    again = FakeHistory("refund-1", "run-1b", bench.clock)
    again.events = list(bench.mission.events[:-1])
    bench.mission = bench.histories.add(again)
    bench.went_on("run-2")
    attributes = bench.mission.events[0].workflow_execution_started_event_attributes
    assert (attributes.first_execution_run_id, attributes.original_execution_run_id) == ("run-1", "run-2")


@pytest.mark.control("D4")
@pytest.mark.control("B8")
async def test_reset_is_laundered_where_links_are_not_looked_at(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """One defence: that each run ended by going on as the next."""
    laundered(bench)
    monkeypatch.setattr(earlier, "unlinked", lambda before, later: None)
    monkeypatch.setattr(lineage, "chained", lambda record, runs: [])
    await paid(bench)
    assert bench.paid == [4200]


@pytest.mark.promise("D4")
async def test_chain_with_a_retried_run_in_it_is_refused(bench: Bench) -> None:
    """The last link is good, the one before is not."""
    bench.went_on("run-2", initiator=RETRY)
    bench.went_on("run-3")
    assert "run `run-2` was not begun by the mission going on from run `run-1`" in await bench.refused()


@pytest.mark.promise("D4")
async def test_mission_whose_first_run_is_gone_is_refused_with_what_to_do(bench: Bench) -> None:
    """Its start alone was signed: retention must outlive the mission."""
    bench.went_on("run-2")
    bench.went_on("run-3")
    del bench.histories.runs["refund-1", "run-1"]
    words = await bench.refused()
    assert "its first run `run-1`, whose start alone was signed, cannot be read here" in words
    assert "a namespace must keep its runs for longer than a mission takes (retention)" in words
    with pytest.raises(ApplicationError, match="whose start alone was signed"):
        await read(bench, "orders.get_case", GIVEN)


@pytest.mark.promise("D4")
async def test_mission_with_a_run_gone_in_the_middle_is_refused(bench: Bench) -> None:
    """Nobody knows what it did."""
    bench.went_on("run-2")
    bench.went_on("run-3")
    del bench.histories.runs["refund-1", "run-2"]
    assert "run `run-2` of mission `refund-1`, which came before, is not in this namespace" in await bench.refused()


@pytest.mark.promise("D4")
async def test_first_run_that_goes_between_proposal_and_use_stops_the_use(bench: Bench) -> None:
    """The owner cannot be proven any more."""
    bench.went_on()
    await bench.propose()
    bench.approve("sam")
    del bench.histories.runs["refund-1", "run-1"]
    settlement = await bench.settle()
    assert (settlement.kind, bench.paid) == ("not_sent", [])


@pytest.mark.promise("D4")
async def test_more_runs_than_a_card_can_answer_for_are_refused(bench: Bench) -> None:
    """Fifty are read."""
    for number in range(MAX_RUNS):
        bench.went_on(f"run-{number + 2}")
    assert len((await bench.propose()).proposal.earlier) == MAX_RUNS
    bench.went_on("run-last")
    assert "more than 50 runs of this mission came before this one" in await bench.refused()


@pytest.mark.promise("D4")
async def test_runs_of_more_bytes_than_a_gate_has_room_for_are_refused(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A small history may refer to a hundred megabytes, fifty times over; the gate reads none that comes after its bound."""
    for number in range(4):
        bench.mission.signal("decision", b'"' + b"x" * 1000 + b'"')
        bench.went_on(f"run-{number + 2}")
    await bench.propose()
    monkeypatch.setattr(earlier, "MAX_READ", 4000)
    assert "hold more than 4000 bytes, which is more than a card can answer for" in await bench.refused()


@pytest.mark.promise("D12")
async def test_cancel_request_of_an_earlier_run_stands(bench: Bench) -> None:
    """A hostile mission worker does not shake it off by going on."""
    bench.mission.cancel()
    bench.went_on("run-2")
    bench.went_on("run-3")
    assert "somebody asked the mission to cancel in its run `run-1`" in await bench.refused()


@pytest.mark.control("D12")
async def test_cancel_request_is_shaken_off_where_earlier_runs_are_not_asked(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One defence: looking for it in each run."""
    bench.mission.cancel()
    bench.went_on()
    monkeypatch.setattr(MissionRecord, "cancel_requested", False)
    await paid(bench)
    assert bench.paid == [4200]


def copied(bench: Bench) -> None:
    """The second run records the first one's proposal as its own gate's answer, with the decision that people sent."""
    found = bench.found()
    before = bench.mission
    answer = next(entry for entry in before.record().entries(Kind.PROPOSAL) if entry.signed.digest == found.digest)
    said = [heard for heard in before.record().signals if heard.name == SIGNAL]
    bench.went_on()
    bench.mission.activity("propose", {"step": "1"}, answer.signed)
    for heard in said:
        bench.mission.signal(SIGNAL, heard.values[0] or b"")


@pytest.mark.promise("A4")
@pytest.mark.promise("D4")
async def test_approval_of_one_run_is_not_used_in_the_next(bench: Bench) -> None:
    """Neither by name alone, nor with proposal and decision copied into the new history."""
    found = await bench.propose()
    bench.approve("sam")
    copied(bench)
    settlement = await bench.settle(found.digest)
    assert (settlement.kind, bench.paid) == ("not_sent", [])
    assert "the proposal was made for another mission run" in settlement.reasons()


@pytest.mark.control("A4")
async def test_approval_of_one_run_is_used_in_the_next_where_nothing_binds_it(bench: Bench, without: Without) -> None:
    """Two defences: the run in the action, and the trail under proposal and decision."""
    found = await bench.propose()
    bench.approve("sam")
    copied(bench)
    without(standing.CHECKS, "run", "evidence")
    without(checks.CHECKS, "evidence")
    await bench.settle(found.digest)
    assert bench.paid == [4200]


@pytest.mark.promise("D4")
@pytest.mark.promise("D7")
async def test_proposal_that_was_open_when_its_mission_went_on_is_never_sent(bench: Bench) -> None:
    """Its run is over, whoever approves it, whoever settles it, in whichever run."""
    found = await bench.propose()
    left = bench.mission
    bench.approve("sam")
    bench.went_on()
    old = await bench.settle(found.digest, here=bench.here(left), recorded=False)
    new = await bench.settle(found.digest, recorded=False)
    assert (old.kind, new.kind, bench.paid) == ("not_sent", "not_sent", [])
    assert "the mission run is closed" in old.reasons()


@pytest.mark.promise("D4")
async def test_mission_that_goes_on_while_the_gate_makes_ready_is_not_paid(bench: Bench) -> None:
    """Approved, asked for, and left behind in the middle of it."""
    await bench.propose()
    bench.approve("sam")
    here, digest = bench.here(), bench.found().digest

    def leaves() -> None:
        bench.tokens.during = None
        bench.went_on()

    bench.tokens.during = leaves
    answer = await bench.gate.settle(digest, here)
    assert (answer.body["kind"], bench.paid) == ("not_sent", [])


@pytest.mark.control("D4")
async def test_proposal_left_behind_is_sent_where_nobody_asks_whether_its_run_is_over(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One defence: the snapshot. On a real server the announcement to a closed run fails as well."""
    found = await bench.propose()
    left = bench.mission
    bench.approve("sam")
    bench.went_on()
    ask = bench.histories.snapshot

    async def open_still(mission_id: str, run_id: str) -> Snapshot:
        return replace(await ask(mission_id, run_id), open=True)

    monkeypatch.setattr(bench.histories, "snapshot", open_still)
    left.open = True
    await bench.settle(found.digest, here=Here(left.namespace, left.mission_id, left.run_id, bench.clock()), recorded=False)
    assert bench.paid == [4200]


@pytest.mark.promise("D4")
async def test_same_step_again_in_a_later_run_has_the_same_key(bench: Bench) -> None:
    """A worker that lost count does not pay twice: the key is over the first run and the step, and payments knows it."""
    first = await paid(bench)
    bench.went_on()
    again = await paid(bench)
    assert first.proposal.action.idempotency_key == again.proposal.action.idempotency_key
    assert first.digest != again.digest and bench.paid == [4200]


@pytest.mark.control("D4")
async def test_same_step_again_pays_twice_where_keys_are_not_over_the_mission(kit: Kit) -> None:
    """Payments that know no key: then the card's caution is what stands in the way."""
    bench = Bench(kit, kit.changed("without idempotency", without_idempotency))
    await paid(bench)
    bench.went_on()
    again = await paid(bench)
    assert bench.paid == [4200, 4200] and facts(again.proposal)[0][0] == "caution"


async def test_proposal_left_behind_takes_no_room(kit: Kit) -> None:
    """It can never be used, so it is not open: policy that allows one open proposal a mission lets the next run propose."""
    bench = Bench(kit, kit.changed("one open", asking(open_per_mission="1")))
    await bench.propose()
    assert "has 1 open proposals" in await bench.refused(step="2")
    bench.went_on()
    await bench.propose(step="2")


@pytest.mark.promise("F4")
async def test_flood_of_one_run_stops_that_run_alone(bench: Bench) -> None:
    """Each run is judged over its own signals, a thousand at most; what came after those sent nothing."""
    for _ in range(1001):
        bench.mission.signal(SIGNAL, "x")
    bench.went_on()
    await paid(bench)
    assert bench.paid == [4200]
