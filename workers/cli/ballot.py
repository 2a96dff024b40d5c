"""A decision before it is sent: signed here, and judged here as the gate will judge it."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from pydantic import JsonValue

from approvals.decision import SIGNAL, Heard, Verdict, make, sign
from approvals.display import visible
from approvals.jws import Signer
from approvals.proposal import proposal_id
from approvals.settlement import SettlementKind
from workers.cli.matter import Matter
from workers.errors import Refused, WrongUse


@dataclass(frozen=True)
class Ballot:
    """A signed decision that would count."""

    token: str
    who: str
    missing: tuple[str, ...]
    """What will still be missing with it."""


def cast(
    matter: Matter, signer: Signer, verdict: Verdict, reason: str, changes: Mapping[str, JsonValue] | None = None
) -> Ballot:
    """
    The decision over everything that *matter* shows.

    Raises:
        Refused: It would not count; says why.
        WrongUse: The key is nobody's in the directory.
    """
    _still_open(matter)
    holder = matter.law.directory.holder(signer.kid)
    if holder is None:
        words = f"key `{visible(signer.kid)}` is nobody's in the directory"
        raise WrongUse(f"{words}: choose another with `--as` or `--key`, or have it listed")
    statement = make(
        matter.proposal,
        matter.digest,
        matter.judgement.head,
        verdict,
        reason=reason,
        now=datetime.now(UTC),
        jti=uuid.uuid4().hex,
        changes=changes,
    )
    token = sign(statement, signer)
    heard = Heard(matter.record.head + 1, matter.now, SIGNAL, (json.dumps(token).encode(),))
    resolution = matter.with_decision(heard)
    vote = resolution.votes[-1]
    if vote.refused:
        raise Refused(f"this {verdict} by `{visible(holder[0])}` would not count: {visible('; '.join(vote.refused))}")
    return Ballot(token, holder[0], resolution.missing)


def _still_open(matter: Matter) -> None:
    name, answer = proposal_id(matter.digest), matter.answer
    if answer is not None and not matter.answer_is_open:
        words = "was committed" if answer.kind is SettlementKind.RECEIPT else f"was settled as {answer.kind}"
        raise Refused(f"proposal `{name}` {words} at {answer.at.isoformat(timespec='seconds')}; nothing is left to decide")
    if matter.record.went_on_as:
        raise Refused(
            f"mission `{visible(matter.record.mission_id)}` went on as run `{visible(matter.record.went_on_as)}`, and left "
            f"proposal `{name}` behind in a run that is over: nothing is left to decide about it"
        )
    if matter.record.closed:
        raise Refused(f"mission `{visible(matter.record.mission_id)}` is over; nothing is left to decide about `{name}`")
    if matter.expired:
        at = matter.proposal.expires_at.isoformat(timespec="seconds")
        raise Refused(f"proposal `{name}` expired at {at}; nothing is left to decide")
