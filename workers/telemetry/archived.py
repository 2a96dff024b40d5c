"""What the archiver's last round came to, for gauges: above all how long the oldest mission waits to be archived."""

from __future__ import annotations

import time
from collections.abc import Iterator

from activities.archiver import Round

Labelled = Iterator[tuple[float, dict[str, str]]]


class Archived:
    """Answers from the last round; nothing before the first."""

    def __init__(self) -> None:
        self._last: Round | None = None
        self._at = time.monotonic()

    def hear(self, done: Round) -> None:
        """Takes a round that was made just now."""
        self._last, self._at = done, time.monotonic()

    def oldest(self) -> Labelled:
        """Seconds since the oldest mission closed that is not in the archive; 0 where all are."""
        if self._last is not None:
            found = self._last.oldest
            # It goes on waiting between two rounds.
            yield (found.total_seconds() + time.monotonic() - self._at if found is not None else 0.0), {}

    def waiting(self) -> Labelled:
        """Missions that closed and are not in the archive."""
        if self._last is not None:
            yield float(len(self._last.waiting)), {}

    def retention(self) -> Labelled:
        """Seconds that the server keeps what closed."""
        if self._last is not None and self._last.retention is not None:
            yield self._last.retention.total_seconds(), {}

    def staleness(self) -> Labelled:
        """Seconds since a round was done, or since the start."""
        yield time.monotonic() - self._at, {}
