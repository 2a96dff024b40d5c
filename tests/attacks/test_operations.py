"""P3: a mission goes no further than the operations it was started for. Source: docs/policies.md, Scope; record 0026."""

from __future__ import annotations

from dataclasses import replace

import pytest
from pydantic import JsonValue
from temporalio.exceptions import ApplicationError

from approvals.start import input_digest
from audit import principals
from policies import bundle as ruling
from policies.action import MAX_OPERATIONS, operations_of
from tests.attacks.test_bypass import read
from tests.fakes.bench import REFUND, Bench

CASE: dict[str, JsonValue] = {"case_id": "CASE-1001"}
ORDER: dict[str, JsonValue] = {"order_id": "ORD-2001"}
NOT_ITS_OWN = "the mission was not started for"


def started_for(bench: Bench, operations: JsonValue, *, owner: str | None = "olga") -> None:
    """A refund mission whose start lists *operations*."""
    given: JsonValue = {**CASE, "operations": operations}
    bench.started("refund-2", given=given, input=input_digest(given), owner=owner)


def test_operations_are_those_of_the_input_or_none_at_all() -> None:
    """Only a list of names lets anything through; what is no such list lets nothing through."""
    assert operations_of(CASE) is None and operations_of(None) is None and operations_of(["operations"]) is None
    assert operations_of({"operations": ["a.b", "c.d"]}) == ("a.b", "c.d")
    names = [f"a.b{number}" for number in range(MAX_OPERATIONS + 1)]
    assert len(operations_of({"operations": list[JsonValue](names[1:])}) or ()) == MAX_OPERATIONS
    others: list[JsonValue] = [None, "a.b", {"a.b": True}, 7, ["a.b", 7], [["a.b"]], ["a.b", "x" * 501], list(names)]
    assert [operations_of({"operations": other}) for other in others] == [()] * len(others)


@pytest.mark.promise("P3")
async def test_mission_reads_what_its_start_lists_and_nothing_else(bench: Bench) -> None:
    """Policy permits both reads; the start lists one."""
    started_for(bench, ["orders.get_case"])
    assert not (await read(bench, "orders.get_case", CASE)).failed
    with pytest.raises(ApplicationError, match=NOT_ITS_OWN):
        await read(bench, "orders.get_order", ORDER)
    assert [call.tool for call in bench.tools.calls] == ["get_case"]


@pytest.mark.promise("P3")
async def test_mission_proposes_nothing_that_its_start_does_not_list(bench: Bench) -> None:
    """A hostile mission worker asks for it all the same, alone and as one of a batch."""
    started_for(bench, ["orders.get_case", "orders.get_order"])
    assert NOT_ITS_OWN in await bench.refused()
    more = [{"operation": REFUND, "arguments": {"order_id": "A", "amount_minor": 1, "currency": "EUR", "reason": "r"}}]
    assert NOT_ITS_OWN in await bench.refused(more=more)


@pytest.mark.promise("P3")
async def test_listed_operation_is_proposed_and_used(bench: Bench) -> None:
    """At the use, the start is asked again."""
    started_for(bench, [REFUND])
    found = await bench.propose()
    bench.approve("sam")
    assert found.proposal.principals.operations == (REFUND,)
    assert (await bench.settle()).kind == "receipt" and bench.paid == [4200]


@pytest.mark.promise("P3")
async def test_start_is_asked_again_at_the_use(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proposal of a gate that did not know the bound yet sends nothing under one that does."""
    started_for(bench, ["orders.get_order"])
    with monkeypatch.context() as older:
        older.setattr(ruling, "_within", lambda action, principals: [])
        await bench.propose()
    bench.approve("sam")
    settlement = await bench.settle()
    assert (settlement.kind, bench.paid) == ("not_sent", [])
    assert NOT_ITS_OWN in " ".join(settlement.reasons())


@pytest.mark.control("P3")
async def test_mission_goes_anywhere_where_nobody_asks_what_it_was_started_for(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One defence: the finding `scope`."""
    started_for(bench, ["orders.get_case"])
    monkeypatch.setattr(ruling, "_within", lambda action, principals: [])
    await read(bench, "orders.get_order", ORDER)
    await bench.propose()
    bench.approve("sam")
    await bench.settle()
    assert [call.tool for call in bench.tools.calls] == ["get_order", "issue_refund"]


@pytest.mark.promise("P3")
async def test_start_that_nobody_signed_is_bound_as_well(bench: Bench) -> None:
    """A restriction needs nobody's signature."""
    started_for(bench, ["orders.get_case"], owner=None)
    with pytest.raises(ApplicationError, match=NOT_ITS_OWN):
        await read(bench, "orders.get_order", ORDER)
    assert bench.tools.calls == []


@pytest.mark.control("P3")
async def test_unsigned_start_reads_on_where_the_bound_counts_only_when_signed(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One defence: that the list is taken from every start."""
    started_for(bench, ["orders.get_case"], owner=None)
    monkeypatch.setattr(principals, "operations_of", lambda given: None)
    assert not (await read(bench, "orders.get_order", ORDER)).failed


VARIANTS: dict[str, JsonValue] = {
    "no list": "orders.get_order",
    "a table": {"orders.get_order": True},
    "null": None,
    "empty": [],
    "with something else in it": ["orders.get_order", 1],
    "nested": [["orders.get_order"]],
    "too many": ["orders.get_order", *(f"orders.x{number}" for number in range(10_000))],
    "another case": ["Orders.get_order", "orders.GET_ORDER"],
    "other letters that look alike": ["\u043erders.get_order", "orders\uff0eget_order", "orders.get\u200b_order"],
    "blanks": [" orders.get_order", "orders.get_order\n"],
    "a pattern": ["*", "orders.*", "orders"],
    "the name that models see": ["orders__get_order"],
}


@pytest.mark.promise("P3")
@pytest.mark.parametrize("name", VARIANTS)
async def test_only_the_exact_name_in_a_list_counts(bench: Bench, name: str) -> None:
    """Nothing is guessed, in either direction."""
    started_for(bench, VARIANTS[name])
    with pytest.raises(ApplicationError, match=NOT_ITS_OWN):
        await read(bench, "orders.get_order", ORDER)
    assert bench.tools.calls == []


@pytest.mark.promise("P3")
async def test_run_that_goes_on_from_a_start_in_doubt_may_do_nothing(bench: Bench) -> None:
    """What bounded its first run cannot be told; a hostile worker leaves the list out of what it hands on."""
    started_for(bench, ["orders.get_case"])
    record = bench.mission.record()
    going_on = replace(record.started, mission=record.started.mission.model_copy(update={"run_id": "run-9"}))
    doubtful = replace(going_on, continued_run_id="run-1", continues=True, input=CASE)
    vars(record)["started"] = doubtful
    found, trouble = principals.principals_of(record, bench.bundle.directory)
    assert trouble is not None and (found.owner, found.operations) == (None, ())
