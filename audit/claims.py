"""Claims of the gate and words of people: what a mission's signals say, told apart by signature."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from pydantic import ValidationError
from temporalio.api.history.v1 import HistoryEvent

from approvals.decision import Heard, Withdrawal
from approvals.errors import SignatureError
from approvals.jws import take_apart
from approvals.settlement import USED, Claim
from approvals.signed import Kind, Signed, opened
from audit.law import Law, ever_pinned
from audit.payloads import json_of
from audit.record import MissionRecord, when
from policies.canonical import Digest, parse
from policies.directory import Directory
from policies.errors import CanonicalError

MAX_SIGNALS = 1000
"""So many signals to one run are judged. A flood may stop a mission; it can not make anybody work without end."""
SKEW = timedelta(seconds=5)
"""So far may two clocks of one server be apart."""
MAX_CLAIM = 16 * 1024
"""Bytes of an announcement. A gate's is far smaller; a copy of one that was padded is nobody's, and makes nobody digest it."""


@dataclass(frozen=True)
class Announcement:
    """A claim of the gate as it stands in the mission's own history: the use of one item of a proposal."""

    event_id: int
    digest: Digest
    claim: Claim


def said(record: MissionRecord, proposal: Digest, law: Law) -> tuple[Heard | Withdrawal, ...]:
    """Every signal but the gate's own announcements, and the mission's withdrawals of *proposal*, in order."""
    withdrawn = [Withdrawal(event_id, at) for event_id, at in record.withdrawals(proposal)]
    return tuple(sorted((*decisions(record, law), *withdrawn), key=lambda each: each.event_id))


def decisions(record: MissionRecord, law: Law) -> tuple[Heard, ...]:
    """Every signal but the gate's own announcements; a forged announcement is a malformed decision."""
    return tuple(heard for heard in record.signals if _claim(heard, record, law.directory) is None)


def announcements(
    record: MissionRecord, directory: Directory, most: int | None = None
) -> dict[tuple[Digest, int], Announcement]:
    """
    By proposal and item, the first of the gate's announcements that its use is taken.

    INVARIANT: only the author of the first sends.

    Args:
        most: So many signals are looked at, from the first; None: all. Forgeries cost a signature each.
    """
    found: dict[tuple[Digest, int], Announcement] = {}
    for each in (_claim(heard, record, directory) for heard in record.signals[:most]):
        if each is not None:
            found.setdefault((each.claim.proposal, each.claim.item), each)
    return found


def began_for(
    use: Sequence[HistoryEvent], told: Announcement, record: MissionRecord, directory: Directory, skew: timedelta = SKEW
) -> bool:
    """
    Whether the workflow *use*, with payloads opened, was begun by the gate for what it then announced as *told* in *record*.

    Its claim may be of another attempt, which died before it announced. A gate starts the use and announces after: what began
    later, with a copy of the claim, is somebody else's.
    """
    first = use[0]
    began, after = when(first.event_time), when(record.raw[told.event_id - 1].event_time)
    payloads = first.workflow_execution_started_event_attributes.input.payloads
    data = json_of(payloads[0]) if len(payloads) == 1 else None
    try:
        signed = Signed.model_validate(parse(data)) if data is not None and len(data) <= MAX_CLAIM else None
        claim = Claim.model_validate(opened(signed, Kind.CLAIM, ever_pinned(directory).gate)) if signed is not None else None
    except (SignatureError, CanonicalError, ValidationError):
        return False
    same = claim is not None and (claim.proposal, claim.item) == (told.claim.proposal, told.claim.item)
    return same and began <= after + skew


def uses(record: MissionRecord, law: Law) -> dict[tuple[Digest, int], Announcement]:
    """The announcements that could have sent something: one with a flood before it does not admit, and sent nothing."""
    return announcements(record, law.directory, MAX_SIGNALS + 1)


def announced(record: MissionRecord, digest: Digest, law: Law, item: int = 0) -> Announcement | None:
    """The use of *item* of proposal *digest*; None where it is not taken."""
    return uses(record, law).get((digest, item))


@dataclass(frozen=True)
class Claimed:
    """What calls itself an announcement, whoever signed it."""

    item: tuple[Digest, int]
    kid: str


def claimed_use(heard: Heard) -> Claimed | None:
    """The announcement that *heard* has the form of, unproven; None where it has another."""
    try:
        signed = _sent(heard)
        claim = Claim.model_validate(signed.body) if signed is not None else None
        return Claimed((claim.proposal, claim.item), take_apart(signed.jws).kid) if signed and claim else None
    except (SignatureError, CanonicalError, ValidationError):
        return None


def _claim(heard: Heard, record: MissionRecord, directory: Directory) -> Announcement | None:
    if heard.name != USED:
        return None
    return record.once("claim", heard.event_id, directory, partial(_verified, heard, directory))


def _verified(heard: Heard, directory: Directory) -> Announcement | None:
    try:
        signed = _sent(heard)
        if signed is None:
            return None
        claim = Claim.model_validate(opened(signed, Kind.CLAIM, ever_pinned(directory).gate))
    except (SignatureError, CanonicalError, ValidationError):
        return None
    return Announcement(heard.event_id, signed.digest, claim)


def _sent(heard: Heard) -> Signed | None:
    """The signed thing in *heard* where it has the form of an announcement. Raises CanonicalError, ValidationError."""
    if heard.name != USED or len(heard.values) != 1 or heard.values[0] is None or len(heard.values[0]) > MAX_CLAIM:
        return None
    return Signed.model_validate(parse(heard.values[0]))
