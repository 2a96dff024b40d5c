"""How a run began, as an observation: whose mission it is, with what, and whether it goes on from another run."""

from __future__ import annotations

from contextlib import suppress

from approvals import start
from audit.events import sent, shown
from audit.observation import Observation, ObservationKind
from audit.payloads import sealed
from audit.principals import principals_of, reset_trouble
from audit.record import MissionRecord
from policies.canonical import Digest
from policies.directory import Directory
from policies.errors import CanonicalError
from policies.requirement import Assurance


def begun(record: MissionRecord, directory: Directory) -> Observation:
    """
    The start of *record*. Its actor is the owner where the signed start proves one, else whoever sent the request.

    Args:
        record: Of the run, its first event at least.
    """
    event, started = record.opened[0], record.started
    attributes = event.workflow_execution_started_event_attributes
    principals, trouble = principals_of(record, directory)
    if trouble and sealed(attributes.memo):
        trouble = "the start cannot be opened here"
    words = f"{started.mission.mission_type} mission {_how(record)}"
    if principals.on_behalf_of:
        words += f", on behalf of {principals.on_behalf_of}"
    signed = (record.origin or started).signed_start
    before = start.predecessor(signed) if signed else None
    if before is not None:
        words += f", succeeding {before.mission_id} (run {before.run_id})"
    parent = attributes.parent_workflow_execution
    if parent.workflow_id:
        words += (
            f", started by workflow {parent.workflow_id} (run {parent.run_id}, event {attributes.parent_initiated_event_id})"
        )
    for doubt in (f"the owner is unknown: {trouble}" if trouble else None, reset_trouble(record)):
        words += f"; {doubt}" if doubt else ""
    told = sent(event, ObservationKind.STARTED, words, attributes.identity, workflow=parent.workflow_id)
    owner = {"actor": principals.owner, "assurance": Assurance.SIGNED} if principals.owner else {}
    return told.model_copy(update={**owner, "digests": _digests(record)})


def _how(record: MissionRecord) -> str:
    """What it was started with; for a later run, also from where it goes on, and what its mission wrote down for it."""
    started, origin = record.started, record.origin
    if not started.continues:
        return f"with {shown(started.input)}"
    with_what = f", begun with {shown(origin.input)}" if origin is not None else ""
    return f"goes on from run {started.continued_run_id}{with_what}, carrying {shown(started.input)}"


def _digests(record: MissionRecord) -> dict[str, Digest]:
    """That of the input is what a signed start is over: for a later run, that of the first."""
    signed = record.origin if record.started.continues else record.started
    if signed is None or signed.input is None:
        return {}
    with suppress(CanonicalError):
        return {"input": start.input_digest(signed.input)}
    return {}
