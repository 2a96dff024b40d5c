"""
A matter: a proposal as the command line finds it. It is taken from the mission's own history, opened, verified with the keys
of the command's own bundle, and judged at this moment. What a mission or its search attributes say about it is only where to
look.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property

from pydantic import JsonValue
from temporalio.client import WorkflowExecutionDescription, WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from activities.errors import Unreachable
from activities.histories import ServerHistories
from approvals import queue
from approvals.decision import Heard
from approvals.display import visible
from approvals.proposal import Proposal, Seen, proposal_id
from approvals.resolution import Resolution, State, resolve
from approvals.settlement import Settlement, SettlementKind
from audit.claims import said
from audit.errors import AuditError
from audit.judgement import Judgement, Point, docket_of, judge
from audit.law import Law
from audit.payloads import SEALED_WORDS, sealed
from audit.proposals import signed_proposals
from audit.proven import proposed, settlements
from audit.record import MissionRecord
from audit.witnesses import witness_of
from policies.canonical import Digest
from workers.cli.desk import Desk, missing
from workers.cli.runs import run_with_proposals
from workers.errors import WrongUse

_ITS_OWN = ("run", "evidence", "card")
"""Checks without which a proposal is not this mission's, whoever signed it."""
_WHOLE = len(proposal_id(Digest("0" * 64)))


@dataclass(frozen=True)
class Matter:
    """One verified proposal, as judged over its mission's history at one moment."""

    record: MissionRecord
    digest: Digest
    proposal: Proposal
    judgement: Judgement
    resolution: Resolution
    law: Law
    now: datetime

    @property
    def expired(self) -> bool:
        """Whether its time is over."""
        return self.now >= self.proposal.expires_at

    @cached_property
    def answer(self) -> Settlement | None:
        """The gate's latest settlement of it, verified."""
        found = settlements(self.record, self.law.directory).values()
        return next((answer for answer in reversed(found) if answer.proposal == self.digest), None)

    @property
    def answer_is_open(self) -> bool:
        """Whether the gate has given no final answer yet."""
        return self.answer is None or self.answer.open

    @property
    def standing(self) -> Resolution:
        """Where it stands: as the gate settled it, or else as it is now."""
        if self.answer is None or self.answer_is_open or self.answer.kind is SettlementKind.NOT_SENT:
            return self.resolution
        sent = self.answer.kind in (SettlementKind.RECEIPT, SettlementKind.UNKNOWN)
        state = State.APPROVED if sent else State(self.answer.kind)
        return Resolution(state=state, votes=self.answer.votes, missing=self.answer.missing)

    @property
    def doubts(self) -> tuple[str, ...]:
        """Why the gate would not send it now, whoever approves."""
        return tuple(finding.words for finding in self.judgement.findings if not finding.holds)

    @cached_property
    def seen(self) -> tuple[tuple[Seen, JsonValue], ...]:
        """What the card lists as had before, each with the recorded result that its digest covers."""
        results = {done.event_id: done for done in self.record.completed}
        return tuple(
            (seen, results[seen.event_id].result)
            for seen in self.proposal.seen
            if seen.event_id in results and results[seen.event_id].result_digest == seen.digest
        )

    @cached_property
    def witnesses(self) -> dict[int, str]:
        """By event of a result, the service that signed it, as verified here."""
        found = ((done.event_id, witness_of(done, self.record, self.law.directory)) for done in self.record.completed)
        return {event_id: service for event_id, service in found if service is not None}

    def with_decision(self, heard: Heard) -> Resolution:
        """How it would stand with one more decision."""
        found = signed_proposals(self.record, self.law)[self.digest]
        docket = docket_of(self.record, found, self.law, _counted(self.record, self.digest, self.law))
        return resolve(docket, [*said(self.record, self.digest, self.law), heard], self.now)


def look(record: MissionRecord, digest: Digest, law: Law) -> Matter | str:
    """Proposal *digest* of *record* as it stands now, or why it is not one that the gate made for this mission."""
    now = max(datetime.now(UTC), record.last_event_at)
    judgement = judge(record, Point(digest, now, approvals_this_hour=_counted(record, digest, law)), law)
    unjudged = judgement.resolution is None
    foreign = [f.words for f in judgement.findings if not f.holds and (f.check in _ITS_OWN or unjudged)]
    if judgement.found is None or judgement.resolution is None or foreign:
        return "; ".join(foreign) or "it cannot be judged"
    return Matter(record, digest, judgement.found.proposal, judgement, judgement.resolution, law, now)


def _counted(record: MissionRecord, digest: Digest, law: Law) -> dict[str, int]:
    """What the gate last counted for the approvers' budgets."""
    found = [each for each in settlements(record, law.directory).values() if each.proposal == digest]
    return found[-1].approvals_this_hour if found else {}


async def described(desk: Desk, mission_id: str, run_id: str | None = None) -> WorkflowExecutionDescription:
    """
    The run *run_id* of *mission_id*, else its latest.

    Raises:
        WrongUse: There is none.
    """
    try:
        return await desk.client.get_workflow_handle(mission_id, run_id=run_id).describe()
    except RPCError as error:
        if missing(error) or (run_id is not None and error.status is RPCStatusCode.INVALID_ARGUMENT):
            which = f"mission `{visible(mission_id)}`" + (f" with a run `{visible(run_id)}`" if run_id else "")
            words = f"there is no {which} on {desk.profile.address}, namespace {desk.profile.namespace}"
            raise WrongUse(f"{words}: `sayso queue` lists what waits") from error
        raise


async def record_of(desk: Desk, mission_id: str, run_id: str) -> MissionRecord:
    """The run's history. Raises Unreachable, NotAMissionError."""
    return await ServerHistories(desk.client).read(mission_id, run_id)


async def find_exactly(desk: Desk, text: str, command: str) -> Matter:
    """
    The proposal whose id is *text*, for a *command* that nobody confirms.

    INVARIANT: what a mission says about itself chooses nothing here. Which proposal its id stands for is the mission worker's
    to change between a review and a decision, and so is what a few first digits stand for.

    Raises:
        WrongUse: *text* is something else than a whole proposal id, or nothing that the gate signed has it.
    """
    if queue.is_prefix(text) and len(text) >= _WHOLE:
        return await _among(desk, text, await queue.naming(desk.client, text))
    meant = proposal_id((await find(desk, text)).digest)
    raise WrongUse(
        f"nobody is asked back here, so `{visible(text)}` is not enough to decide: "
        f"run `sayso review {meant}`, then give `sayso {command}` the proposal id `{meant}`"
    )


async def find(desk: Desk, text: str) -> Matter:
    """
    The proposal that *text* names: a proposal id, or a mission id for its open or latest proposal.

    Raises:
        WrongUse: Nothing, more than one thing, or nothing that the gate signed.
    """
    if queue.is_prefix(text):
        rows = await queue.naming(desk.client, text)
        if rows:
            return await _among(desk, text, rows)
    try:
        description = await described(desk, text)
    except WrongUse as error:
        if queue.is_prefix(text):
            raise _none(text) from error
        raise
    record = await run_with_proposals(desk, description)
    claimed = queue.named(description.typed_search_attributes)
    digests = [digest for digest, _ in proposed(record, desk.law.directory).values()]
    wanted = [digest for digest in digests if digest == claimed] or digests[-1:]
    matter = look(record, wanted[0], desk.law) if wanted else "its history holds none that the gate signed"
    if isinstance(matter, Matter):
        return matter
    over = "" if description.status is WorkflowExecutionStatus.RUNNING else " and is over"
    if any(sealed(event) for event in record.opened):
        matter = f"{matter}, and parts of it are {SEALED_WORDS}"
    raise WrongUse(
        f"mission `{visible(text)}` has no proposal to show{over}: {visible(matter)}; see `sayso rail {visible(text)}`"
    )


async def _among(desk: Desk, prefix: str, rows: Sequence[queue.Waiting]) -> Matter:
    if not rows:
        raise _none(prefix)
    found: dict[Digest, Matter] = {}
    troubles: dict[str, str] = {}
    # A run takes over what the one before it named, so the run of a proposal is the first of those that name it.
    for row in sorted(rows, key=lambda row: row.since):
        if row.proposal in found:
            continue
        matter = await matter_of(desk, row)
        if isinstance(matter, Matter):
            found[matter.digest] = matter
        else:
            troubles[row.mission_id] = matter
    if len(found) > 1:
        names = ", ".join(f"`{proposal_id(digest)}`" for digest in found)
        raise WrongUse(f"`{prefix}` begins {len(found)} proposals ({names}): give more digits")
    for matter in found.values():
        return matter
    mission_id, trouble = next(iter(troubles.items()))
    raise WrongUse(f"mission `{visible(mission_id)}` names proposal `{prefix}`, and it is unverified: {visible(trouble)}")


def _none(prefix: str) -> WrongUse:
    return WrongUse(f"no proposal begins with `{prefix}`; an earlier one of a mission is found by the mission's id")


async def matter_of(desk: Desk, row: queue.Waiting) -> Matter | str:
    """The proposal that *row* names, verified, or why it is not: one bad run must not hide the others."""
    if row.proposal is None:
        return "it names no proposal"
    found = await readable(desk, row)
    try:
        return found if isinstance(found, str) else look(found, Digest(row.proposal), desk.law)
    except AuditError as error:
        return str(error)


async def readable(desk: Desk, row: queue.Waiting) -> MissionRecord | str:
    """The history of *row*, or why it cannot be read: one bad run must not hide the others. Raises Unreachable."""
    try:
        return await record_of(desk, row.mission_id, row.run_id)
    except AuditError as error:
        return str(error)
    except Unreachable as error:
        if isinstance(error.__cause__, RPCError) and missing(error.__cause__):
            return "its history is not on the server any more"
        raise
