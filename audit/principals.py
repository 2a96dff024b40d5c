"""Whom a mission acts for, as its signed start proves, and whether its run is its own first one."""

from __future__ import annotations

import shlex

from approvals import start
from approvals.errors import SignatureError
from audit.record import MissionRecord, Started
from policies.action import Principals, operations_of, scope_of
from policies.directory import Directory
from policies.errors import CanonicalError


def principals_of(record: MissionRecord, directory: Directory) -> tuple[Principals, str | None]:
    """Whom the mission acts for, as its signed start proves, and why nobody could be named (None when somebody was)."""
    return acting_for(record.started, directory)


def acting_for(started: Started, directory: Directory) -> tuple[Principals, str | None]:
    """The answer of `principals_of`, from the start alone."""
    unknown = Principals(scope=scope_of(started.input), operations=operations_of(started.input) if started.legible else ())
    if started.signed_start is None:
        return unknown, "the start was not signed"
    if not started.legible:
        # It would be digested as null, and whoever signed for no input would have signed for any.
        return unknown, "the mission's input is not one value that can be read"
    try:
        expected = start.Start(
            namespace=started.mission.namespace,
            mission_type=started.mission.mission_type,
            mission_id=started.mission.mission_id,
            input=start.input_digest(started.input),
            iat=0,
            exp=0,
            jti="",
        )
        owner, on_behalf_of = start.owner(started.signed_start, expected, started.at, directory)
    except (SignatureError, CanonicalError) as error:
        return unknown, f"the start {error}"
    return unknown.model_copy(update={"owner": owner, "on_behalf_of": on_behalf_of}), None


def reset_trouble(record: MissionRecord) -> str | None:
    """Why this run commits nothing, if it repeats or continues another: its card could not tell what that one did."""
    started = record.started
    command = f"sayso start {shlex.quote(started.mission.mission_type)} --succeeds {shlex.quote(record.mission_id)}"
    instead = f"start a successor instead, with `{command}`"
    if started.original_run_id != record.run_id:
        return f"refused: reset. This run repeats run `{started.original_run_id}`; {instead}"
    if started.mission.first_execution_run_id != record.run_id:
        first = started.mission.first_execution_run_id
        return f"refused: continued. This run goes on from run `{first}`; {instead}"
    return None
