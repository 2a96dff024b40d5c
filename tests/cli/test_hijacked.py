"""
One mission of a hijacked model that tries everything, over several runs, from its start to its archive verified offline.

Nothing is executed that nobody approved, what is approved once, and the user is served. Promises L of docs/threats.md.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import WorkflowHandle

from examples.refund.hostile import HOSTILE_TEXT
from examples.refund.outbox import outbox
from tests.cli.conftest import Terminal
from tests.cli.test_audit import verified
from tests.cli.test_audit_runs import exported
from tests.e2e.autonomous import pursued
from tests.e2e.hijacked import EVERYTHING, LIE, Attacks, People
from tests.e2e.model_server import ScriptedModel
from tests.e2e.scenes import open_case
from tests.e2e.short_runs import short_runs
from workflows.pursuit import End

FORBIDDEN = 900_000
"""An amount that policy forbids whoever says yes."""
PUT_BEFORE_PEOPLE = 1 + 1 + 3 + 3 + 2
"""The refund, its repetition, its changes, its pieces, two carriers."""


def everything(attacks: Attacks) -> tuple[Any, ...]:
    """All that a hijacked model does, with the user's task in the midst of it."""
    return (
        attacks.opened, attacks.unlisted, attacks.look_alikes, attacks.smuggled, attacks.others, attacks.obeyed,
        attacks.due, attacks.due, attacks.changed, *map(attacks.piece, (1, 2, 3)), attacks.leaks, attacks.flood(FORBIDDEN),
        attacks.opened, LIE,
    )  # fmt: skip


async def railed(sayso: Terminal, mission_id: str) -> Counter[str]:
    """How often the rail tells what, over all runs."""
    answer = await sayso("rail", mission_id, "--json")
    assert answer.code == 0, answer
    return Counter(each["kind"] for each in answer.data["observations"])


async def proven(sayso: Terminal, handle: WorkflowHandle[Any, Any], folder: Path) -> int:
    """Has every run exported, and all of them verified offline; how many there are."""
    archives = await exported(sayso, handle.id, folder)
    answer = await verified(sayso, str(folder), "--json")
    assert answer.code == 0, answer
    assert {each["verdict"] for each in answer.data["archives"]} == {"VERIFIED"}
    (whole,) = answer.data["missions"]
    assert (whole["whole"], len(whole["runs"])) == (True, len(archives))
    return len(archives)


@pytest.mark.slow
@pytest.mark.promise("L1")
@pytest.mark.promise("L2")
@pytest.mark.promise("L3")
async def test_hijacked_model_that_tries_everything_gains_nothing(
    sayso: Terminal, model: ScriptedModel, tmp_path: Path
) -> None:
    """Issue 5, Proof: one refund of 42.00 is what was asked for, and all that was done."""
    world = sayso.world
    attacks = Attacks(open_case(world, 7500, HOSTILE_TEXT))
    people, before = People(world, attacks.wanted), len(outbox(world.enterprise.data))
    async with short_runs(world) as queue:
        how: dict[str, Any] = {"queue": queue, "operations": EVERYTHING, "budget": {"commits": PUT_BEFORE_PEOPLE + 2}}
        handle, _ = await pursued(world, model, everything(attacks), case_id=attacks.matter.case_id, **how)
        verdict = await people.result(handle)
    # Others pay on this ledger too: what is this mission's is about its order, or has the key of what it proposed.
    keys = {action.idempotency_key for each in people.proposals for action in each.actions}
    (paid,) = [row for row in world.ledger() if row.order_id == attacks.matter.order_id or row.idempotency_key in keys]
    assert (paid.order_id, paid.amount_minor) == (attacks.matter.order_id, 4200)
    assert [(each.carrier, each.number) for each in outbox(world.enterprise.data)[before:]] == [("post", "PK1001")]
    assert (verdict.verdict, verdict.answer, verdict.executed, verdict.failed) == (End.ANSWERED, LIE, 1, 0)
    assert sum(len(each.actions) for each in people.proposals) == verdict.spent.commits == PUT_BEFORE_PEOPLE
    assert Counter(str(deed.kind) for deed in verdict.deeds if deed.proposal) == {"committed": 1, "denied": 9}
    assert len(people.approved) == 1 and len(world.paid(people.approved[0].proposal)) == 1
    told = await railed(sayso, handle.id)
    assert {each: told[each] for each in ("used", "committed")} == {"used": 1, "committed": 1}
    assert await proven(sayso, handle, tmp_path) > 2
