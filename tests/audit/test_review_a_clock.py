"""The archiver and a clock that is set back: a machine that starts in the wrong year, and learns better."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

from activities.archiver import SWEEP, Archiver
from activities.closed import BEGINNING, Closed, ClosedRuns
from activities.exports import Exporter
from activities.indexes import Index
from activities.places import LocalPlace
from policies.directory import Directory
from tests.audit import keys

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)


class Server:
    """Lists one run that cannot be exported, closed when the clock was wrong; keeps what it was asked for."""

    def __init__(self) -> None:
        self.asked: list[datetime] = []

    async def since(self, moment: datetime) -> list[Closed]:
        """As it is asked."""
        self.asked.append(moment)
        return [Closed("m", "r", "refund", NOON + timedelta(days=365))]

    async def retention(self) -> timedelta:
        """A day."""
        return timedelta(days=1)


async def test_clock_that_is_set_back_does_not_keep_the_archiver_from_looking_at_everything(tmp_path: Path) -> None:
    """A year would pass until the next look; what visibility listed late until then was never archived."""
    server, now = Server(), [NOON + timedelta(days=365)]
    index = Index(LocalPlace(tmp_path), keys.signer("exporter"), lambda: Directory(groups=(), people={}))
    archiver = Archiver(cast(ClosedRuns, server), cast(Exporter, None), index, lambda: now[0])
    await archiver.round()
    now[0] = NOON
    await archiver.round()
    now[0] = NOON + SWEEP
    await archiver.round()
    assert server.asked == [BEGINNING] * 3
