"""
Attack F4 at the bound: what is judged up to it, what is not beyond it, and that nobody is made to work for what is beyond.

The server itself ends signals at 10,000 a run. Source: docs/threats.md, F4; docs/decisions/0006-single-use.md.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from activities.errors import Lost
from approvals.decision import SIGNAL, sign
from approvals.jws import verify
from approvals.settlement import USED
from approvals.signed import Kind, Signed, seal
from audit import judgement
from tests.conftest import Without
from tests.fakes.bench import Bench
from workers.cli.matter import look

BOUND = 1000
"""Signals to one run that are judged."""
MOST = 10_000
"""Signals to one run that the server takes."""
Push = Callable[[Bench, int], None]


def push_garbage(bench: Bench, count: int) -> None:
    """Nothing that can be read."""
    for _ in range(count):
        bench.mission.signal(SIGNAL, b"\xff")


def push_forged_decisions(bench: Bench, count: int) -> None:
    """Under sam's key id with the signature of another statement: each costs a verification."""
    token, other = (sign(bench.statement(), bench.kit.signers["sam"]) for _ in range(2))
    for _ in range(count):
        bench.mission.signal(SIGNAL, f"{token.rpartition('.')[0]}.{other.rpartition('.')[2]}")


def push_forged_announcements(bench: Bench, count: int) -> None:
    """That the use is taken, under the gate's key id: what looks for the gate's own announcement must verify each."""
    for _ in range(count):
        bench.mission.signal(USED, forged_announcement(bench))


def forged_announcement(bench: Bench) -> Signed:
    """Signed by the gate, for something else; made once a bench."""
    genuine, other = (seal(Kind.CLAIM, {"nonce": nonce}, bench.kit.signers["gate"]) for nonce in ("1", "2"))
    return genuine.model_copy(update={"jws": f"{genuine.jws.rpartition('.')[0]}.{other.jws.rpartition('.')[2]}"})


FLOODS: dict[str, Push] = {
    "garbage": push_garbage,
    "forged decisions": push_forged_decisions,
    "forged announcements": push_forged_announcements,
}


@pytest.fixture
def verified(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The kind of every signature over a signal that was verified, as it is verified."""
    found: list[str] = []

    def counting(token, typ, key):  # type: ignore[no-untyped-def]
        found.append(typ)
        verify(token, typ, key)

    monkeypatch.setattr("approvals.signed.verify", counting)
    monkeypatch.setattr("approvals.checks.verify", counting)
    return found


async def work_of(bench: Bench, verified: list[str]) -> tuple[int, float]:
    """Signatures of signals verified by one `settle`, and the seconds it took."""
    verified.clear()
    began = time.perf_counter()
    await bench.settle(recorded=False)
    taken = time.perf_counter() - began
    return sum(typ in ("sayso-claim+jws", "sayso-decision+jws") for typ in verified), taken


@pytest.mark.promise("F4")
@pytest.mark.parametrize("flood", FLOODS)
async def test_good_decision_among_nine_hundred_refused_ones_counts(bench: Bench, flood: str) -> None:
    """A flood below the bound keeps no say-so from being heard, and adds none."""
    await bench.propose()
    FLOODS[flood](bench, 450)
    assert (await bench.settle(recorded=False)).kind == "pending"
    bench.approve("sam")
    FLOODS[flood](bench, 449)
    settlement = await bench.settle()
    assert (settlement.kind, bench.paid) == ("receipt", [4200])
    assert [vote.who for vote in settlement.votes if vote.counts] == ["sam"]


@pytest.mark.promise("F4")
@pytest.mark.parametrize(("before", "kind", "paid"), [(BOUND - 1, "receipt", [4200]), (BOUND, "not_sent", [])])
async def test_approval_counts_up_to_the_bound_and_not_beyond(bench: Bench, before: int, kind: str, paid: list[int]) -> None:
    """Beyond it nothing is judged, for good, and no number of further decisions changes that."""
    await bench.propose()
    push_garbage(bench, before)
    bench.approve("sam")
    settlement = await bench.settle()
    assert (settlement.kind, settlement.retry_seconds, bench.paid) == (kind, None, paid)
    bench.approve("lena")
    assert ((await bench.settle()).kind, bench.paid) == (kind, paid)


@pytest.mark.promise("F4")
async def test_beyond_the_bound_no_decision_is_judged(bench: Bench) -> None:
    """Neither the yes before the flood nor the no after it has a vote in the answer."""
    await bench.propose()
    bench.approve("sam")
    push_garbage(bench, BOUND)
    bench.deny("lena")
    settlement = await bench.settle()
    assert (settlement.votes, settlement.missing, bench.paid) == ((), (), [])
    assert [finding.check for finding in settlement.findings if not finding.holds] == ["flood"]


@pytest.mark.promise("F4")
async def test_person_who_looks_is_told_why_nothing_is_judged(bench: Bench) -> None:
    """And what to do: in the queue, and instead of a review."""
    found = await bench.propose()
    push_garbage(bench, BOUND + 1)
    told = look(bench.mission.record(), found.digest, bench.law)
    assert "too many to judge; start a successor instead" in str(told)


@pytest.mark.control("F4")
async def test_approval_in_a_flood_is_judged_and_admits_where_nothing_bounds_it(bench: Bench, without: Without) -> None:
    """One defence: the count. That its announcement is not looked for beyond the bound is another, and still holds."""
    found = await bench.propose()
    push_garbage(bench, BOUND)
    bench.approve("sam")
    assert not (await bench.gate._case(found.digest, 0, bench.here())).judgement.admits
    without(vars(judgement)["CHECKS"], "flood")
    assert (await bench.gate._case(found.digest, 0, bench.here())).judgement.admits


@pytest.mark.promise("F4")
@pytest.mark.parametrize("flood", FLOODS)
async def test_ten_thousand_signals_make_no_more_work_than_the_bound(bench: Bench, verified: list[str], flood: str) -> None:
    """Not one signature more; the time grows with reading events, and by less than their number."""
    await bench.propose()
    bench.approve("sam")
    FLOODS[flood](bench, BOUND)
    few, _ = await work_of(bench, verified)
    FLOODS[flood](bench, MOST - BOUND - 1)
    many, _ = await work_of(bench, verified)
    assert (many, few <= 2 * (BOUND + 1), bench.paid) == (few, True, [])


@pytest.mark.promise("F4")
async def test_ten_thousand_signals_take_less_than_ten_times_as_long_as_a_thousand(bench: Bench, verified: list[str]) -> None:
    """The costliest ones to judge: a thousand of them are judged, ten thousand are counted."""
    await bench.propose()
    push_forged_decisions(bench, BOUND)
    judged, slow = await work_of(bench, verified)
    push_forged_decisions(bench, MOST - BOUND)
    counted, taken = await work_of(bench, verified)
    assert (judged, counted) == (BOUND, 0)
    assert taken < 10 * slow


@pytest.mark.promise("F4")
@pytest.mark.parametrize("flood", FLOODS)
async def test_flood_after_the_use_hides_no_receipt(bench: Bench, flood: str) -> None:
    """What was done stays known, and is not done again."""
    await bench.propose()
    bench.approve("sam")
    assert (await bench.settle(recorded=False)).kind == "receipt"
    FLOODS[flood](bench, 2 * BOUND)
    assert ((await bench.settle()).kind, bench.paid) == ("receipt", [4200])


async def flooded_announcement(bench: Bench, monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    """An approval; and *count* signals arrive just before the gate's announcement does."""
    await bench.propose()
    bench.approve("sam")
    announce = bench.uses.announce

    async def late(claim: Signed) -> None:
        push_garbage(bench, count)
        await announce(claim)

    monkeypatch.setattr(bench.uses, "announce", late)


@pytest.mark.promise("F4")
async def test_announcement_just_within_the_bound_sends(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A thousand signals before it are judged; the announcement itself is the one after."""
    await flooded_announcement(bench, monkeypatch, BOUND - 1)
    assert ((await bench.settle()).kind, bench.paid) == ("receipt", [4200])
    assert ((await bench.settle()).kind, bench.paid) == ("receipt", [4200])


@pytest.mark.promise("F4")
async def test_announcement_that_a_flood_overtakes_sends_nothing(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """What stands before it does not admit; whoever asks again is told so, and that it stays so."""
    await flooded_announcement(bench, monkeypatch, BOUND)
    with pytest.raises(Lost, match="does not show"):
        await bench.settle()
    settlement = await bench.settle()
    assert (settlement.kind, settlement.retry_seconds, bench.paid) == ("not_sent", None, [])
