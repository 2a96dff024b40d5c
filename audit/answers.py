"""
What activities answered and what became of each signal, as observations.

A settlement counts when a pinned gate key signed it, for this run, over a head that this history has. A decision is told
by the last settlement that judged it.
"""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import JsonValue, ValidationError

from approvals.decision import Heard, read
from approvals.errors import SignatureError, UnreadableError
from approvals.jws import take_apart
from approvals.proposal import Proposal, Refusal, proposal_id
from approvals.settlement import USED, Claim, Receipt, Settlement, SettlementKind
from approvals.signed import Kind, Signed, opened
from approvals.votes import Vote
from audit.events import shown
from audit.judgement import verified_settlement
from audit.observation import Observation, ObservationKind
from audit.record import Completed, MissionRecord
from policies.canonical import Digest, digest, parse
from policies.directory import Directory
from policies.errors import CanonicalError
from policies.requirement import Assurance

_KINDS = {
    SettlementKind.PENDING: ObservationKind.PENDING,
    SettlementKind.DENIED: ObservationKind.DENIED,
    SettlementKind.EXPIRED: ObservationKind.EXPIRED,
    SettlementKind.SUPERSEDED: ObservationKind.SUPERSEDED,
    SettlementKind.REVOKED: ObservationKind.REVOKED,
    SettlementKind.NOT_SENT: ObservationKind.NOT_SENT,
    SettlementKind.RECEIPT: ObservationKind.COMMITTED,
    SettlementKind.UNKNOWN: ObservationKind.UNKNOWN,
}


class Answers:
    """One mission's answers, read against one directory."""

    def __init__(self, record: MissionRecord, directory: Directory) -> None:
        self.directory = directory
        self._record = record
        self._completed = {done.event_id: done for done in record.completed}
        self._signals = {heard.event_id: heard for heard in record.signals}
        self._votes: dict[int, tuple[Vote, int]] = {}
        self._settlements = settlements(record, directory)
        for event_id, settlement in self._settlements.items():
            self._votes.update({vote.event_id: (vote, event_id) for vote in settlement.votes})

    def completed(self, event_id: int) -> Observation:
        """What the activity that ended with event *event_id* answered."""
        done = self._completed[event_id]
        match done.activity:
            case "read":
                return self._read(done)
            case "reason":
                return self._reasoned(done)
            case "propose":
                return self._proposed(done)
            case "settle":
                return self._settled(done)
        return _told(done, ObservationKind.EVENT, f"{done.activity} on `{done.queue}` was done")

    def signal(self, event_id: int) -> Observation:
        """What became of the signal of event *event_id*."""
        heard = self._signals[event_id]
        used = self._used(heard)
        if used is not None:
            return used
        if event_id not in self._votes:
            return _unjudged(heard)
        vote, judged_by = self._votes[event_id]
        said = f"{vote.verdict}" if vote.verdict else f"signal {heard.name}"
        because = f": {vote.reason}" if vote.reason else ""
        refused = f" does not count: {'; '.join(vote.refused)}" if vote.refused else ""
        return Observation(
            event_id=event_id,
            at=heard.at,
            kind=ObservationKind.DECIDED if vote.counts else ObservationKind.REFUSED,
            what=f"{said}{refused}{because}",
            actor=vote.who,
            assurance=vote.assurance if vote.who else None,
            cause=judged_by,
        )

    def _used(self, heard: Heard) -> Observation | None:
        """The gate's own announcement; None where *heard* is anything else, a forged announcement included."""
        if heard.name != USED or len(heard.values) != 1 or heard.values[0] is None:
            return None
        try:
            signed = Signed.model_validate(parse(heard.values[0]))
            claim = Claim.model_validate(opened(signed, Kind.CLAIM, self.directory.gate))
        except (SignatureError, CanonicalError, ValidationError):
            return None
        return Observation(
            event_id=heard.event_id,
            at=heard.at,
            kind=ObservationKind.USED,
            what=f"the one use of proposal {proposal_id(claim.proposal)} was taken, on event {claim.head.through}",
            actor=_gate(signed),
            assurance=Assurance.SIGNED,
            digests={"proposal": claim.proposal, "action": claim.action, "head": claim.head.digest},
        )

    def _body(self, done: Completed, kind: Kind) -> dict[str, JsonValue]:
        return opened(Signed.model_validate(done.result), kind, self.directory.gate)

    def _read(self, done: Completed) -> Observation:
        asked = _object(done.input)
        failed = ": the tool could not" if _object(done.result).get("failed") is True else ""
        what = f"{asked.get('operation', 'something')} {shown(asked.get('arguments', {}))}{failed}"
        return _told(done, ObservationKind.READ, what, actor="a read worker")

    def _reasoned(self, done: Completed) -> Observation:
        asked, answer = _object(done.input), _object(done.result)
        model = str(answer.get("model") or "an unnamed model")
        by = f"{model}: rules, no model was asked" if answer.get("rule_based") is True else f"model {model}"
        return _told(done, ObservationKind.REASONED, f"{asked.get('purpose', 'something')} by {by}", actor=model)

    def _proposed(self, done: Completed) -> Observation:
        for kind, reading in ((Kind.PROPOSAL, self._proposal), (Kind.REFUSAL, self._refusal)):
            try:
                return reading(done, self._body(done, kind))
            except (SignatureError, ValidationError):
                continue
        return _told(done, ObservationKind.UNVERIFIED, "unverified proposal: " + self._doubt(done, Kind.PROPOSAL))

    def _proposal(self, done: Completed, body: dict[str, JsonValue]) -> Observation:
        proposal, found = Proposal.model_validate(body), digest(Kind.PROPOSAL, body)
        action = proposal.action
        if action.mission != self._record.started.mission:
            return _told(done, ObservationKind.UNVERIFIED, "unverified proposal: it was made for another mission run")
        what = f"{action.operation} {shown(dict(action.arguments))}, needs {proposal.requirement.words()}"
        digests = {"proposal": found, "action": action.digest, "card": proposal.card}
        return self._of_gate(done, ObservationKind.PROPOSED, f"{what} (proposal {proposal_id(found)})", digests)

    def _refusal(self, done: Completed, body: dict[str, JsonValue]) -> Observation:
        refusal = Refusal.model_validate(body)
        return self._of_gate(done, ObservationKind.REFUSED, f"{refusal.operation}: {'; '.join(refusal.reasons())}", {})

    def _settled(self, done: Completed) -> Observation:
        settlement = self._settlements.get(done.event_id)
        if settlement is None:
            return _told(done, ObservationKind.UNVERIFIED, "unverified settlement: " + self._doubt(done, Kind.SETTLEMENT))
        digests = {"proposal": settlement.proposal, "head": settlement.head.digest}
        what, receipt = self._outcome(settlement)
        if receipt is not None:
            digests["sent"] = receipt.sent
        return self._of_gate(done, _KINDS[settlement.kind], what, digests)

    def _outcome(self, settlement: Settlement) -> tuple[str, Receipt | None]:
        """Words for *settlement*, and the receipt in it when it is the gate's."""
        match settlement.kind:
            case SettlementKind.PENDING:
                return f"waits for {', '.join(settlement.missing) or 'the gate'}", None
            case SettlementKind.DENIED | SettlementKind.REVOKED:
                return f"{settlement.kind}{_deniers(settlement)}", None
            case SettlementKind.RECEIPT:
                receipt = receipt_of(settlement, self.directory)
                return _receipt_words(receipt), receipt
        return "; ".join(settlement.reasons()) or settlement.kind.replace("_", " "), None

    def _doubt(self, done: Completed, kind: Kind) -> str:
        try:
            self._body(done, kind)
        except ValidationError:
            return "it is not in the form of the gate's answers"
        except SignatureError as error:
            return f"it {error}"
        return "the gate signed it for another mission run or another history"

    def _of_gate(self, done: Completed, kind: ObservationKind, what: str, digests: Mapping[str, Digest]) -> Observation:
        proven = {"actor": _gate(Signed.model_validate(done.result)), "assurance": Assurance.SIGNED}
        told = _told(done, kind, what)
        return told.model_copy(update={**proven, "digests": {**told.digests, **digests}})


def settlements(record: MissionRecord, directory: Directory) -> dict[int, Settlement]:
    """The settlements in *record*, by event, that are proven to be the gate's, for this run and over this history."""
    found: dict[int, Settlement] = {}
    for entry in record.entries(Kind.SETTLEMENT):
        settlement = verified_settlement(entry, directory)
        if settlement is None or settlement.mission != record.started.mission:
            continue
        if settlement.head.trouble(record.chain) is None:
            found[entry.event_id] = settlement
    return found


def receipt_of(settlement: Settlement, directory: Directory) -> Receipt | None:
    """The receipt in *settlement*, when a pinned gate key signed it for the same proposal."""
    if settlement.receipt is None:
        return None
    try:
        receipt = Receipt.model_validate(opened(settlement.receipt, Kind.RECEIPT, directory.gate))
    except (SignatureError, ValidationError):
        return None
    return receipt if receipt.proposal == settlement.proposal else None


def _receipt_words(receipt: Receipt | None) -> str:
    if receipt is None:
        return "the receipt in it is not proven to be the gate's"
    said = "answered with an error" if receipt.failed else "done"
    return f"{receipt.operation} {said}: {shown(receipt.result)}"


def _deniers(settlement: Settlement) -> str:
    denied = [vote for vote in settlement.votes if vote.counts and vote.verdict == "deny"]
    return "".join(f" by {vote.who}" + (f": {vote.reason}" if vote.reason else "") for vote in denied)


def _unjudged(heard: Heard) -> Observation:
    try:
        decision = read(heard)
    except UnreadableError as error:
        what = f"signal {heard.name} is not readable: {error} (not judged yet)"
        return Observation(event_id=heard.event_id, at=heard.at, kind=ObservationKind.REFUSED, what=what)
    who = decision.token.kid if decision.token else decision.claims_to_be
    return Observation(
        event_id=heard.event_id,
        at=heard.at,
        kind=ObservationKind.RECEIVED,
        what=f"{decision.verdict} of proposal {proposal_id(decision.proposal)}, not judged yet",
        actor=who or None,
        assurance=Assurance.CLAIMED if who else None,
        digests={"proposal": decision.proposal},
    )


def _told(done: Completed, kind: ObservationKind, what: str, actor: str | None = None) -> Observation:
    return Observation(
        event_id=done.event_id,
        at=done.at,
        kind=kind,
        what=what,
        actor=actor,
        assurance=Assurance.CLAIMED if actor else None,
        digests={"result": done.result_digest},
        cause=done.scheduled_event,
    )


def _gate(signed: Signed) -> str:
    return f"gate {take_apart(signed.jws).kid}"


def _object(value: JsonValue) -> dict[str, JsonValue]:
    return value if isinstance(value, dict) else {}
