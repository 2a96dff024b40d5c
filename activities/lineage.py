"""
What was really done before a proposal: by its mission's own run and those it goes on from, by the missions it succeeds, and by
the runs that any of them repeats or continues.

A predecessor is believed as little as any mission: its histories are read from the server, a proposal was used when the gate
announced so in the run's own history, and it was done when a pinned gate key signed the receipt. What cannot be told stops
the mission: a run that is open could still act after the card was shown, and of one that is gone nobody knows what it did.

Source: docs/decisions/0011-lineage.md, docs/decisions/0021-several-runs.md
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from pydantic import JsonValue

from activities.earlier import Untold, chained, head_of, runs_before
from activities.ports import Ports
from activities.receipts import receipt_of, verified_receipt
from approvals.decision import Verdict
from approvals.evidence import RunHead
from approvals.proposal import Prior, PriorKind, Proposal
from approvals.signed import Kind
from audit.claims import uses
from audit.law import Law, ever_pinned
from audit.proposals import signed_proposals, verified_settlement
from audit.record import MissionRecord
from policies.action import Action, MissionRef
from policies.canonical import Digest, canonical, digest
from policies.ruling import Finding

MAX_PRIOR = 20
"""So many earlier proposals are on a card; what was done, or may have been, is there however many they are."""
MAX_PRIOR_ARGUMENTS = 2048
CROWDED_ARGUMENTS = 128
"""The same where more was done than MAX_PRIOR."""
_TELLING = (
    PriorKind.RECEIPT, PriorKind.FOUND_DONE, PriorKind.FOUND_NOT_DONE, PriorKind.UNKNOWN, PriorKind.NOT_USED,
)  # fmt: skip
_FOUND = {Verdict.DONE: PriorKind.FOUND_DONE, Verdict.NOT_DONE: PriorKind.FOUND_NOT_DONE}


Use = tuple[Digest, int]
"""A proposal and an item of it."""


@dataclass(frozen=True)
class Deed:
    """One action of an earlier proposal and what came of it."""

    name: Digest
    item: int
    action: Action
    kind: PriorKind
    failed: bool = False


@dataclass(frozen=True)
class Lineage:
    """What was found about everything before a proposal of the run `mission`."""

    mission: MissionRef
    finding: Finding
    """Whether all of it could be told."""
    deeds: Mapping[Use, Deed] = field(default_factory=dict)
    """Each once, the oldest run's first."""
    earlier: tuple[RunHead, ...] = ()
    """The whole trail of each run that was read, the nearest first."""
    runs: tuple[MissionRecord, ...] = field(default=(), repr=False)
    """The earlier runs of the mission itself, the nearest first."""

    def before(self, actions: Sequence[Action]) -> tuple[Prior, ...]:
        """For the card of *actions*: all that was done or may have been, and the newest of what came to nothing."""
        done = [deed for deed in self.deeds.values() if deed.kind is not PriorKind.NOT_USED]
        idle = [use for use, deed in self.deeds.items() if deed.kind is PriorKind.NOT_USED]
        room = max(MAX_PRIOR - len(done), 0)
        kept = {(deed.name, deed.item) for deed in done} | set(idle[len(idle) - min(room, len(idle)) :])
        size = MAX_PRIOR_ARGUMENTS if len(done) <= MAX_PRIOR else CROWDED_ARGUMENTS
        wanted = {_what(action) for action in actions}
        return tuple(self._line(deed, wanted, size) for use, deed in self.deeds.items() if use in kept)

    def _line(self, deed: Deed, wanted: Collection[bytes], size: int) -> Prior:
        earlier = deed.action
        return Prior(
            proposal=deed.name,
            operation=earlier.operation,
            arguments=_short(earlier.arguments, size),
            kind=deed.kind,
            mission="" if _same(earlier.mission, self.mission) else earlier.mission.mission_id,
            run=earlier.mission.run_id if _earlier_run(earlier.mission, self.mission) else "",
            failed=deed.failed,
            same=_what(earlier) in wanted,
        )


async def traced(record: MissionRecord, law: Law, ports: Ports) -> Lineage:
    """
    The lineage of *record*, whose finding says no where a run before it is open, gone, sealed, or one too many, and where the
    mission did not go on by itself from each of its runs to the next.

    Raises:
        Unreachable: The Temporal server does not answer.
    """
    mission = record.started.mission
    try:
        earlier = await runs_before(record, ports)
        own = tuple(chained(record, earlier))
        heads = tuple([await head_of(run) for run in earlier])
    except Untold as trouble:
        return Lineage(mission, Finding(check="lineage", holds=False, words=str(trouble)))
    deeds: dict[Use, Deed] = {}
    for run in (*reversed(earlier), record):
        for deed in await _deeds(run, law, ports):
            if deed.kind is PriorKind.NOT_USED and not _same(run.started.mission, mission):
                continue
            known = deeds.get((deed.name, deed.item))
            if known is None or _TELLING.index(deed.kind) < _TELLING.index(known.kind):
                deeds[deed.name, deed.item] = deed
    words = f"{len(earlier)} earlier runs were read" if earlier else "no run came before"
    return Lineage(mission, Finding(check="lineage", holds=True, words=words), deeds, heads, own)


def _same(one: MissionRef, other: MissionRef) -> bool:
    """Whether two runs are of one mission."""
    return one.model_copy(update={"run_id": other.run_id}) == other


def _earlier_run(one: MissionRef, other: MissionRef) -> bool:
    return _same(one, other) and one.run_id != other.run_id


async def _deeds(record: MissionRecord, law: Law, ports: Ports) -> list[Deed]:
    """What came of the proposals of one run, whatever the mission says, in the order of its history."""
    # In a thread: a history may hold many signatures, and other missions' heartbeats must go on.
    proposals, used, found = await asyncio.to_thread(_used, record, law)
    deeds = []
    for name, proposal in proposals.items():
        for item, action in enumerate(proposal.actions):
            # What only asked about an outcome is told by what it found.
            if (name, item) in used or proposal.reconciles is None:
                kind = found.get((name, item), PriorKind.UNKNOWN) if (name, item) in used else PriorKind.NOT_USED
                deeds.append(await _receipted(Deed(name, item, action, kind), record, law, ports))
    return deeds


def _used(record: MissionRecord, law: Law) -> tuple[dict[Digest, Proposal], set[Use], dict[Use, PriorKind]]:
    """
    The gate's proposals, which of their items were announced, and what people found of unknown outcomes.

    A revoked key of a gate proves no receipt and no proposal that could still be used. But what it announced may have been
    done, and that is not left off a card.
    """
    once = replace(law, directory=ever_pinned(law.directory))
    used = set(uses(record, law))
    names, now = {name for name, _ in used}, signed_proposals(record, law)
    found = {name: found.proposal for name, found in signed_proposals(record, once).items() if name in names or name in now}
    return found, used, dict(_answers(record, law))


def _answers(record: MissionRecord, law: Law) -> Iterator[tuple[Use, PriorKind]]:
    proposals = signed_proposals(record, law)
    for entry in record.entries(Kind.SETTLEMENT):
        settlement = verified_settlement(entry, law.directory)
        asked = proposals.get(settlement.proposal) if settlement else None
        asks = asked.proposal.reconciles if asked else None
        if settlement is not None and asks is not None and settlement.answer in _FOUND:
            yield (asks.proposal, asks.item), _FOUND[settlement.answer]


async def _receipted(deed: Deed, record: MissionRecord, law: Law, ports: Ports) -> Deed:
    """*deed* with its receipt. As the gate: what was not announced in the run's own history was never sent."""
    if deed.kind is PriorKind.NOT_USED:
        return deed
    signed = await receipt_of(deed.name, ports.uses, record, law, deed.item)
    receipt = verified_receipt(signed, law) if signed is not None else None
    return deed if receipt is None else replace(deed, kind=PriorKind.RECEIPT, failed=receipt.failed)


def _what(action: Action) -> bytes:
    return canonical({"operation": action.operation, "arguments": dict(action.arguments)})


def _short(arguments: dict[str, JsonValue], room: int) -> dict[str, JsonValue]:
    """*arguments* for a later card; what has more than *room* bytes as its size and digest, so that many fit."""
    size = len(canonical(arguments))
    return arguments if size <= room else {"not shown here": f"{size} bytes", "digest": digest("arguments", arguments)}
