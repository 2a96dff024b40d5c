"""
The Decision Queue: which missions say that they wait for a decision, and how one of them is shown.

A row comes from search attributes, which the mission worker sets: it is a claim and no more. Whoever shows it looks for the
gate-signed proposal in the mission's own history first, and shows an item without one as unverified.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from pydantic import AwareDatetime, JsonValue
from temporalio.common import SearchAttributeKey, TypedSearchAttributes

from approvals import attributes
from approvals.proposal import Proposal, proposal_id
from approvals.resolution import Resolution, State
from policies.canonical import Digest
from policies.model import Recorded
from policies.requirement import Requirement

_STATE = SearchAttributeKey.for_keyword(attributes.STATE)
_PROPOSAL = SearchAttributeKey.for_keyword(attributes.PROPOSAL)
_GROUPS = SearchAttributeKey.for_keyword_list(attributes.GROUPS)
_EXPIRES_AT = SearchAttributeKey.for_datetime(attributes.EXPIRES_AT)
WAITING = f"{attributes.STATE} = '{attributes.AWAITING}' AND ExecutionStatus = 'Running'"
"""The visibility query of the queue."""
_PREFIX = re.compile(r"[0-9a-f]{6,64}")


class Execution(Protocol):
    """A mission run as visibility lists it."""

    @property
    def id(self) -> str:
        """Mission id."""

    @property
    def run_id(self) -> str:
        """Run id."""

    @property
    def workflow_type(self) -> str:
        """Mission type."""

    @property
    def start_time(self) -> datetime:
        """When the run began."""

    @property
    def typed_search_attributes(self) -> TypedSearchAttributes:
        """What the mission worker set."""


class Visibility(Protocol):
    """What the queue asks; a `temporalio.client.Client` is one."""

    def list_workflows(self, query: str | None = None, *, limit: int | None = None) -> AsyncIterator[Execution]:
        """Runs that match *query*."""


@dataclass(frozen=True)
class Waiting:
    """A mission that says it waits."""

    mission_id: str
    run_id: str
    mission_type: str
    since: datetime
    """When the run began; the proposal is younger."""
    proposal: str | None
    """Digest of the proposal, as the mission says."""
    expires_at: datetime | None
    groups: tuple[str, ...] = ()
    """Whose say-so it needs, as the mission says."""


class QueueItem(Recorded):
    """One line of the queue. Without `verified` there is nothing to approve, and `trouble` says why."""

    mission_id: str
    run_id: str
    mission_type: str
    verified: bool
    trouble: str | None = None
    proposal_id: str | None = None
    proposal_digest: Digest | None = None
    integration: str | None = None
    operation: str | None = None
    arguments: dict[str, JsonValue] | None = None
    """Of the first action; `actions` has them all."""
    actions: tuple[dict[str, JsonValue], ...] = ()
    """`operation` and `arguments` of each."""
    amended_by: str | None = None
    asks_outcome_of: Digest | None = None
    """The proposal whose outcome is unknown, where that is the question."""
    requirement: Requirement | None = None
    missing: tuple[str, ...] = ()
    state: State | None = None
    owner: str | None = None
    created_at: AwareDatetime | None = None
    expires_at: AwareDatetime | None = None


def is_prefix(text: str) -> bool:
    """Whether *text* can be a proposal id: at least six digits of a digest."""
    return _PREFIX.fullmatch(text) is not None


async def waiting(visibility: Visibility, limit: int) -> list[Waiting]:
    """At most *limit* missions that say they wait, earliest expiry first."""
    return _sorted([_row(found) async for found in visibility.list_workflows(WAITING, limit=limit)])


async def naming(visibility: Visibility, prefix: str, limit: int = 100) -> list[Waiting]:
    """
    Runs, open or closed, that name a proposal whose digest begins with *prefix* (see `is_prefix`).

    A mission may have several: a run begins with what the run before it named.
    """
    query = f"{attributes.PROPOSAL} STARTS_WITH '{prefix}'"
    return _sorted([_row(found) async for found in visibility.list_workflows(query, limit=limit)])


async def proposing(visibility: Visibility, since: datetime | None, limit: int) -> list[Waiting]:
    """At most *limit* runs that ever named a proposal, open ones and those that closed at *since* (aware) or later."""
    named = f"{attributes.PROPOSAL} IS NOT NULL"
    recent = f" AND (ExecutionStatus = 'Running' OR CloseTime >= '{since.astimezone(UTC).isoformat()}')" if since else ""
    return [_row(found) async for found in visibility.list_workflows(named + recent, limit=limit)]


def verified(row: Waiting, digest: Digest, proposal: Proposal, resolution: Resolution) -> QueueItem:
    """The item of a proposal whose gate signature was verified in the history of *row*."""
    return QueueItem(
        mission_id=row.mission_id,
        run_id=row.run_id,
        mission_type=row.mission_type,
        verified=True,
        proposal_id=proposal_id(digest),
        proposal_digest=digest,
        integration=proposal.action.integration,
        operation=proposal.action.operation,
        arguments=proposal.action.arguments,
        actions=tuple({"operation": each.operation, "arguments": dict(each.arguments)} for each in proposal.actions),
        amended_by=proposal.amends.amendment.who if proposal.amends else None,
        asks_outcome_of=proposal.reconciles.proposal if proposal.reconciles else None,
        requirement=proposal.requirement,
        missing=resolution.missing,
        state=resolution.state,
        owner=proposal.principals.owner,
        created_at=proposal.created_at,
        expires_at=proposal.expires_at,
    )


def named(said: TypedSearchAttributes) -> str | None:
    """The digest of the proposal that a mission says it waits with, or waited with last."""
    return said.get(_PROPOSAL)


def waits(said: TypedSearchAttributes) -> bool:
    """Whether a mission says that it waits for a decision."""
    return said.get(_STATE) == attributes.AWAITING


def unverified(row: Waiting, trouble: str) -> QueueItem:
    """The item of a mission that claims to wait, with why nothing can be approved there."""
    return QueueItem(
        mission_id=row.mission_id, run_id=row.run_id, mission_type=row.mission_type, verified=False, trouble=trouble
    )


def _row(found: Execution) -> Waiting:
    said = found.typed_search_attributes
    return Waiting(
        mission_id=found.id,
        run_id=found.run_id,
        mission_type=found.workflow_type,
        since=found.start_time,
        proposal=named(said),
        expires_at=said.get(_EXPIRES_AT),
        groups=tuple(said.get(_GROUPS) or ()),
    )


def _sorted(rows: list[Waiting]) -> list[Waiting]:
    return sorted(rows, key=lambda row: (row.expires_at or row.since, row.mission_id))
