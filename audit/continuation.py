"""
Missions of several runs: what makes a run the one that its mission went on as from the one before.

Of all runs of a mission only the first was started by somebody, and only its start can be signed. The server writes into each
later one which run it continues, which one was the first, and whether the workflow itself went on; no mission and no client
can. A run that was reset is none of the chain, and neither is any that goes on from it.

Source: docs/decisions/0021-several-runs.md
"""

from __future__ import annotations

from audit.record import MissionRecord, Started


def origin_trouble(started: Started, origin: Started | None) -> str | None:
    """Why *origin* is not the start of the mission that goes on with *started*; None also where that goes on from nothing."""
    if not started.continues:
        return None
    mission = started.mission
    first = mission.first_execution_run_id
    if origin is None:
        return (
            f"its first run `{first}`, whose start alone was signed, cannot be read here: "
            "a namespace must keep its runs for longer than a mission takes (retention)"
        )
    if origin.mission != mission.model_copy(update={"run_id": first, "mission_type": origin.mission.mission_type}):
        return f"what stands for its first run is not run `{first}`"
    if origin.mission.mission_type != mission.mission_type:
        return f"it was started as a `{origin.mission.mission_type}` mission, and goes on as a `{mission.mission_type}` mission"
    return None if origin.original_run_id == first else f"its first run `{first}` repeats another"


def unlinked(earlier: MissionRecord, later: Started) -> str | None:
    """Why *earlier* is not the run from which its mission itself went on as *later*, or None."""
    name, mission, begun = later.mission.run_id, later.mission, earlier.started
    if not later.continues or later.continued_run_id != earlier.run_id:
        return f"run `{name}` was not begun by the mission going on from run `{earlier.run_id}`"
    if begun.original_run_id != earlier.run_id:
        return f"run `{earlier.run_id}`, from which run `{name}` goes on, repeats run `{begun.original_run_id}`"
    if begun.mission != mission.model_copy(update={"run_id": earlier.run_id}):
        return f"run `{earlier.run_id}`, from which run `{name}` goes on, is of another mission"
    if earlier.went_on_as != name:
        return f"run `{earlier.run_id}` did not end by going on as run `{name}`"
    return None
