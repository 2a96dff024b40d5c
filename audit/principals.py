"""Whom a mission acts for, as its signed start proves, and whether its run may commit."""

from __future__ import annotations

import shlex

from approvals import start
from approvals.errors import SignatureError
from audit.continuation import origin_trouble
from audit.record import MissionRecord, Started
from policies.action import Principals, operations_of, scope_of
from policies.directory import Directory
from policies.errors import CanonicalError


def principals_of(record: MissionRecord, directory: Directory) -> tuple[Principals, str | None]:
    """
    Whom the mission acts for, as its signed start proves, and why nobody could be named (None when somebody was).

    A run that goes on from another claims nothing for itself: what it was given there is its mission worker's word.
    """
    trouble = origin_trouble(record.started, record.origin)
    if trouble is not None:
        # Nobody knows what it was started for: nothing is within that.
        return Principals(operations=()), trouble
    signed = record.origin if record.started.continues and record.origin is not None else record.started
    return acting_for(signed, directory)


def acting_for(started: Started, directory: Directory) -> tuple[Principals, str | None]:
    """The answer of `principals_of`, from the start of a mission's first run alone."""
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
    """
    Why this run commits nothing, if it repeats another, or goes on from one otherwise than by its mission's own wish.

    Whether each run before it went on so, too, only those runs can tell: see `activities.earlier`.
    """
    started = record.started
    name, first = shlex.quote(started.mission.mission_type), started.mission.first_execution_run_id
    instead = f"start a successor instead, with `sayso start {name} --succeeds {shlex.quote(record.mission_id)}`"
    if started.original_run_id != record.run_id:
        return f"refused: reset. This run repeats run `{started.original_run_id}`; {instead}"
    if first == record.run_id:
        return None
    if not started.continues:
        return f"refused: continued. The server began this run after run `{first}`, by a retry or a schedule; {instead}"
    trouble = origin_trouble(started, record.origin)
    if trouble is None:
        return None
    anew = f"find out what it did, then start the mission anew with `sayso start {name}`" if record.origin is None else instead
    return f"refused: continued. Of the mission that goes on with this run: {trouble}; {anew}"
