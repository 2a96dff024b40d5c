"""Runs that are over are read once. Source: docs/decisions/0021-several-runs.md"""

from __future__ import annotations

from activities.past import Past
from audit.proposals import signed_proposals
from audit.record import MissionRecord
from tests.fakes.bench import Bench
from tests.fakes.clock import FakeClock
from tests.fakes.history import FakeHistory


def over(mission_id: str, run_id: str = "run-1") -> MissionRecord:
    """A run that is over."""
    history = FakeHistory(mission_id, run_id, FakeClock())
    history.start({"case_id": "CASE-1001"})
    history.end()
    return history.record()


def size(record: MissionRecord) -> int:
    """As it is counted."""
    return 2 * sum(event.ByteSize() for event in record.raw)


def test_run_that_is_over_is_kept_and_one_that_runs_is_not(bench: Bench) -> None:
    """What runs may still grow."""
    past = Past()
    past.keep(bench.mission.record())
    assert past.find("refund-1", "run-1") is None
    bench.mission.end()
    past.keep(bench.mission.record())
    found = past.find("refund-1", "run-1")
    assert found is not None and found.chain == bench.mission.record().chain


def test_run_whose_first_run_was_not_there_is_asked_for_again(bench: Bench) -> None:
    """It may have been read before the server had an answer."""
    bench.went_on().end()
    record, past = bench.mission.record(), Past()
    past.keep(record)
    assert record.started.continues and past.find(record.mission_id, record.run_id) is None


async def test_what_was_found_by_a_directory_is_not_kept(bench: Bench) -> None:
    """Each directory would stay for ever, and each key that was revoked since would stay good."""
    await bench.propose()
    bench.mission.end()
    record, past = bench.mission.record(), Past()
    past.keep(record)
    assert signed_proposals(record, bench.law) and record.known
    first = past.find(record.mission_id, record.run_id)
    assert first is not None and first.known == {} and first is not record
    assert signed_proposals(first, bench.law)
    second = past.find(record.mission_id, record.run_id)
    assert second is not None and second.known == {} and second.completed is first.completed


def test_missions_that_asked_longest_ago_make_room() -> None:
    """As much as is needed; what is larger than all of it is not kept."""
    runs = [over(f"refund-{number}") for number in range(3)]
    past = Past(2 * size(runs[0]) + 8)
    past.keep(runs[0])
    past.keep(runs[1])
    past.find("refund-0", "run-1")
    past.keep(runs[2])
    assert [past.find(f"refund-{number}", "run-1") is not None for number in range(3)] == [True, False, True]
    small = Past(8)
    small.keep(runs[0])
    assert small.find("refund-0", "run-1") is None


def test_runs_of_one_mission_do_not_drive_each_other_out() -> None:
    """They are asked for in turn: the ones that found room stay."""
    runs = [over("refund-1", f"run-{number}") for number in range(3)]
    past = Past(2 * size(runs[0]) + 8)
    for run in runs:
        past.keep(run)
    assert [past.find("refund-1", f"run-{number}") is not None for number in range(3)] == [True, True, False]
