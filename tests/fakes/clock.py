"""A clock that stands still until it is told otherwise."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


@dataclass
class FakeClock:
    """Aware UTC; set `now` to step it."""

    now: datetime = NOON

    def __call__(self) -> datetime:
        """The time it was set to."""
        return self.now

    def advance(self, **by: float) -> None:
        """Steps forward, or back with negative values, as `timedelta` takes them."""
        self.now += timedelta(**by)
