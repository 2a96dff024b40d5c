"""The reply to whoever decided: what became of the decision, told from the gate's verified settlement."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import AwareDatetime, JsonValue

from approvals.decision import Verdict
from approvals.display import visible, visible_json
from approvals.proposal import proposal_id
from approvals.settlement import Receipt, Settlement, SettlementKind
from policies.canonical import Digest
from policies.model import Recorded

_STOPPED = {SettlementKind.DENIED, SettlementKind.REVOKED}
_MEANT: Mapping[Verdict, set[SettlementKind]] = {
    # A no that others must join stays a no.
    Verdict.DENY: _STOPPED | {SettlementKind.PENDING},
    Verdict.REVOKE: _STOPPED | {SettlementKind.PENDING},
    Verdict.AMEND: {SettlementKind.SUPERSEDED},
    Verdict.WITHDRAW: {SettlementKind.WITHDRAWN},
}
"""What a decision is meant to lead to, where being counted is not enough."""


class Sent(Recorded):
    """A decision as it stands in the mission's history."""

    proposal: Digest
    mission_id: str
    run_id: str
    verdict: Verdict
    approver: str
    event_id: int | None = None
    """The event of its signal; None while the history does not hold it yet."""


class Reply(Recorded):
    """What became of a decision. `counted` and `settled` come from the settlement at event `settlement_event`."""

    proposal_id: str
    proposal_digest: Digest
    mission_id: str
    run_id: str
    verdict: Verdict
    approver: str
    signal_event: int | None
    settlement_event: int
    settled: SettlementKind
    at: AwareDatetime
    counted: bool
    refused: tuple[str, ...] = ()
    """Why it did not count."""
    missing: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    """What stands in the way of the action, with `not_sent`, `unknown` and the like."""
    failed: bool | None = None
    """With `receipt`: whether the tool answered with an error."""
    result: JsonValue = None
    """With `receipt`: what the tool answered."""
    late: bool = False
    """It came after the use was taken."""

    @property
    def done(self) -> bool:
        """Whether the decision did what it was meant to do."""
        return self.counted and self.settled in _MEANT.get(self.verdict, {self.settled})


def reply(sent: Sent, event_id: int, settlement: Settlement, receipt: Receipt | None) -> Reply:
    """What *settlement*, of event *event_id*, says about the decision *sent*."""
    vote = next((vote for vote in settlement.votes if vote.event_id == sent.event_id), None)
    refused = ("the gate's settlement does not mention it",) if vote is None else vote.refused
    return Reply(
        proposal_id=proposal_id(sent.proposal),
        proposal_digest=sent.proposal,
        mission_id=sent.mission_id,
        run_id=sent.run_id,
        verdict=sent.verdict,
        approver=sent.approver,
        signal_event=sent.event_id,
        settlement_event=event_id,
        settled=settlement.kind,
        at=settlement.at,
        counted=not refused,
        refused=refused,
        missing=settlement.missing,
        reasons=settlement.reasons(),
        failed=receipt.failed if receipt else None,
        result=receipt.result if receipt else None,
        late=vote is not None and vote.late,
    )


def as_text(found: Reply) -> str:
    """Two lines: what the decision was worth, and how the proposal stands."""
    who = visible(found.approver)
    if found.late:
        worth = f"{found.verdict} by {who} is recorded, and came after the action was sent"
    elif found.counted:
        worth = f"{found.verdict} by {who} counted"
    else:
        worth = f"{found.verdict} by {who} was refused: {visible('; '.join(found.refused))}"
    return f"{worth}\n{_standing(found)}"


def _standing(found: Reply) -> str:
    why = visible("; ".join(found.reasons))
    match found.settled:
        case SettlementKind.PENDING:
            return f"still missing: {', '.join(found.missing) or 'the gate'}"
        case SettlementKind.RECEIPT if found.failed:
            return f"sent once, and the tool says that it did nothing: {visible_json(found.result)}"
        case SettlementKind.RECEIPT:
            return f"done, once: {visible_json(found.result)}"
        case SettlementKind.NOT_SENT:
            return f"not sent, and the approval stands: {why}"
        case SettlementKind.SUPERSEDED:
            return f"superseded: {why}; `sayso queue` lists what takes its place"
        case SettlementKind.UNKNOWN:
            return f"unknown, a person must find out: {why}"
    return f"the proposal is {found.settled}" + (f": {why}" if why else "")
