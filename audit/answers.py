"""What activities answered, as observations. What only a worker says is `claimed`; what the gate signed is `signed`."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import JsonValue, ValidationError

from approvals.errors import SignatureError
from approvals.proposal import Proposal, Refusal, proposal_id
from approvals.settlement import Settlement, SettlementKind
from approvals.signed import Kind, Signed, opened
from audit.events import shown
from audit.observation import Observation, ObservationKind
from audit.proven import gate_of, places, proven, receipt_of
from audit.record import Completed, MissionRecord
from audit.witnesses import witness_of
from policies.canonical import Digest
from policies.directory import Directory
from policies.requirement import Assurance

_KINDS = {
    SettlementKind.PENDING: ObservationKind.PENDING,
    SettlementKind.DENIED: ObservationKind.DENIED,
    SettlementKind.EXPIRED: ObservationKind.EXPIRED,
    SettlementKind.SUPERSEDED: ObservationKind.SUPERSEDED,
    SettlementKind.REVOKED: ObservationKind.REVOKED,
    SettlementKind.WITHDRAWN: ObservationKind.WITHDRAWN,
    SettlementKind.ANSWERED: ObservationKind.ANSWERED,
    SettlementKind.NOT_SENT: ObservationKind.NOT_SENT,
    SettlementKind.RECEIPT: ObservationKind.COMMITTED,
    SettlementKind.UNKNOWN: ObservationKind.UNKNOWN,
}


class Answers:
    """One mission's answers, read against what is proven of its history."""

    def __init__(
        self,
        record: MissionRecord,
        directory: Directory,
        proposals: Mapping[int, tuple[Digest, Proposal]],
        settlements: Mapping[int, Settlement],
    ) -> None:
        """
        Args:
            proposals: Proven ones with their digests, by event.
            settlements: Proven ones, by event.
        """
        self._record = record
        self._directory = directory
        self._proposals = proposals
        self._settlements = settlements
        self._events = places(proposals)
        self._escalated = _escalations(settlements)

    def observed(self, done: Completed) -> Observation:
        """What the activity *done* answered."""
        match done.activity:
            case "read":
                return _witnessed(_read(done), witness_of(done, self._record, self._directory))
            case "reason":
                return _witnessed(_reasoned(done), witness_of(done, self._record, self._directory))
            case "propose":
                return self._proposed(done)
            case "settle":
                return self._settled(done)
        return _told(done, ObservationKind.EVENT, f"{done.activity} on queue {done.queue} was done")

    def _proposed(self, done: Completed) -> Observation:
        if done.event_id not in self._proposals:
            return self._refused(done)
        digest, proposal = self._proposals[done.event_id]
        what = f"{_asked(proposal)}, needs {proposal.requirement.words()}"
        digests = {"proposal": digest, "action": proposal.action.digest, "card": proposal.card}
        told = _told(done, ObservationKind.PROPOSED, f"{what} (proposal {proposal_id(digest)})")
        return _of_gate(told, done, digests)

    def _refused(self, done: Completed) -> Observation:
        try:
            body = proven(Signed.model_validate(done.result), Kind.REFUSAL, self._directory)
            refusal = Refusal.model_validate(body)
        except ValidationError:
            doubt = f"unverified proposal: {self._doubt(done, Kind.PROPOSAL)}"
            return _told(done, ObservationKind.UNVERIFIED, doubt)
        if refusal.mission not in (None, self._record.started.mission):
            doubt = "unverified proposal: the gate signed this refusal for another mission run"
            return _told(done, ObservationKind.UNVERIFIED, doubt)
        what = f"{refusal.operation}: {'; '.join(refusal.reasons())}"
        return _of_gate(_told(done, ObservationKind.REFUSED, what), done, {})

    def _settled(self, done: Completed) -> Observation:
        settlement = self._settlements.get(done.event_id)
        if settlement is None:
            doubt = f"unverified settlement: {self._doubt(done, Kind.SETTLEMENT)}"
            return _told(done, ObservationKind.UNVERIFIED, doubt)
        digests = {"proposal": settlement.proposal, "head": settlement.head.digest}
        receipt = receipt_of(settlement, self._directory)
        if receipt is not None:
            digests["sent"] = receipt.sent
        kind = ObservationKind.ESCALATED if done.event_id in self._escalated else _KINDS[settlement.kind]
        told = _told(done, kind, self._words(settlement, self._escalated.get(done.event_id, ())))
        return _of_gate(told, done, digests).model_copy(update={"cause": self._events.get(settlement.proposal)})

    def _words(self, settlement: Settlement, escalated: tuple[str, ...]) -> str:
        match settlement.kind:
            case SettlementKind.PENDING:
                further = f", and now asks {', '.join(escalated)} too" if escalated else ""
                return f"waits for {', '.join(settlement.missing) or 'the gate'}{further}"
            case SettlementKind.RECEIPT:
                receipt = receipt_of(settlement, self._directory)
                if receipt is None:
                    return "the receipt in it is not proven to be the gate's"
                said = "answered with an error" if receipt.failed else "done"
                return f"{receipt.operation} {said}: {shown(receipt.result)}"
        return "; ".join(settlement.reasons()) or settlement.kind.replace("_", " ")

    def _doubt(self, done: Completed, kind: Kind) -> str:
        try:
            opened(Signed.model_validate(done.result), kind, self._directory.gate)
        except ValidationError:
            return "it is not in the form of the gate's answers"
        except SignatureError as error:
            return f"it {error}"
        return "the gate signed it for another mission run, or over another history"


def _read(done: Completed) -> Observation:
    asked = _object(done.input)
    failed = ": the tool says that it could not" if _object(done.result).get("failed") is True else ""
    what = f"{asked.get('operation', 'something')} {shown(asked.get('arguments', {}))}{failed}"
    return _told(done, ObservationKind.READ, what, actor="a read worker")


def _reasoned(done: Completed) -> Observation:
    asked, answer = _object(done.input), _object(done.result)
    model = str(answer.get("model") or "an unnamed model")
    by = f"{model}: rules, no model was asked" if answer.get("rule_based") is True else f"model {model}"
    return _told(done, ObservationKind.REASONED, f"{asked.get('purpose', 'something')} by {by}", actor=model)


def _asked(proposal: Proposal) -> str:
    """What is put before people, with what makes it more than a plain action."""
    actions = "; ".join(f"{action.operation} {shown(dict(action.arguments))}" for action in proposal.actions)
    if proposal.reconciles is not None:
        return f"what became of {actions} (proposal {proposal_id(proposal.reconciles.proposal)}, outcome unknown)"
    if proposal.amends is not None:
        who, before = proposal.amends.amendment.who, proposal_id(proposal.amends.proposal)
        return f"{actions}, amended by {who} from proposal {before}"
    return f"{len(proposal.actions)} actions as one: {actions}" if proposal.more else actions


def _escalations(settlements: Mapping[int, Settlement]) -> dict[int, tuple[str, ...]]:
    """The groups that are asked for the first time, by the event of the settlement that says so."""
    asked: dict[Digest, set[str]] = {}
    found: dict[int, tuple[str, ...]] = {}
    for event_id, settlement in settlements.items():
        known = asked.get(settlement.proposal)
        further = set(settlement.asked) - known if known else set()
        if further and settlement.kind is SettlementKind.PENDING:
            found[event_id] = tuple(sorted(further))
        asked.setdefault(settlement.proposal, set()).update(settlement.asked)
    return found


def _witnessed(told: Observation, service: str | None) -> Observation:
    """*told* as the word of the *service* that signed it, where one did."""
    return told.model_copy(update={"actor": service, "assurance": Assurance.SIGNED}) if service else told


def _of_gate(told: Observation, done: Completed, digests: Mapping[str, Digest]) -> Observation:
    """*told* as the gate's own word; its signature was verified."""
    actor = gate_of(Signed.model_validate(done.result))
    return told.model_copy(update={"actor": actor, "assurance": Assurance.SIGNED, "digests": {**told.digests, **digests}})


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


def _object(value: JsonValue) -> dict[str, JsonValue]:
    return value if isinstance(value, dict) else {}
