"""Old and new bundle at work at once: each worker rules by its own, and the stricter wins. Source: docs/threats.md, D15."""

from __future__ import annotations

import pytest

from audit import standing
from policies.bundle import Bundle
from tests.conftest import Without
from tests.fakes.bench import Bench
from tests.fakes.kit import Kit, asking, in_file

STRICT: dict[str, dict[str, str]] = {
    "two leads": {"requires": "support-lead: 2"},
    "somebody else": {"requires": "finance: 1"},
    "sooner": {"expires": "1h"},
    "a reason": {"reason": "required"},
    "without finance": {"excludes": "finance"},
    "an hour a vote": {"vote_expires": "1h"},
    "a budget": {"budget": "5"},
}


def strict(kit: Kit, name: str) -> Bundle:
    """The bundle that is being rolled out, or rolled back."""
    if name == "forbidden":
        return kit.changed("rollout forbidden", in_file("refund.cedar", "amount_minor > 0 &&", "amount_minor > 5000 &&"))
    return kit.changed(f"rollout {name}", asking(**STRICT[name]))


@pytest.mark.promise("D15")
@pytest.mark.parametrize("name", [*STRICT, "forbidden"])
async def test_loose_worker_proposes_and_strict_worker_sends_nothing(bench: Bench, kit: Kit, name: str) -> None:
    """Whichever worker the queue gives the question to: the strict one says no, and the approval is not used up."""
    await bench.propose()
    bench.approve("sam")
    settlement = await bench.settle(gate=bench.another_gate(strict(kit, name)))
    assert (settlement.kind, bench.paid, bench.uses.claims) == ("not_sent", [], 0)


@pytest.mark.promise("D15")
async def test_strict_worker_proposes_and_loose_worker_asks_for_no_less(kit: Kit) -> None:
    """The requirement is frozen: a worker with a looser bundle cannot lower it."""
    bench = Bench(kit, strict(kit, "two leads"))
    await bench.propose()
    bench.approve("sam")
    loose = bench.another_gate(kit.bundle)
    assert (await bench.settle(gate=loose)).missing == ("1 of support-lead",)
    bench.approve("lena")
    assert (await bench.settle(gate=loose)).kind == "receipt"


@pytest.mark.promise("D15")
async def test_settlements_of_a_rollout_say_by_which_bundle_each_was_judged(bench: Bench, kit: Kit) -> None:
    """So that nobody has to guess why two answers differ."""
    await bench.propose()
    bench.approve("sam")
    today = strict(kit, "two leads")
    first, second = await bench.settle(gate=bench.another_gate(today)), await bench.settle()
    assert (first.bundle, second.bundle) == (today.digest, bench.bundle.digest)
    assert second.kind == "receipt"


@pytest.mark.control("D15")
@pytest.mark.parametrize("name", ["two leads", "forbidden"])
async def test_strict_worker_sends_where_only_the_proposer_ruled(bench: Bench, kit: Kit, without: Without, name: str) -> None:
    """One defence: ruling again, with the bundle of the worker that sends."""
    await bench.propose()
    bench.approve("sam")
    without(standing.CHECKS, "ruling")
    await bench.settle(gate=bench.another_gate(strict(kit, name)))
    assert bench.paid == [4200]
