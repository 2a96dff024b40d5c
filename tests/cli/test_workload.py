"""`sayso queue --stats` and the lines below the rail, on a real server."""

from __future__ import annotations

from typing import Any

import pytest

from tests.cli.conftest import Terminal
from tests.cli.test_flow import waiting
from workers.cli.matter import readable


def of(answer: Any, who: str) -> dict[str, Any]:
    """The line of *who*; nobody has decided anything yet where there is none."""
    return next((person for person in answer["people"] if person["who"] == who), {"denied": 0, "decisions": 0, "hasty": 0})


async def test_stats_count_a_denial_once_and_time_its_card(sayso: Terminal) -> None:
    """A mission that is over is read as well as one that waits."""
    before = of((await sayso("queue", "--stats", "--json")).data, "sam")
    item = await waiting(sayso, "CASE-1006")
    assert (await sayso("deny", item["proposal_id"], "--yes")).code == 0
    after = of((await sayso("queue", "--stats", "--since", "1h", "--json")).data, "sam")
    assert (after["denied"], after["decisions"]) == (before["denied"] + 1, before["decisions"] + 1)
    assert after["hasty"] > before["hasty"]
    text = (await sayso("queue", "--stats")).out
    assert [line.split()[0] for line in text.splitlines()[:2]] == ["WHO", "sam"]


async def test_rail_says_how_long_the_card_was_open_and_by_whom_it_was_decided(sayso: Terminal) -> None:
    """In the line of the decision, and once for each approver below."""
    item = await waiting(sayso, "CASE-1006")
    await sayso("deny", item["proposal_id"], "--reason", "not now", "--yes")
    text = (await sayso("rail", item["mission_id"])).out
    (line,) = [line for line in text.splitlines() if "not now" in line and " decided " in line]
    assert "deny, with the reason: not now after " in line
    assert "DECIDED BY:\n  sam: 1 denied; card open " in text
    (approver,) = (await sayso("rail", item["mission_id"], "--json")).data["approvers"]
    assert (approver["who"], approver["denied"]) == ("sam", 1)


async def test_limit_and_what_could_not_be_read_are_said(sayso: Terminal) -> None:
    """A run of a stranger's that claims a proposal is read, and holds no decision; the limit is named."""
    item = await waiting(sayso, "CASE-1006")
    answer = await sayso("queue", "--stats", "--limit", "1", "--json")
    assert (answer.data["limited"], answer.data["runs"], answer.data["unread"]) == (True, 1, [])
    assert "only the latest 1 runs were looked at" in (await sayso("queue", "--stats", "--limit", "1")).out
    await sayso.world.client.get_workflow_handle(item["mission_id"]).terminate()


async def test_unreadable_run_is_named_and_hides_no_other(sayso: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    """One bad history does not take the table away."""
    item = await waiting(sayso, "CASE-1006")

    async def broken(desk: Any, row: Any) -> Any:
        return "event 7 has fields this version does not know" if row.run_id == item["run_id"] else await readable(desk, row)

    monkeypatch.setattr("workers.cli.workload.readable", broken)
    answer = await sayso("queue", "--stats", "--json")
    assert [entry["mission_id"] for entry in answer.data["unread"]] == [item["mission_id"]]
    assert "event 7 has fields" in (await sayso("queue", "--stats")).out
    await sayso.world.client.get_workflow_handle(item["mission_id"]).terminate()


@pytest.mark.parametrize("age", ["7", "0d", "d", "-1d", "1w", "99999999d", "7d; DROP"])
async def test_span_that_is_none_is_wrong_use(sayso: Terminal, age: str) -> None:
    """In one line, with what it should look like."""
    answer = await sayso("queue", "--stats", "--since", age)
    assert (answer.code, "`7d`" in answer.err or "such option" in answer.err.lower()) == (2, True), answer


async def test_since_without_stats_is_wrong_use(sayso: Terminal) -> None:
    """The queue is what waits now."""
    answer = await sayso("queue", "--since", "7d")
    assert (answer.code, "`--since` goes with `--stats`" in answer.err) == (2, True)
