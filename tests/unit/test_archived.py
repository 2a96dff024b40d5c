"""What the archiver says of a round, in its log and as metrics. Source: docs/archiver.md."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from activities.archiver import Round, Waiting
from activities.closed import Closed
from audit.index import START, Head
from workers.archiver import tell
from workers.telemetry.archived import Archived

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)


def waiting(hours: float, *, lost: bool = False, mission_id: str = "refund-1") -> Waiting:
    """A run that closed so long ago."""
    return Waiting(Closed(mission_id, "run-1", "refund", NOW - timedelta(hours=hours)), "events of a newer server", lost)


def made(*waits: Waiting, **also: Any) -> Round:
    """A round of a namespace that keeps a day."""
    return Round((), waits, Head(number=0, digest=START), timedelta(hours=24), NOW, **also)


def lines(done: Round) -> dict[str, dict[str, Any]]:
    """Log lines by event."""
    with capture_logs() as logged:
        tell(done)
    return {line["event"]: dict(line) for line in logged}


@pytest.mark.parametrize(("hours", "urgent"), [(0, False), (12, False), (12.1, True), (30, True)])
def test_alarm_is_at_half_of_the_retention(hours: float, urgent: bool) -> None:
    """Before that there is time, after it there may not be."""
    said = lines(made(waiting(hours), waiting(0)))
    assert ("archive.urgent" in said) is urgent
    assert said["archive.round"]["oldest_waiting_seconds"] == hours * 3600


def test_what_is_lost_already_is_said_and_no_alarm() -> None:
    """Nobody can do anything about it any more."""
    said = lines(made(waiting(30, lost=True)))
    assert (said["archive.lost"]["log_level"], said["archive.round"]["lost"]) == ("error", 1)
    assert "archive.urgent" not in said


def test_silence_longer_than_retention_and_strange_entries_are_said() -> None:
    """At a start, and at each look at the index."""
    said = lines(made(strange={3: "is signed by nobody"}, silent_since=NOW - timedelta(days=2)))
    assert said["archive.gap"]["last_archived_at"] == "2026-11-23T12:00:00+00:00"
    assert said["archive.entry_strange"]["number"] == 3


def test_hostile_ids_are_shown_escaped() -> None:
    """A terminal must not obey them."""
    said = lines(made(waiting(1, mission_id="a\x1b[2J")))
    assert "\x1b" not in said["archive.waiting"]["mission_id"]


def test_gauges_tell_of_the_last_round_and_how_old_it_is() -> None:
    """Nothing before the first; the oldest goes on waiting between two."""
    archived = Archived()
    assert [list(archived.oldest()), list(archived.waiting())] == [[], []]
    archived.hear(made(waiting(2), waiting(1)))
    ((oldest, _),) = archived.oldest()
    assert 7200 <= oldest < 7260
    assert list(archived.waiting()) == [(2.0, {})]
    assert list(archived.retention()) == [(86400.0, {})]
    archived.hear(made())
    assert list(archived.oldest()) == [(0.0, {})]
    assert next(archived.staleness())[0] < 60
