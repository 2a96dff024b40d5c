"""A plain check that a mission made, as one marker event: a local activity of the mission worker."""

from __future__ import annotations

from temporalio import activity

from policies.model import Recorded


class Observed(Recorded):
    """A named check, whether it passed, and words."""

    name: str
    passed: bool
    detail: str = ""


@activity.defn
async def observe(observed: Observed) -> Observed:
    """Returns *observed*: a marker keeps results, not inputs."""
    return observed
