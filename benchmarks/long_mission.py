"""
A mission of a thousand events as a server would keep it, made by the gate itself against fakes: signed reads and reasoning,
proposals, decisions that count and that do not, announced uses, receipts. Every signature in it is real.
"""

from __future__ import annotations

from typing import Any

from pydantic import JsonValue

from approvals.decision import Verdict
from approvals.testimony import SIGNATURE, sign, testimony
from policies.bundle import Bundle
from tests.fakes.bench import Bench
from tests.fakes.kit import Kit, edit_yaml

EVENTS = 1000
PROPOSALS = 20


def testifying(kit: Kit) -> Bundle:
    """The shipped bundle of *kit* with workers that may sign for what they answer."""

    def change(directory: dict[str, Any]) -> None:
        for kind in ("read", "reason"):
            directory["services"][f"{kind}-worker"]["signs"] = [kind]

    return kit.changed("testifying", lambda root: edit_yaml(root / "directory.yaml", change))


async def long_mission(kit: Kit) -> Bench:
    """A bench whose mission has exactly `EVENTS` settled events, 20 proposals and 200 decisions among them."""
    bench = Bench(kit, testifying(kit))
    for number in range(PROPOSALS):
        _answered(bench, "read", number)
        _answered(bench, "reason", number)
        await bench.propose({"order_id": f"ORD-{number}", "amount_minor": 4200, "currency": "EUR", "reason": "late"})
        _decided(bench)
        await bench.settle()
        bench.approve("sam")
        await bench.settle()
    number = PROPOSALS
    while len(bench.mission.events) <= EVENTS - 6:
        _answered(bench, "read", number)
        number += 1
    while len(bench.mission.events) < EVENTS:
        bench.say({"approve": "please"})
    return bench


def _decided(bench: Bench) -> None:
    """Nine decisions that let nothing out: of people who are not asked, taken back, forged, and no decision at all."""
    for who in ("olga", "fay", "iris", "stranger"):
        bench.approve(who)
    bench.decide("sam", Verdict.ABSTAIN)
    bench.decide("lena", Verdict.ABSTAIN)
    bench.decide("sam", signer=bench.kit.signers["stranger"])
    bench.say({"proposal": bench.found().digest, "verdict": "approve", "approver": "sam"}, principal="user:olga")
    bench.say({"approve": "please"})


def _answered(bench: Bench, kind: str, number: int) -> None:
    """An activity with its testimony, and the workflow task after it."""
    asked: dict[str, dict[str, JsonValue]] = {
        "read": {"operation": "orders.get_order", "arguments": {"order_id": f"ORD-{number}"}},
        "reason": {"purpose": "refund/assess", "inputs": {"order": {"order_id": f"ORD-{number}"}}, "result_schema": {}},
    }
    answers: dict[str, dict[str, JsonValue]] = {
        "read": {"operation": "orders.get_order", "result": {"order_id": f"ORD-{number}", "total": 4200}, "failed": False},
        "reason": {"model": "sayso-rules/refund", "rule_based": True, "result": {"refund": True, "reason": "it came late"}},
    }
    request, answer, mission = asked[kind], answers[kind], bench.mission
    scheduled = mission.schedule(kind, request, f"{kind}s")
    given = testimony(
        kind,
        namespace=mission.namespace,
        mission_id=mission.mission_id,
        run_id=mission.run_id,
        activity=str(scheduled),
        request=request,
        result=answer,
    )
    mission.complete(scheduled, {**answer, SIGNATURE: sign(given, bench.kit.signers[f"{kind}-worker"])})
    mission.task()
