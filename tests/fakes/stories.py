"""Missions to which much happens, made by the gate itself: what a rail has to tell."""

from __future__ import annotations

from datetime import timedelta

from pydantic import JsonValue

from approvals.decision import Verdict
from approvals.freeze import Thaw, sign_thaw
from approvals.signed import Kind
from tests.fakes.bench import REFUND, SMALL, Bench
from tests.fakes.kit import Kit, asking, without_idempotency


def eventful(kit: Kit) -> Bench:
    """A bench whose small refunds escalate after four hours, and whose payments know no repeat."""

    def edit(root):  # type: ignore[no-untyped-def]
        without_idempotency(root)
        asking(escalate="4h: finance-director")(root)

    bench = Bench(kit, kit.changed("eventful", edit))
    bench.tools.honours_keys = False
    return bench


def thawing(bench: Bench) -> str:
    """What Iris signs to thaw the freeze that there is."""
    now = int(bench.clock().timestamp())
    made = Thaw(namespace="default", freeze=bench.freezes.frozen.run_id, reason="", iat=now, exp=now + 300, jti="t")
    return sign_thaw(made, bench.kit.signers["iris"])


async def refused(bench: Bench) -> None:
    """An action that policy does not permit, and what the gate says to it."""
    scheduled = bench.mission.schedule("propose", {"step": "9", "operation": REFUND})
    answer = await bench.asked({**SMALL, "amount_minor": 99_999_999})
    assert answer.kind is Kind.REFUSAL
    bench.mission.complete(scheduled, answer)


async def denied(bench: Bench) -> None:
    """A malformed decision, one of somebody who is not asked, an attested one, and a no."""
    await bench.propose()
    bench.say({"approve": "please"})
    bench.approve("fay")
    bench.say({"proposal": bench.found().digest, "verdict": "abstain"}, principal="user:lena")
    bench.deny("sam")
    assert (await bench.settle()).kind == "denied"


async def escalated_and_expired(bench: Bench) -> None:
    """Nobody decides: more are asked, and then it is too late."""
    proposal = (await bench.propose()).proposal
    assert (await bench.settle()).kind == "pending"
    bench.clock.now = proposal.created_at + timedelta(hours=4)
    assert (await bench.settle()).kind == "pending"
    bench.clock.now = proposal.expires_at + timedelta(seconds=1)
    assert (await bench.settle()).kind == "expired"


async def amended_then_frozen_then_paid(bench: Bench) -> None:
    """Sam changes it, Lena approves that, everything is frozen, Iris thaws, and it is done."""
    found = await bench.propose()
    bench.decide("sam", Verdict.AMEND, changes={"amount_minor": 3000})
    assert (await bench.settle()).kind == "superseded"
    await bench.propose(amends=found.digest, operation="", arguments={})
    bench.approve("lena")
    bench.freezes.begin()
    assert (await bench.settle()).kind == "not_sent"
    bench.freezes.thaw(thawing(bench))
    assert (await bench.settle()).kind == "receipt"


async def batch(bench: Bench) -> None:
    """Two refunds on one card, approved once, and done one by one; a no that comes too late."""
    more: JsonValue = [{"operation": REFUND, "arguments": {**SMALL, "order_id": "ORD-2002", "amount_minor": 100}}]
    await bench.propose({**SMALL, "amount_minor": 200}, more=more)
    bench.approve("sam")
    for item in (0, 1):
        assert (await bench.settle(item=item)).kind == "receipt"
    bench.deny("lena")
    await bench.settle()


async def withdrawn(bench: Bench) -> None:
    """The mission does not want it any more."""
    await bench.propose()
    assert (await bench.settle(withdraw=True)).kind == "withdrawn"


async def revoked(bench: Bench) -> None:
    """An approval whose payment system is down, and a no before it is up again."""
    await bench.propose()
    bench.approve("sam")
    bench.tools.down = True
    assert (await bench.settle()).kind == "not_sent"
    bench.tools.down = False
    bench.decide("lena", Verdict.REVOKE)
    assert (await bench.settle()).kind == "revoked"


async def unknown_and_answered(bench: Bench) -> None:
    """The answer of the payment system was lost; people say what became of it."""
    lost = await bench.propose()
    bench.approve("sam")
    bench.tools.loses = 1
    assert (await bench.settle()).kind == "unknown"
    await bench.propose({}, operation="", reconciles=lost.digest)
    bench.decide("sam", Verdict.DONE)
    assert (await bench.settle()).kind == "answered"


STORIES = {
    "refused": refused,
    "denied": denied,
    "escalated and expired": escalated_and_expired,
    "amended, frozen, paid": amended_then_frozen_then_paid,
    "batch": batch,
    "withdrawn": withdrawn,
    "revoked": revoked,
    "unknown and answered": unknown_and_answered,
}
