"""What activities answered, as observations. What only a worker says is `claimed`; what the gate signed is `signed`."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import JsonValue, ValidationError

from approvals.errors import SignatureError
from approvals.proposal import Proposal, Refusal, proposal_id
from approvals.settlement import Settlement, SettlementKind
from approvals.signed import Kind, opened
from audit.departed import departed
from audit.events import shown
from audit.freezing import names_freeze
from audit.known import Known
from audit.observation import Observation, ObservationKind
from audit.passages import passage_digests, passage_words, passages_in
from audit.proven import gate_of, proven
from audit.record import Completed, Entry, MissionRecord
from audit.witnesses import witness_of
from policies.canonical import Digest
from policies.requirement import Assurance

_KINDS = {
    SettlementKind.PENDING: ObservationKind.PENDING,
    SettlementKind.DENIED: ObservationKind.DENIED,
    SettlementKind.EXPIRED: ObservationKind.EXPIRED,
    SettlementKind.SUPERSEDED: ObservationKind.AMENDED,
    SettlementKind.REVOKED: ObservationKind.REVOKED,
    SettlementKind.WITHDRAWN: ObservationKind.WITHDRAWN,
    SettlementKind.ANSWERED: ObservationKind.ANSWERED,
    SettlementKind.NOT_SENT: ObservationKind.NOT_SENT,
    SettlementKind.RECEIPT: ObservationKind.COMMITTED,
    SettlementKind.UNKNOWN: ObservationKind.UNKNOWN,
}
_OUTCOMES = {SettlementKind.RECEIPT, SettlementKind.UNKNOWN}
"""What came of a use."""


MAX_CALLS, MAX_CALLED = 5, 100
"""So many calls of a model are named on one line, each by so many characters."""


class Answers:
    """One run's answers, read against what is proven of it."""

    def __init__(self, known: Known, begun: MissionRecord) -> None:
        """
        Args:
            begun: Of the run, its beginning at least.
        """
        self._known = known
        self._begun = begun

    def observed(self, done: Completed, entry: Entry | None, chain: int) -> Observation:
        """
        What the activity *done* answered, once `known` has learned of it.

        Args:
            entry: The answer in the form of the gate's, where it has that.
            chain: Through which event the trail can be digested.
        """
        match done.activity:
            case "read":
                return _witnessed(_read(done), witness_of(done, self._begun, self._known.directory))
            case "reason":
                return _witnessed(_reasoned(done), witness_of(done, self._begun, self._known.directory))
            case "propose":
                return self._proposed(done, entry)
            case "settle":
                return self._settled(done, entry, chain)
        return _told(done, ObservationKind.EVENT, f"{done.activity} on queue {done.queue} was done")

    def _proposed(self, done: Completed, entry: Entry | None) -> Observation:
        if entry is None or done.event_id not in self._known.proposals:
            return self._refused(done, entry)
        digest, proposal = self._known.proposals[done.event_id]
        what = f"{_asked(proposal)}, needs {proposal.requirement.words()}"
        actions = {f"action.{item}" if item else "action": each.digest for item, each in enumerate(proposal.actions)}
        digests = {"proposal": digest, **actions, "card": proposal.card, "head": proposal.evidence.digest}
        told = _told(done, ObservationKind.PROPOSED, f"{what} (proposal {proposal_id(digest)})")
        return _of_gate(told, entry, digests)

    def _refused(self, done: Completed, entry: Entry | None) -> Observation:
        body = proven(entry.signed, Kind.REFUSAL, self._known.directory) if entry is not None else None
        try:
            refusal = Refusal.model_validate(body)
        except ValidationError:
            doubt = f"unverified proposal: {self._doubt(entry, Kind.PROPOSAL)}"
            return _told(done, ObservationKind.UNVERIFIED, doubt)
        if refusal.mission != self._begun.started.mission:
            whose = "for another mission run" if refusal.mission is not None else "without naming a run: it may be another's"
            doubt = f"unverified proposal: the gate signed this refusal {whose}"
            return _told(done, ObservationKind.UNVERIFIED, doubt)
        what = f"{refusal.operation}: {'; '.join(refusal.reasons())}"
        told = _told(done, ObservationKind.REFUSED, what)
        return _of_gate(told, entry, {}) if entry is not None else told

    def _settled(self, done: Completed, entry: Entry | None, chain: int) -> Observation:
        settlement = self._known.settlements.get(done.event_id)
        if settlement is None or entry is None:
            doubt = f"unverified settlement: {self._doubt(entry, Kind.SETTLEMENT, chain)}"
            return _told(done, ObservationKind.UNVERIFIED, doubt)
        digests = {"proposal": settlement.proposal, "head": settlement.head.digest}
        receipt = self._known.receipts.get(done.event_id)
        if receipt is not None and settlement.receipt is not None:
            digests |= {"sent": receipt.sent, "action": receipt.action, "receipt": settlement.receipt.digest}
        proposal = self._known.named(settlement.proposal)
        batch = proposal is not None and bool(proposal.more)
        told = _told(done, self._kind(done.event_id, settlement), self._words(done.event_id, settlement))
        found = {
            "cause": self._cause(settlement),
            "item": settlement.item if batch else None,
            "decisions": tuple(vote.event_id for vote in settlement.votes if vote.counts),
        }
        return _of_gate(told, entry, digests).model_copy(update=found)

    def _kind(self, event_id: int, settlement: Settlement) -> ObservationKind:
        if event_id in self._known.escalated:
            return ObservationKind.ESCALATED
        frozen = settlement.kind is SettlementKind.NOT_SENT and names_freeze(settlement)
        return ObservationKind.FROZEN if frozen else _KINDS[settlement.kind]

    def _cause(self, settlement: Settlement) -> int | None:
        """An outcome answers the use; anything else the proposal."""
        proposed = self._known.places.get(settlement.proposal)
        used = self._known.uses.get((settlement.proposal, settlement.item))
        return (used if settlement.kind in _OUTCOMES else None) or proposed

    def _words(self, event_id: int, settlement: Settlement) -> str:
        thawed = ", after the thaw" if event_id in self._known.thawed else ""
        match settlement.kind:
            case SettlementKind.PENDING:
                escalated = self._known.escalated.get(event_id, ())
                further = f", and now asks {', '.join(escalated)} too" if escalated else ""
                return f"waits for {', '.join(settlement.missing) or 'the gate'}{further}"
            case SettlementKind.RECEIPT:
                receipt = self._known.receipts.get(event_id)
                if receipt is None:
                    return "the receipt in it is not proven to be the gate's"
                said = "answered with an error" if receipt.failed else "done"
                return f"{receipt.operation} {said}{thawed}: {shown(receipt.result)}"
        return ("; ".join(settlement.reasons()) or settlement.kind.replace("_", " ")) + thawed

    def _doubt(self, entry: Entry | None, kind: Kind, chain: int | None = None) -> str:
        if entry is None:
            return "it is not in the form of the gate's answers"
        try:
            body = opened(entry.signed, kind, self._known.directory.gate)
        except SignatureError as error:
            return f"it {error}"
        head = body.get("head")
        through = head.get("through") if isinstance(head, dict) else None
        if chain is not None and chain < entry.event_id and isinstance(through, int) and through > chain:
            return f"the trail that it judged cannot be digested from event {chain + 1} on"
        return "the gate signed it for another mission run, or over another history"


def _read(done: Completed) -> Observation:
    asked = _object(done.input)
    failed = ": the tool says that it could not" if _object(done.result).get("failed") is True else ""
    found = passages_in(done.result)
    what = f"{asked.get('operation', 'something')} {shown(asked.get('arguments', {}))}{failed}{passage_words(found)}"
    told = _told(done, ObservationKind.READ, what, actor="a read worker")
    return told.model_copy(update={"digests": {**told.digests, **passage_digests(found)}})


def _reasoned(done: Completed) -> Observation:
    asked, answer = _object(done.input), _object(done.result)
    model = str(answer.get("model") or "an unnamed model")
    by = f"{model}: rules, no model was asked" if answer.get("rule_based") is True else f"model {model}"
    which = f" (fallback {asked['fallback']})" if isinstance(asked.get("fallback"), int) and asked["fallback"] else ""
    words, digests = departed(answer.get("departure"))
    what = f"{asked.get('purpose', 'something')} by {by}{which}{_called(answer.get('calls'))}{words}"
    told = _told(done, ObservationKind.REASONED, what, actor=model)
    return told.model_copy(update={"digests": {**told.digests, **digests}})


def _called(calls: JsonValue) -> str:
    """What a model asked for in a dialogue; what became of each is told where it was done."""
    if not isinstance(calls, list) or not calls:
        return ""
    names = [str(call.get("operation") or "something")[:MAX_CALLED] for call in calls[:MAX_CALLS] if isinstance(call, dict)]
    return f", which asks for {', '.join(names)}" + (f" and {len(calls) - MAX_CALLS} more" if len(calls) > MAX_CALLS else "")


def _asked(proposal: Proposal) -> str:
    """What is put before people, with what makes it more than a plain action."""
    actions = "; ".join(f"{action.operation} {shown(dict(action.arguments))}" for action in proposal.actions)
    if proposal.reconciles is not None:
        return f"what became of {actions} (proposal {proposal_id(proposal.reconciles.proposal)}, outcome unknown)"
    if proposal.amends is not None:
        who, before = proposal.amends.amendment.who, proposal_id(proposal.amends.proposal)
        return f"{actions}, amended by {who} from proposal {before}"
    return f"{len(proposal.actions)} actions as one: {actions}" if proposal.more else actions


def _witnessed(told: Observation, service: str | None) -> Observation:
    """*told* as the word of the *service* that signed it, where one did."""
    return told.model_copy(update={"actor": service, "assurance": Assurance.SIGNED}) if service else told


def _of_gate(told: Observation, entry: Entry, digests: Mapping[str, Digest]) -> Observation:
    """*told* as the gate's own word; its signature was verified."""
    found = {"actor": gate_of(entry.signed), "assurance": Assurance.SIGNED, "digests": {**told.digests, **digests}}
    return told.model_copy(update=found)


def _told(done: Completed, kind: ObservationKind, what: str, actor: str | None = None) -> Observation:
    asked = {} if done.request_digest is None else {"request": done.request_digest}
    return Observation(
        event_id=done.event_id,
        at=done.at,
        kind=kind,
        what=what,
        actor=actor,
        assurance=Assurance.CLAIMED if actor else None,
        digests={**asked, "result": done.result_digest},
        cause=done.scheduled_event,
    )


def _object(value: JsonValue) -> dict[str, JsonValue]:
    return value if isinstance(value, dict) else {}
