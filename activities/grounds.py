"""
On what grounds a proposal is made: what a mission asks for, an amendment that people made, or an outcome that nobody knows.

An amendment and an unknown outcome are the gate's own word: both are taken from its signed settlements in the mission's
history, and nothing of them from the request but which one is meant.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from pydantic import Field, JsonValue

from activities.actions import action_of, effect_of
from approvals.amendment import Amends, applied, before
from approvals.proposal import Reconciles
from approvals.settlement import Settlement, SettlementKind
from approvals.signed import Kind
from audit.claims import announced
from audit.law import Law
from audit.outcomes import known, questions
from audit.proposals import open_proposals, signed_proposals, verified_settlement
from audit.record import MissionRecord
from policies.action import MAX_ARGUMENTS, Action
from policies.canonical import Digest, canonical
from policies.catalogue import Effect
from policies.model import Recorded
from policies.notation import MAX_BATCH
from policies.requirement import Requirement
from policies.ruling import Finding

ARGUMENTS_STAND = 6
"""How deep arguments stand in a proposal, at most."""
MAX_BATCH_ARGUMENTS = 64 * 1024
"""Bytes of arguments that all items of a batch may carry together."""


class Wanted(Recorded):
    """One operation with its arguments."""

    operation: str
    arguments: dict[str, JsonValue]


class ProposeRequest(Recorded):
    """What a mission asks for. Everything else the gate finds out by itself."""

    step: str
    operation: str = ""
    arguments: dict[str, JsonValue] = Field(default_factory=dict)
    because: str = ""
    more: tuple[Wanted, ...] = ()
    """Further actions for the same card."""
    amends: Digest | None = None
    """The superseded proposal; what takes its place is in the gate's own settlement of it."""
    reconciles: Digest | None = None
    """The proposal whose outcome is unknown."""
    item: int = 0
    """Which of its actions."""
    cites: tuple[str, ...] = ()
    """The ids of the passages that it rests on."""

    @property
    def wanted(self) -> tuple[Wanted, ...]:
        """All that is asked for, by item."""
        return (Wanted(operation=self.operation, arguments=self.arguments), *self.more)


@dataclass(frozen=True)
class Grounds:
    """The actions to propose, and why."""

    actions: tuple[Action, ...]
    amends: Amends | None = None
    reconciles: Reconciles | None = None
    floor: Requirement | None = None
    """What was asked for before: an unknown outcome is not answered by fewer people than the action needed."""


def grounds(request: ProposeRequest, record: MissionRecord, law: Law, now: datetime) -> Grounds | Finding:
    """What *request* is to become, or why it becomes nothing."""
    if request.amends is not None:
        return _amended(request.amends, record, law)
    if request.reconciles is not None:
        return _unknown(request, record, law, now)
    return _fresh(request, record, law)


def _fresh(request: ProposeRequest, record: MissionRecord, law: Law) -> Grounds | Finding:
    if len(request.more) >= MAX_BATCH:
        return Finding(check="batch", holds=False, words=f"one card holds at most {MAX_BATCH} actions")
    actions: list[Action] = []
    for number, wanted in enumerate(request.wanted, start=1):
        # Each item has a step of its own: two items that are alike are two effects, and the card shows both.
        step = f"{request.step}.{number}" if request.more else request.step
        made = _action(wanted, step, record, law)
        if isinstance(made, Finding):
            return made
        actions.append(made)
    if sum(len(canonical(dict(action.arguments))) for action in actions) > MAX_BATCH_ARGUMENTS:
        words = f"the arguments of all actions together are larger than {MAX_BATCH_ARGUMENTS} bytes"
        return Finding(check="arguments", holds=False, words=words)
    return Grounds(tuple(actions))


def _action(wanted: Wanted, step: str, record: MissionRecord, law: Law) -> Action | Finding:
    catalogue = law.bundle.catalogue
    if effect_of(catalogue, wanted.operation) is Effect.READ:
        words = f"`{wanted.operation}` is a read; call it with `self.read`"
        return Finding(check="classified", holds=False, words=words)
    action = action_of(
        catalogue,
        record.started.mission,
        step=step,
        operation=wanted.operation,
        arguments=wanted.arguments,
        depth=ARGUMENTS_STAND,
    )
    if isinstance(action, Action) and len(canonical(dict(action.arguments))) > MAX_ARGUMENTS:
        words = f"the arguments are larger than {MAX_ARGUMENTS} bytes; pass a reference to what is large"
        return Finding(check="arguments", holds=False, words=words)
    return action


def _amended(digest: Digest, record: MissionRecord, law: Law) -> Grounds | Finding:
    found, settlement = signed_proposals(record, law).get(digest), _settlement(record, law, digest, SettlementKind.SUPERSEDED)
    if found is None or settlement is None or settlement.amendment is None:
        words = f"the gate has not settled proposal `{digest[:12]}` of this run as superseded by an amendment"
        return Finding(check="amends", holds=False, words=words)
    old, amendment = found.proposal.action, settlement.amendment
    wanted = Wanted(operation=old.operation, arguments=applied(old.arguments, amendment.changes))
    action = _action(wanted, old.step, record, law)
    if isinstance(action, Finding):
        return action
    earlier = found.proposal.amends
    amends = Amends(
        proposal=digest,
        amendment=amendment,
        before=before(old.arguments, amendment.changes),
        amenders=(*(earlier.who if earlier else ()), amendment.who),
    )
    return Grounds((action,), amends=amends)


def _unknown(request: ProposeRequest, record: MissionRecord, law: Law, now: datetime) -> Grounds | Finding:
    digest, item = request.reconciles or Digest(""), request.item
    found = signed_proposals(record, law).get(digest)
    settlement = _settlement(record, law, digest, SettlementKind.UNKNOWN, item)
    told = announced(record, digest, law, item)
    if found is None or settlement is None or told is None:
        words = f"the gate has not called the outcome of proposal `{digest[:12]}` of this run unknown"
        return Finding(check="reconciles", holds=False, words=words)
    reconciles = Reconciles(
        proposal=digest,
        item=item,
        used_at=told.claim.at,
        idempotency_key=told.claim.idempotency_key,
        known=settlement.reasons(),
    )
    asked = {each.digest for each in questions(reconciles, signed_proposals(record, law))}
    open_now = [each for each in open_proposals(record, law, now) if each.digest in asked]
    trouble = known(reconciles, record, law)
    if trouble is None and open_now:
        trouble = f"people are asked about it already, in proposal `{open_now[0].digest[:12]}`"
    if trouble is not None:
        return Finding(check="reconciles", holds=False, words=trouble)
    floor = found.proposal.requirement.model_copy(update={"amendable": (), "batch": None})
    # Who amended the action has no part in sending it once more, as they had none in sending it.
    return Grounds((found.proposal.actions[item],), amends=found.proposal.amends, reconciles=reconciles, floor=floor)


def _settlement(record: MissionRecord, law: Law, digest: Digest, kind: SettlementKind, item: int = 0) -> Settlement | None:
    """The gate's first settlement of that kind."""
    for entry in record.entries(Kind.SETTLEMENT):
        settlement = verified_settlement(entry, law.directory)
        if settlement is not None and (settlement.proposal, settlement.item, settlement.kind) == (digest, item, kind):
            return settlement
    return None
