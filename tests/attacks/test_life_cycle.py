"""D: from proposal to use, at most once, and only while the say-so stands. Source: docs/threats.md, D."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from pydantic import JsonValue

from activities import case as case_module
from activities.case import Case
from activities.errors import Lost
from activities.gate import Gate
from activities.ports import Here, Snapshot
from approvals import checks, resolution
from approvals.decision import SIGNAL, Verdict, sign
from approvals.proposal import Proposal
from approvals.resolution import State, Stimulus
from approvals.settlement import USED, Claim
from approvals.signed import Kind, Signed, seal
from audit import proposals, standing
from policies.canonical import Digest
from policies.catalogue import Idempotency
from policies.ruling import Finding
from tests.conftest import Without
from tests.fakes.bench import LARGE, Bench
from tests.fakes.kit import Kit, in_file, without_idempotency
from tests.fakes.ports import FakeHistories, FakeUses


async def approved(bench: Bench) -> Digest:
    """A small refund that Sam approved, not settled yet."""
    found = await bench.propose()
    bench.approve("sam")
    return found.digest


def plain(kit: Kit) -> Bench:
    """A bench whose payment system knows no idempotency key."""
    bench = Bench(kit, kit.changed("without idempotency", without_idempotency))
    bench.tools.honours_keys = False
    return bench


async def around_expiry(bench: Bench, when: str) -> None:
    """An approval by Sam that meets the proposal's end in one of four ways."""
    expires_at = (await bench.propose()).proposal.expires_at
    forever = int((expires_at + timedelta(days=30)).timestamp())
    if when == "approved in time, settled late":
        bench.approve("sam", exp=forever)
    bench.clock.now = expires_at + timedelta(seconds=5 if when == "approved after" else 0)
    if when in ("approved at the end", "approved after"):
        bench.approve("sam", exp=forever)


LATE = ["not approved", "approved in time, settled late", "approved at the end", "approved after"]


@pytest.mark.promise("D1")
@pytest.mark.parametrize("when", LATE)
async def test_expiry_beats_every_decision(bench: Bench, when: str) -> None:
    """`expires_at` bounds use: at that second it is over."""
    await around_expiry(bench, when)
    assert (await bench.settle()).kind == "expired"
    assert bench.paid == []


@pytest.mark.promise("D1")
async def test_approval_in_the_last_second_is_used(bench: Bench) -> None:
    """The other side of the edge."""
    found = await bench.propose()
    bench.clock.now = found.proposal.expires_at - timedelta(seconds=9)
    bench.approve("sam")
    assert (await bench.settle()).kind == "receipt"


@pytest.mark.promise("D1")
async def test_proposal_that_expires_while_the_gate_makes_ready_is_not_sent(bench: Bench) -> None:
    """The clock is read again at admission."""
    await approved(bench)
    bench.tokens.during = lambda: bench.clock.advance(days=2)
    assert (await bench.settle()).kind == "expired"
    assert bench.paid == []


@pytest.mark.control("D1")
async def test_late_approval_is_used_where_nothing_expires(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """One defence: the EXPIRE stimulus."""
    monkeypatch.setitem(resolution.TABLE, (State.OPEN, Stimulus.EXPIRE), State.OPEN)
    monkeypatch.setitem(resolution.TABLE, (State.APPROVED, Stimulus.EXPIRE), State.APPROVED)
    await around_expiry(bench, "approved after")
    await bench.settle()
    assert bench.paid == [4200]


@pytest.mark.promise("D2")
@pytest.mark.parametrize("who", ["sam", "lena"])
async def test_deny_between_approval_and_use_revokes(bench: Bench, who: str) -> None:
    """By whoever could have approved, and for good."""
    await approved(bench)
    bench.deny(who)
    assert (await bench.settle()).kind == "revoked"
    bench.approve("lena")
    assert (await bench.settle()).kind == "revoked"
    assert bench.paid == []


@pytest.mark.control("D2")
async def test_late_deny_is_ignored_where_an_approval_is_final(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """One defence: one line of the table."""
    monkeypatch.setitem(resolution.TABLE, (State.APPROVED, Stimulus.NO), State.APPROVED)
    await approved(bench)
    bench.deny("lena")
    await bench.settle()
    assert bench.paid == [4200]


@pytest.mark.promise("D3")
async def test_revoke_that_lands_while_the_gate_makes_ready_stops_it(bench: Bench) -> None:
    """Token and session first, then the admission: what lands in between is seen."""
    await approved(bench)
    bench.tokens.during = lambda: bench.deny("lena")
    assert (await bench.settle()).kind == "revoked"
    assert bench.paid == []


@pytest.mark.promise("D3")
async def test_revoke_after_sending_changes_no_receipt(bench: Bench) -> None:
    """It came too late, and the answer says what was done."""
    await approved(bench)
    bench.tools.during_call = lambda: bench.deny("lena")
    assert (await bench.settle()).kind == "receipt"
    assert (await bench.settle()).kind == "receipt"
    assert bench.paid == [4200]


@pytest.mark.control("D3")
async def test_revoke_in_between_is_missed_where_the_first_look_counts(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """One defence: judging anew at admission."""

    async def first_look(gate: Gate, case: object, here: Here) -> tuple[object, Finding]:
        return case, Finding(check="snapshot", holds=True, words="")

    monkeypatch.setattr(Gate, "_admission", first_look)
    forgetful(monkeypatch)
    await approved(bench)
    bench.tokens.during = lambda: bench.deny("lena")
    await bench.settle()
    assert bench.paid == [4200]


@pytest.mark.promise("D4")
async def test_second_settle_finds_the_use_and_sends_nothing(bench: Bench) -> None:
    """The same receipt again, also from another worker."""
    await approved(bench)
    first = await bench.settle()
    second = await bench.settle(gate=bench.another_gate())
    assert first.receipt == second.receipt
    assert (len(bench.tools.calls), bench.uses.claims) == (1, 1)


@pytest.mark.promise("D4")
async def test_settles_at_once_send_once(kit: Kit) -> None:
    """Five workers race; the use is a name that the engine gives out once."""
    bench = plain(kit)
    digest = await approved(bench)
    here = bench.here()
    answers = await asyncio.gather(*(bench.another_gate().settle(digest, here) for _ in range(5)))
    assert len(bench.tools.calls) == 1
    assert {str(answer.body["kind"]) for answer in answers} <= {"receipt", "unknown"}


@pytest.mark.promise("D4")
@pytest.mark.parametrize(("recorded", "kind"), [(True, "receipt"), (False, "unknown")])
async def test_deleted_use_is_still_known_from_the_missions_own_history(kit: Kit, recorded: bool, kind: str) -> None:
    """Whoever may write to the namespace may delete a workflow; announcement and settlement stay."""
    bench = plain(kit)
    digest = await approved(bench)
    await bench.settle(recorded=recorded)
    bench.uses.delete(digest)
    assert (await bench.settle()).kind == kind
    assert bench.paid == [4200]


@pytest.mark.promise("D4")
async def test_use_that_is_deleted_while_another_attempt_makes_ready_is_known(kit: Kit) -> None:
    """The announcement is looked for at admission too."""
    bench = plain(kit)
    digest = await approved(bench)

    def meanwhile() -> None:
        bench.tokens.during = None
        claim = seal(Kind.CLAIM, claim_body(bench), bench.kit.signers["gate"])
        bench.mission.signal(USED, claim)

    bench.tokens.during = meanwhile
    assert (await bench.settle(digest)).kind == "unknown"
    assert bench.paid == []


def claim_body(bench: Bench) -> dict[str, JsonValue]:
    """What another worker of the same gate announced."""
    found, record = bench.found(), bench.mission.record()
    claim = Claim(
        proposal=found.digest,
        mission=found.proposal.action.mission,
        action=found.proposal.action.digest,
        idempotency_key=found.proposal.action.idempotency_key,
        head=found.proposal.evidence,
        at=record.last_event_at,
    )
    return claim.model_dump(mode="json")


@pytest.mark.promise("D4")
async def test_use_that_was_taken_and_never_announced_was_never_sent(kit: Kit) -> None:
    """A worker died between the two: the approval stands, whatever the operation, and pays once."""
    bench = plain(kit)
    digest = await approved(bench)
    bench.uses.announces = False
    with pytest.raises(Lost):
        await bench.settle(recorded=False)
    assert (bench.tools.calls, digest in bench.uses.taken) == ([], True)
    bench.uses.announces = True
    assert (await bench.settle()).kind == "receipt"
    assert bench.paid == [4200]


@pytest.mark.promise("D4")
async def test_use_taken_by_a_stranger_neither_spends_nor_doubles_the_approval(kit: Kit) -> None:
    """Whoever may start workflows may take the name. The mission's own history decides."""
    bench = plain(kit)
    digest = await approved(bench)
    bench.uses.taken[digest] = None
    assert (await bench.settle()).kind == "receipt"
    assert (await bench.settle()).kind == "receipt"
    assert bench.paid == [4200]


@pytest.mark.promise("D4")
async def test_attempt_that_announces_second_sends_nothing(kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two attempts, and a use deleted between them: the order in the mission's history decides."""
    bench = plain(kit)
    digest = await approved(bench)
    announce = FakeUses.announce

    async def beaten(uses: FakeUses, claim: Signed) -> None:
        await announce(uses, seal(Kind.CLAIM, claim_body(bench), bench.kit.signers["gate"]))
        await announce(uses, claim)

    monkeypatch.setattr(FakeUses, "announce", beaten)
    assert (await bench.settle(digest)).kind == "unknown"
    assert bench.paid == []


@pytest.mark.promise("E3")
async def test_receipt_is_told_to_no_other_run(bench: Bench) -> None:
    """A copy of a paid proposal in another mission's history is not that mission's."""
    digest = await approved(bench)
    await bench.settle()
    signed = next(entry.signed for entry in bench.mission.record().entries(Kind.PROPOSAL))
    bench.started("refund-2", "run-2")
    bench.mission.complete(bench.mission.schedule("propose", {"step": "1"}), signed)
    assert (await bench.settle(digest)).kind == "not_sent"


@pytest.mark.promise("D3")
async def test_deny_before_the_announcement_is_heard(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """The announcement is the instant of use: whatever stands before it in the history counts."""
    await approved(bench)
    announce = FakeUses.announce

    async def denied_first(uses: FakeUses, claim: Signed) -> None:
        bench.deny("lena")
        await announce(uses, claim)

    monkeypatch.setattr(FakeUses, "announce", denied_first)
    assert (await bench.settle()).kind == "revoked"
    assert bench.paid == []


@pytest.mark.promise("D4")
async def test_cancel_while_another_attempt_sends_is_not_answered_as_not_sent(kit: Kit) -> None:
    """What another attempt began is that one's to tell, whatever holds meanwhile."""
    bench = plain(kit)
    digest = await approved(bench)

    def meanwhile() -> None:
        bench.tokens.during = None
        bench.mission.signal(USED, seal(Kind.CLAIM, claim_body(bench), bench.kit.signers["gate"]))
        bench.deny("lena")

    bench.tokens.during = meanwhile
    assert (await bench.settle(digest)).kind == "unknown"


@pytest.mark.promise("D4")
async def test_successor_needs_its_own_say_so(bench: Bench) -> None:
    """Continue-as-new and a new start are other runs: another proposal, nobody's approval yet."""
    await approved(bench)
    await bench.settle()
    bench.started("refund-1", "run-2")
    await bench.propose()
    assert (await bench.settle()).kind == "pending"
    assert bench.paid == [4200]


@pytest.mark.control("D4")
async def test_second_settle_sends_again_where_uses_can_be_forgotten(kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two defences out: the once-only name, and the announcement."""
    bench = plain(kit)
    digest = await approved(bench)
    await bench.settle()
    bench.uses.delete(digest)
    forgetful(monkeypatch)
    await bench.settle()
    assert bench.paid == [4200, 4200]


def forgetful(monkeypatch: pytest.MonkeyPatch) -> None:
    """A gate that neither looks for announcements nor waits for its own."""

    async def taken(gate: Gate, case: Case, here: Here) -> Case:
        return case

    monkeypatch.setattr(Gate, "_take", taken)
    monkeypatch.setattr(case_module, "announced", lambda record, digest, law, item: None)


@pytest.mark.promise("D5")
async def test_lost_answer_of_an_idempotent_operation_is_asked_again_with_the_same_key(bench: Bench) -> None:
    """Sent twice, done once, and admitted anew in between."""
    await approved(bench)
    bench.tools.loses = 1
    with pytest.raises(Lost):
        await bench.settle(recorded=False)
    assert (await bench.settle()).kind == "receipt"
    assert [call.meta["idempotency-key"] for call in bench.tools.calls] == [bench.found().proposal.action.idempotency_key] * 2
    assert bench.paid == [4200]


@pytest.mark.promise("D5")
async def test_lost_answer_of_any_other_operation_is_unknown(kit: Kit) -> None:
    """Nobody retries blindly: not now, not at the next settle."""
    bench = plain(kit)
    await approved(bench)
    bench.tools.loses = 1
    assert (await bench.settle()).kind == "unknown"
    assert (await bench.settle()).kind == "unknown"
    assert len(bench.tools.calls) == 1


@pytest.mark.promise("D5")
@pytest.mark.parametrize("why", ["revoked", "window over", "drifted"])
async def test_lost_call_is_not_sent_again_once_it_is_no_longer_admitted(kit: Kit, why: str) -> None:
    """Then its outcome stays unknown, and a person must find out."""
    short = kit.changed("short window", in_file("integrations.yaml", "window_seconds: 86400", "window_seconds: 60"))
    bench = Bench(kit, short)
    await approved(bench)
    bench.tools.loses = 1
    with pytest.raises(Lost):
        await bench.settle(recorded=False)
    match why:
        case "revoked":
            bench.deny("lena")
        case "window over":
            bench.clock.advance(seconds=120)
        case "drifted":
            bench.tools.served.clear()
    assert (await bench.settle()).kind == "unknown"
    assert len(bench.tools.calls) == 1


@pytest.mark.promise("D5")
@pytest.mark.parametrize("result", ["e\u0301", 2**60, float("nan"), 1e300, "x" * 300_000, "\ud800"])
async def test_call_whose_answer_has_no_digest_has_a_receipt_all_the_same(bench: Bench, result: object) -> None:
    """Whatever a tool answers, that it was called is signed and kept."""
    await approved(bench)
    bench.tools.result = result  # type: ignore[assignment]
    assert (await bench.settle()).kind == "receipt"
    assert (await bench.settle()).kind == "receipt"
    assert len(bench.tools.calls) == 1


@pytest.mark.promise("D5")
async def test_receipt_that_could_not_be_kept_is_still_answered(bench: Bench) -> None:
    """The server went away between the call and the record."""
    await approved(bench)
    bench.uses.records = False
    assert (await bench.settle()).kind == "receipt"


@pytest.mark.control("D5")
async def test_lost_call_is_done_twice_where_everything_is_sent_again(kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two defences: asking whether the operation is declared idempotent by key, and that `unknown` is people's to settle."""
    bench = plain(kit)
    await approved(bench)
    bench.tools.loses = 1
    await bench.settle()
    monkeypatch.setattr(Case, "called_unknown", False)
    declared = Idempotency(meta="idempotency-key", window_seconds=86400)
    monkeypatch.setattr(Gate, "_idempotency", lambda gate, case: declared)
    await bench.settle()
    assert bench.paid == [4200, 4200]


async def too_early(bench: Bench) -> None:
    """A hostile worker holds the proposal back, has it approved, and records it afterwards."""
    scheduled = bench.mission.schedule("propose", {"step": "1"})
    answer = await bench.asked()
    proposal = Proposal.model_validate(answer.body)
    found = proposals.Found(proposal, answer.digest, 0)
    bench.mission.signal(SIGNAL, sign(bench.statement(found=found), bench.kit.signers["sam"]))
    bench.mission.complete(scheduled, answer)


@pytest.mark.promise("D7")
async def test_decision_before_the_proposal_does_not_count(bench: Bench) -> None:
    """Nobody reviewed what was not in the history."""
    await too_early(bench)
    settlement = await bench.settle()
    assert (settlement.kind, bench.paid) == ("pending", [])
    assert "before the proposal" in " ".join(settlement.votes[0].refused)


@pytest.mark.promise("D7")
@pytest.mark.parametrize("end", ["denied", "expired", "revoked"])
async def test_decision_after_the_end_changes_nothing(bench: Bench, end: str) -> None:
    """Final states follow nothing."""
    found = await bench.propose()
    if end == "revoked":
        bench.approve("sam")
    if end == "expired":
        bench.clock.now = found.proposal.expires_at
    else:
        bench.deny("lena")
    bench.approve("sam", exp=int(found.proposal.expires_at.timestamp()) + 9999)
    assert (await bench.settle()).kind == end
    assert bench.paid == []


@pytest.mark.promise("D7")
async def test_no_that_was_settled_stays_no_when_its_voter_leaves(bench: Bench) -> None:
    """Taking the denier's group away does not revive what was denied."""
    await bench.propose()
    bench.deny("lena")
    assert (await bench.settle()).kind == "denied"
    bench.directories.now = bench.kit.bundle.directory.model_copy(
        update={"people": {who: p for who, p in bench.directories.now.people.items() if who != "lena"}}
    )
    bench.approve("sam")
    assert (await bench.settle()).kind == "denied"
    assert bench.paid == []


@pytest.mark.control("D7")
async def test_early_decision_counts_where_order_and_trail_are_not_compared(bench: Bench, without: Without) -> None:
    """Two defences out: the order of events, and that the reviewed trail holds the proposal."""
    await too_early(bench)
    without(checks.CHECKS, "order", "evidence")
    await bench.settle()
    assert bench.paid == [4200]


@pytest.mark.promise("D8")
async def test_gates_clock_set_back_revives_nothing(bench: Bench) -> None:
    """The server's times bound the gate's clock from below."""
    found = await bench.propose()
    bench.approve("sam")
    bench.clock.now = found.proposal.expires_at
    here = bench.here()
    bench.clock.now = found.proposal.created_at
    assert (await bench.settle(here=here)).kind == "expired"
    assert bench.paid == []


@pytest.mark.control("D8")
async def test_clock_set_back_revives_an_approval_where_it_is_believed_alone(bench: Bench) -> None:
    """One defence: the scheduled time that the server gives."""
    found = await bench.propose()
    bench.approve("sam")
    bench.clock.now = found.proposal.expires_at
    bench.clock.now = found.proposal.created_at
    await bench.settle()
    assert bench.paid == [4200]


STRICTER = {
    "two people": ('@requires("support-lead: 1")', '@requires("support-lead: 2")'),
    "forbidden": ("context.input.amount_minor > 0 &&", "context.input.amount_minor > 5000 &&"),
    "not by Olga": ('principal in Group::"support"', 'principal in Group::"finance"'),
}


@pytest.mark.promise("D9")
@pytest.mark.parametrize("name", STRICTER)
async def test_policy_that_became_stricter_while_it_waited_stops_it(bench: Bench, kit: Kit, name: str) -> None:
    """Ruled again with today's bundle; the approval stands and is not used up."""
    await approved(bench)
    today = kit.changed(name, in_file("refund.cedar", *STRICTER[name]))
    settlement = await bench.settle(gate=bench.another_gate(today))
    assert (settlement.kind, bench.paid, bench.uses.claims) == ("not_sent", [], 0)


@pytest.mark.control("D9")
@pytest.mark.parametrize("name", STRICTER)
async def test_stricter_policy_is_passed_by_where_nobody_rules_again(
    bench: Bench, kit: Kit, without: Without, name: str
) -> None:
    """One defence each: the ruling at admission, or the look at who may start."""
    await approved(bench)
    today = kit.changed(name, in_file("refund.cedar", *STRICTER[name]))
    without(standing.CHECKS, "start" if name == "not by Olga" else "ruling")
    await bench.settle(gate=bench.another_gate(today))
    assert bench.paid == [4200]


@pytest.mark.promise("D12")
@pytest.mark.parametrize("how", ["cancelled", "closed"])
async def test_mission_that_was_stopped_while_it_waited_commits_nothing(bench: Bench, how: str) -> None:
    """Whoever cancels or terminates a mission means it."""
    await approved(bench)
    if how == "cancelled":
        bench.mission.cancel()
    bench.mission.open = how == "cancelled"
    assert (await bench.settle()).kind == "not_sent"
    assert bench.paid == []


@pytest.mark.control("D12")
async def test_cancelled_mission_commits_where_nobody_looks(bench: Bench, without: Without) -> None:
    """One defence: the look for a request to cancel."""
    await approved(bench)
    bench.mission.cancel()
    without(standing.CHECKS, "cancelled")
    await bench.settle()
    assert bench.paid == [4200]


def trouble(bench: Bench, case: str, *, there: bool) -> None:
    """Something that is needed before sending does not work, or works again."""
    match case:
        case "issuer down":
            bench.tokens.down = there
        case "token refused":
            bench.tokens.refuses = there
        case "server down":
            bench.tools.down = there
        case "drift":
            bench.tools.served = {} if there else dict(Bench(bench.kit).tools.served)
        case "history does not rest":
            bench.mission.held_back = int(there)


@pytest.mark.promise("D13")
@pytest.mark.parametrize("case", ["issuer down", "token refused", "server down", "drift", "history does not rest"])
async def test_trouble_before_sending_leaves_the_approval_as_it_was(bench: Bench, case: str) -> None:
    """Not sent, with when to ask again; and later paid on the same approval."""
    await approved(bench)
    trouble(bench, case, there=True)
    settlement = await bench.settle()
    assert (settlement.kind, bench.uses.claims, bench.tools.calls) == ("not_sent", 0, [])
    assert settlement.retry_seconds
    trouble(bench, case, there=False)
    assert (await bench.settle()).kind == "receipt"


@pytest.mark.promise("D13")
async def test_gate_asks_to_be_asked_again_ever_later(bench: Bench) -> None:
    """A day of trouble must not fill the mission's history: from seconds to five minutes."""
    await approved(bench)
    bench.tools.down = True
    waits = [(await bench.settle()).retry_seconds for _ in range(8)]
    assert waits == [5, 10, 20, 40, 80, 160, 300, 300]


@pytest.mark.control("D13")
async def test_trouble_would_use_up_an_approval_whose_use_was_announced_first(kit: Kit) -> None:
    """What the order of the gate's steps is for: announcing the use before the token leaves `unknown` behind."""
    bench = plain(kit)
    digest = await approved(bench)
    case = await bench.gate._case(digest, 0, bench.here())
    await bench.uses.announce(case.claim("early"))
    assert (await bench.settle()).kind == "unknown"
    assert bench.paid == []


@pytest.mark.promise("D14")
async def test_revoke_that_the_server_holds_back_is_waited_for(bench: Bench) -> None:
    """A workflow task in flight may hide signals; nothing is sent until the history rests."""
    await approved(bench)
    bench.mission.held_back = 1
    assert (await bench.settle()).kind == "not_sent"
    bench.mission.held_back = 0
    bench.deny("lena")
    assert (await bench.settle()).kind == "revoked"
    assert bench.paid == []


@pytest.mark.promise("D14")
async def test_revoke_between_history_and_snapshot_is_seen(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """The snapshot counts an event that the fetched history does not have: it is fetched again."""
    await approved(bench)
    snapshot, late = FakeHistories.snapshot, [Verdict.DENY]

    async def revoked_first(histories: FakeHistories, mission_id: str, run_id: str) -> Snapshot:
        if late:
            bench.decide("lena", late.pop())
        return await snapshot(histories, mission_id, run_id)

    monkeypatch.setattr(FakeHistories, "snapshot", revoked_first)
    assert (await bench.settle()).kind == "revoked"
    assert bench.paid == []


@pytest.mark.control("D14")
async def test_hidden_revoke_is_missed_where_the_history_is_taken_as_it_is(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One defence: the snapshot. Here every history claims to rest."""

    async def at_rest(histories: FakeHistories, mission_id: str, run_id: str) -> Snapshot:
        return Snapshot(open=True, task_in_flight=False, length=histories.runs[mission_id, run_id].record().head)

    await approved(bench)
    bench.mission.held_back = 1
    monkeypatch.setattr(FakeHistories, "snapshot", at_rest)
    await bench.settle()
    assert bench.paid == [4200]


@pytest.mark.promise("D6")
async def test_duplicated_and_reordered_decisions_pay_once(bench: Bench) -> None:
    """Each signal three times, the later approver first."""
    await bench.propose(LARGE)
    tokens = [sign(bench.statement(), bench.kit.signers[who]) for who in ("sam", "fay")]
    for token in [*reversed(tokens), *tokens, *tokens]:
        bench.say(token)
    await bench.settle()
    await bench.settle()
    assert bench.paid == [42000]


@pytest.mark.control("D6")
async def test_duplicates_pay_again_where_neither_use_nor_announcement_is_kept(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three defences out: the use, its announcement, and the server's idempotency."""
    await approved(bench)
    bench.tools.honours_keys = False

    async def forgotten(uses: FakeUses, key: str) -> None:
        uses.taken.pop(key, None)

    monkeypatch.setattr(FakeUses, "find", forgotten)
    forgetful(monkeypatch)
    await bench.settle()
    await bench.settle()
    assert bench.paid == [4200, 4200]
