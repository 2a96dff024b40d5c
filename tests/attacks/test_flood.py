"""
Attack F4 at speed: hundreds of signals before anybody looks. What is measured is work, not time: how many decisions a
judgement reads and how many signatures it verifies, and how large the answer is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from activities.case import REFUSED_BYTES
from approvals.decision import SIGNAL, Verdict, sign
from approvals.jws import verify
from approvals.votes import judged
from audit.claims import MAX_SIGNALS
from audit.standing import CHECKS
from tests.conftest import Without
from tests.fakes.bench import Bench
from tests.fakes.history import json_payload, sealed_payload

Push = Callable[[Bench, int], None]


@dataclass
class Work:
    """What judging did since the last `reset`."""

    judged: int = 0
    verified: int = 0

    def reset(self) -> None:
        """Begins to count anew."""
        self.judged = self.verified = 0


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> Work:
    """Counts the decisions judged and the signatures verified; both stay what they are."""
    found = Work()

    def counting_judged(*given: object) -> object:
        found.judged += 1
        return judged(*given)  # type: ignore[arg-type]

    def counting_verify(*given: object) -> None:
        found.verified += 1
        verify(*given)  # type: ignore[arg-type]

    monkeypatch.setattr("approvals.resolution.judged", counting_judged)
    monkeypatch.setattr("approvals.checks.verify", counting_verify)
    return found


def push_garbage(bench: Bench, count: int) -> None:
    """No decision at all, in turns."""
    shapes = (b"[" * 40, b"\xff", json_payload("a.b.c"), sealed_payload())
    for number in range(count):
        bench.mission.signal(SIGNAL, shapes[number % len(shapes)])


def push_large(bench: Bench, count: int) -> None:
    """Decisions with reasons of 20 kB, unsigned."""
    found = bench.found()
    for _ in range(count):
        bench.say({"proposal": found.digest, "verdict": "approve", "approver": "sam", "reason": "x" * 20_000})


def push_signed_by_a_stranger(bench: Bench, count: int) -> None:
    """Well made decisions under a key that nobody knows."""
    for _ in range(count):
        bench.decide("sam", signer=bench.kit.signers["stranger"])


def push_forged(bench: Bench, count: int) -> None:
    """Under sam's key id, with a signature of somebody else: each costs a verification."""
    token = sign(bench.statement(), bench.kit.signers["sam"])
    other = sign(bench.statement(Verdict.DENY), bench.kit.signers["sam"])
    forged = f"{token.rpartition('.')[0]}.{other.rpartition('.')[2]}"
    for _ in range(count):
        bench.mission.signal(SIGNAL, forged)


def push_copies(bench: Bench, count: int) -> None:
    """One good decision of an owner, who may not decide, over and over: signature right, worth nothing."""
    token = sign(bench.statement(), bench.kit.signers["olga"])
    for _ in range(count):
        bench.mission.signal(SIGNAL, token)


FLOODS: dict[str, Push] = {
    "garbage": push_garbage,
    "large": push_large,
    "by a stranger": push_signed_by_a_stranger,
    "forged": push_forged,
    "copies": push_copies,
}


def most(sent: int) -> int:
    """How many of *sent* signals may be judged at one look."""
    return min(sent, MAX_SIGNALS)


@pytest.mark.promise("F4")
async def test_flood_beyond_the_limit_ends_the_mission_and_never_approves(bench: Bench) -> None:
    """For good: no retry, also where a good approval stood before it. Its owner starts a successor."""
    await bench.propose()
    bench.approve("sam")
    push_garbage(bench, MAX_SIGNALS)
    settlement = await bench.settle()
    assert (settlement.kind, settlement.retry_seconds, bench.paid) == ("not_sent", None, [])
    assert "too many to judge" in settlement.reasons()[0]


@pytest.mark.control("F4")
async def test_flood_is_judged_whole_where_nothing_bounds_it(bench: Bench, work: Work, without: Without) -> None:
    """One defence: the count."""
    await bench.propose()
    push_garbage(bench, MAX_SIGNALS + 200)
    without(CHECKS, "flood")
    work.reset()
    await bench.settle()
    assert work.judged > MAX_SIGNALS


@pytest.mark.promise("F4")
@pytest.mark.parametrize("count", [20, 200])
@pytest.mark.parametrize("flood", FLOODS)
async def test_work_of_a_look_is_bounded_by_what_was_sent(bench: Bench, work: Work, flood: str, count: int) -> None:
    """No signal is judged or verified twice at one look, and nothing is approved by any number of them."""
    await bench.propose()
    FLOODS[flood](bench, count)
    work.reset()
    settlement = await bench.settle()
    assert (bench.paid, settlement.kind == "receipt") == ([], False)
    assert work.judged <= most(count)
    assert work.verified <= most(count)
    assert len(settlement.model_dump_json()) <= 2 * REFUSED_BYTES


@pytest.mark.promise("F4")
@pytest.mark.parametrize("flood", FLOODS)
async def test_say_so_before_a_flood_is_sent_with_a_fixed_number_of_looks(bench: Bench, work: Work, flood: str) -> None:
    """First look, admission, announcement and what stood before it: four, however many signals came meanwhile."""
    await bench.propose()
    bench.approve("sam")
    FLOODS[flood](bench, 50)
    work.reset()
    settlement = await bench.settle()
    assert work.judged <= 4 * most(51)
    assert (bench.paid, settlement.kind) in [([4200], "receipt"), ([], "not_sent"), ([], "pending")]
    assert bench.paid == [4200]


@pytest.mark.parametrize("flood", ["garbage", "forged", "copies"])
async def test_beyond_the_limit_more_signals_make_no_more_work(bench: Bench, work: Work, flood: str) -> None:
    """A little more than the limit and three times the limit cost the same."""
    await bench.propose()
    spent = []
    for sent in (MAX_SIGNALS + 1, 2 * MAX_SIGNALS):
        FLOODS[flood](bench, sent)
        work.reset()
        await bench.settle()
        spent.append((work.judged, work.verified))
    assert spent[0] == spent[1]
    assert bench.paid == []
