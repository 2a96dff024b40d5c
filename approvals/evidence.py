"""Evidence: the trail up to one event, by digest."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import Field

from policies.canonical import Digest
from policies.model import Recorded


class Evidence(Recorded):
    """The chained digest of a mission's events 1 to `through`."""

    through: int = Field(ge=1)
    digest: Digest

    def trouble(self, chain: Sequence[Digest]) -> str | None:
        """Why this is not the trail of *chain* (the digest through event n at index n - 1), or None."""
        if self.through > len(chain):
            return f"is over event {self.through}, which the history does not have"
        if chain[self.through - 1] != self.digest:
            return f"is over another history than this mission's up to event {self.through}"
        return None


class RunHead(Recorded):
    """The whole trail of a run that is over."""

    mission_id: str
    run_id: str
    head: Evidence
