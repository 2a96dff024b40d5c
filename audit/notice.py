"""
How a mission lists itself in the Decision Queue. Its own worker says that, so it can hide what waits from the people who are
asked, or show what does not: where it says anything but what is proven, the rail shows it.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime

from pydantic import JsonValue
from temporalio.api.history.v1 import HistoryEvent

from approvals import attributes
from approvals.proposal import Proposal, proposal_id
from audit.events import MISSION, shown, told
from audit.known import Known
from audit.observation import Observation, ObservationKind
from audit.parts import value_of
from audit.payloads import json_of
from policies.canonical import Digest

_OURS = {attributes.STATE, attributes.PROPOSAL, attributes.GROUPS, attributes.EXPIRES_AT, attributes.OWNER}


def notice(event: HistoryEvent, known: Known, owner: str | None) -> Observation | None:
    """What the mission says of itself in *event*; None where it is what is proven so far."""
    fields = event.upsert_workflow_search_attributes_event_attributes.search_attributes.indexed_fields
    said = {name: value_of(json_of(fields[name])) for name in sorted(fields)}
    doubt = _doubt(said, known, owner)
    if doubt is None:
        return None
    listed = ", ".join(f"{name} = {shown(value)}" for name, value in said.items() if value is not None)
    words = f"lists itself in the queue as {listed or 'nothing'}: {doubt}"
    return told(event, ObservationKind.EVENT, words, MISSION)


def _doubt(said: Mapping[str, JsonValue], known: Known, owner: str | None) -> str | None:
    strange = sorted(said.keys() - _OURS)
    if strange:
        return f"{', '.join(strange)} is none of the queue's attributes"
    if said.get(attributes.STATE) == attributes.WORKING:
        first = next(iter(known.waiting), None)
        return f"it says that nothing waits, and proposal {proposal_id(first)} does" if first is not None else None
    digest = said.get(attributes.PROPOSAL)
    proposal = known.named(Digest(digest)) if isinstance(digest, str) else None
    if proposal is None:
        return "it names no proposal that is proven here to be the gate's"
    if digest not in known.waiting:
        return "it names a proposal that has ended"
    return _misquoted(said, proposal, owner)


def _misquoted(said: Mapping[str, JsonValue], proposal: Proposal, owner: str | None) -> str | None:
    if said.get(attributes.STATE) != attributes.AWAITING:
        return "it does not say that a proposal waits"
    groups = said.get(attributes.GROUPS)
    asked = set(attributes.fitting(sorted(proposal.requirement.groups(float("inf")))))
    if not isinstance(groups, list) or not groups or not {str(group) for group in groups} <= asked:
        return "it names other groups than are asked"
    if said.get(attributes.OWNER) not in (None, attributes.spelled(owner or "")):
        return "it names another owner than is proven"
    return None if _time(said.get(attributes.EXPIRES_AT)) == proposal.expires_at else "it names another expiry"


def _time(text: JsonValue) -> datetime | None:
    with suppress(ValueError):
        return datetime.fromisoformat(text) if isinstance(text, str) else None
    return None
