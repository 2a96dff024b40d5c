"""E15: a mission does what it was started for, argument for argument. Source: docs/policies.md, Scope."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import JsonValue
from temporalio.exceptions import ApplicationError

from activities import read as reading
from approvals.start import input_digest
from audit import standing
from policies.action import MAX_SCOPE, Principals, scope_of
from policies.canonical import Digest
from tests.attacks.test_bypass import read
from tests.conftest import Without
from tests.fakes.bench import SMALL, Bench
from tests.fakes.kit import Kit, regrouped

OWN: dict[str, JsonValue] = {"case_id": "CASE-1001"}
OTHER: dict[str, JsonValue] = {"case_id": "CASE-1002"}


def test_scope_is_the_plain_values_of_the_input() -> None:
    """Strings as they are, integers and booleans as JSON; nothing that is nested, null, a fraction or long."""
    given: JsonValue = {
        "s": "x y",
        "i": 7,
        "t": True,
        "n": None,
        "f": 1.5,
        "l": ["x"],
        "o": {},
        "long": "x" * 501,
        "big": 10**5000,
    }
    assert scope_of(given) == {"s": "x y", "i": "7", "t": "true"}
    others: list[JsonValue] = [None, "x", ["x"], 7]
    assert [scope_of(other) for other in others] == [{}, {}, {}, {}]
    assert len(scope_of({str(i): i for i in range(MAX_SCOPE)})) == MAX_SCOPE
    assert scope_of({str(i): i for i in range(MAX_SCOPE + 1)}) == {}


@pytest.mark.promise("E15")
async def test_mission_reads_its_own_case_and_no_other(bench: Bench) -> None:
    """Which it is, the server says."""
    assert not (await read(bench, "orders.get_case", OWN)).failed
    with pytest.raises(ApplicationError, match="policy does not permit"):
        await read(bench, "orders.get_case", OTHER)
    assert [call.arguments for call in bench.tools.calls] == [OWN]


@pytest.mark.promise("E15")
@pytest.mark.parametrize("start", ["unsigned", "signed by nobody", "signed for another case"])
async def test_start_that_nobody_signed_gives_no_scope(bench: Bench, start: str) -> None:
    """Whoever may start workflows may write any input; only a signature says that somebody meant it."""
    match start:
        case "unsigned":
            bench.started("refund-2", owner=None)
        case "signed by nobody":
            bench.started("refund-2", owner="stranger")
        case _:
            bench.started("refund-2", given=OTHER)
    with pytest.raises(ApplicationError, match="policy does not permit"):
        await read(bench, "orders.get_case", OTHER if start == "signed for another case" else OWN)
    assert bench.tools.calls == []


@pytest.mark.control("E15")
async def test_mission_reads_any_case_where_it_says_itself_what_it_is_for(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the server's word."""
    said = Principals(owner="olga", scope={"case_id": "CASE-1002"})
    monkeypatch.setattr(reading, "principals_of", lambda record, directory: (said, None))
    await read(bench, "orders.get_case", OTHER)
    assert [call.arguments for call in bench.tools.calls] == [OTHER]


async def test_run_without_a_start_reads_nothing(bench: Bench) -> None:
    """Fail closed, and finally; where the server does not answer, Temporal asks again."""
    bench.histories.down = True
    with pytest.raises(ApplicationError) as down:
        await read(bench, "orders.get_order", {"order_id": "ORD-2001"})
    bench.histories.down = False
    bench.histories.runs.clear()
    with pytest.raises(ApplicationError) as gone:
        await read(bench, "orders.get_order", {"order_id": "ORD-2001"})
    assert (down.value.type, down.value.non_retryable) == ("Unreachable", False)
    assert (gone.value.type, gone.value.non_retryable) == ("NotPermitted", True)
    assert bench.tools.calls == []


def bound(root: Path) -> None:
    """A commit for one order alone: the one the mission was started for."""
    path = root / "refund.cedar"
    tag = 'principal.hasTag("order_id") && context.input.order_id == principal.getTag("order_id")'
    condition = f'principal.type == "refund" && {tag} &&\n  ['
    path.write_text(path.read_text().replace('principal.type == "refund" &&\n  [', condition))


ORDER: dict[str, JsonValue] = {"order_id": "ORD-2001"}


def for_order(kit: Kit) -> Bench:
    """A mission that was started for one order."""
    bench = Bench(kit, kit.changed("commits bound to the order", bound))
    bench.started("refund-3", given=ORDER, input=input_digest(ORDER))
    return bench


@pytest.mark.promise("E15")
async def test_commit_is_bound_to_what_the_mission_was_started_for(kit: Kit) -> None:
    """At the proposal, and again at the use."""
    bench = for_order(kit)
    assert "policy does not permit" in await bench.refused({**SMALL, "order_id": "ORD-2002"})
    await bench.propose()
    bench.approve("sam")
    assert (await bench.settle()).kind == "receipt" and bench.paid == [4200]


@pytest.mark.promise("E15")
async def test_proposal_without_a_scope_is_ruled_by_todays(kit: Kit) -> None:
    """Proposals made before there was a scope stay good, and get no more than the mission's own."""
    bench = for_order(kit)
    found = await bench.propose()
    old = found.proposal.model_copy(update={"principals": Principals(owner="olga")})
    assert standing.CHECKS["owner"][0](standing.Question(old, Digest("f" * 64), 0, bench.mission.record(), bench.law)) is None
    assert standing.CHECKS["ruling"][0](standing.Question(old, Digest("f" * 64), 0, bench.mission.record(), bench.law)) is None


@pytest.mark.promise("E15")
async def test_scope_in_a_proposal_is_not_believed(kit: Kit) -> None:
    """What rules is the start."""
    bench = for_order(kit)
    found = await bench.propose()
    other = found.proposal.action.model_copy(update={"arguments": {**SMALL, "order_id": "ORD-2002"}})
    wider = Principals(owner="olga", scope={"order_id": "ORD-2002"})
    forged = found.proposal.model_copy(update={"action": other, "principals": wider})
    assert "policy does not permit" in str(
        standing.CHECKS["ruling"][0](standing.Question(forged, Digest("f" * 64), 0, bench.mission.record(), bench.law))
    )


def trainees(root: Path) -> None:
    """Where a trainee began it, finance agrees too."""
    directory = root / "directory.yaml"
    directory.write_text(directory.read_text().replace("- finance\n", "- finance\n- trainees\n", 1))
    policy = """
@id("refund-of-a-trainee") @requires("finance: 1, support-lead: 1") @expires("24h")
permit (principal is Mission, action == Action::"payments.issue_refund", resource)
when { principal has owner && principal.owner in Group::"trainees" && context.input.amount_minor <= 500000 };
"""
    (root / "trainees.cedar").write_text(policy)


async def approved_before_olga_became_a_trainee(kit: Kit) -> Bench:
    """One support lead is enough while she is none."""
    bench = Bench(kit, kit.changed("trainees ask finance", trainees))
    await bench.propose()
    bench.approve("sam")
    bench.directories.now = regrouped(bench.bundle.directory, olga=("support", "trainees"))
    return bench


@pytest.mark.promise("D10")
async def test_condition_that_changed_while_waiting_asks_for_more_and_uses_nothing(kit: Kit) -> None:
    """The gate rules again at the use; the approval stands for when the condition is what it was."""
    bench = await approved_before_olga_became_a_trainee(kit)
    settlement = await bench.settle()
    assert settlement.kind == "not_sent" and bench.paid == []
    assert [f.words for f in settlement.findings if not f.holds] == [
        "policy now asks for 1 of finance and 1 of support-lead; the proposal was made with 1 of support-lead"
    ]
    assert bench.uses.claims == 0
    bench.directories.now = bench.bundle.directory
    assert (await bench.settle()).kind == "receipt" and bench.paid == [4200]


@pytest.mark.control("D10")
async def test_condition_that_changed_is_overlooked_where_nobody_rules_again(kit: Kit, without: Without) -> None:
    """One support lead for what now needs finance too."""
    bench = await approved_before_olga_became_a_trainee(kit)
    without(standing.CHECKS, "ruling")
    await bench.settle()
    assert bench.paid == [4200]
