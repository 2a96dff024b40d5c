"""What became of each signal, as observations: a decision is told by the last settlement of the gate that judged it."""

from __future__ import annotations

from contextlib import suppress

from temporalio.api.history.v1 import HistoryEvent

from approvals.decision import TYP, Decision, Heard, read
from approvals.errors import SignatureError, UnreadableError
from approvals.jws import verify
from approvals.proposal import proposal_id
from approvals.settlement import Claim
from approvals.signed import Signed
from audit.events import sent, shown
from audit.known import Known
from audit.observation import Observation, ObservationKind
from audit.parts import heard_in
from audit.proven import gate_of
from audit.workload import open_seconds
from policies.canonical import Digest
from policies.directory import Directory
from policies.requirement import Assurance


class Signals:
    """One run's signals, with what is proven of how they were judged."""

    def __init__(self, known: Known) -> None:
        self._known = known

    def observed(self, event: HistoryEvent) -> Observation:
        """What became of the signal *event*, as far as it is known now."""
        heard = heard_in(event)
        claimed = self._known.claim_in(heard)
        if claimed is not None:
            return self._used(heard, *claimed)
        if heard.event_id in self._known.votes:
            return self._judged(event, heard)
        return self._unjudged(event, heard)

    def _used(self, heard: Heard, claim: Claim, signed: Signed) -> Observation:
        known = self._known.before(claim.proposal, heard.event_id)
        proposal = known[1] if known else None
        which = f"item {claim.item + 1} of " if proposal is not None and proposal.more else ""
        first = self._known.uses.get((claim.proposal, claim.item)) == heard.event_id
        taken = "is taken" if first else "was taken before; this attempt sends nothing"
        what = f"the one use of {which}proposal {proposal_id(claim.proposal)} {taken}, admitted at event {claim.head.through}"
        return Observation(
            event_id=heard.event_id,
            at=heard.at,
            kind=ObservationKind.USED,
            what=what,
            actor=gate_of(signed),
            assurance=Assurance.SIGNED,
            digests={
                "proposal": claim.proposal,
                "action": claim.action,
                "head": claim.head.digest,
                "claim": signed.digest,
            },
            cause=known[0] if known else None,
            item=claim.item if which else None,
        )

    def _judged(self, event: HistoryEvent, heard: Heard) -> Observation:
        vote, judged_by, proposal = self._known.votes[heard.event_id]
        said = str(vote.verdict) if vote.verdict else f"signal {heard.name}"
        refused = f" does not count: {'; '.join(vote.refused)}" if vote.refused else ""
        late = ", after the use was taken" if vote.late else ""
        changes = f" to {shown(vote.changes)}" if vote.changes else ""
        kind = ObservationKind.DECIDED if vote.counts else ObservationKind.REFUSED
        because = f", with the reason: {vote.reason}" if vote.reason else ""
        what = f"{said}{late}{changes}{refused}{because}"
        told = _sent(event, heard, ObservationKind.LATE if vote.late else kind, what)
        found: dict[str, object] = {"judged_by": judged_by}
        if vote.who is not None:
            found |= {"actor": vote.who, "assurance": vote.assurance}
        known = self._known.before(proposal, judged_by)
        if vote.counts:
            found["digests"] = _digests(heard, proposal, known[1].card if known else None)
        if vote.counts and known is not None:
            found |= {"cause": known[0], "open_seconds": open_seconds(self._known.since[proposal], heard.at)}
        return told.model_copy(update=found)

    def _unjudged(self, event: HistoryEvent, heard: Heard) -> Observation:
        try:
            decision = read(heard)
        except UnreadableError as error:
            what = f"signal {heard.name} is not readable: {error} (not judged yet)"
            return _sent(event, heard, ObservationKind.REFUSED, what)
        who, assurance = _sender(decision, heard, self._known.directory)
        known = self._known.before(decision.proposal, heard.event_id)
        by = f" (workflow {heard.workflow} sent it)" if heard.workflow else ""
        return Observation(
            event_id=heard.event_id,
            at=heard.at,
            kind=ObservationKind.RECEIVED,
            what=f"{decision.verdict} of proposal {proposal_id(decision.proposal)}{by}, not judged yet",
            actor=who or None,
            assurance=assurance if who else None,
            digests={"proposal": decision.proposal},
            cause=known[0] if known else None,
        )


def _sent(event: HistoryEvent, heard: Heard, kind: ObservationKind, what: str) -> Observation:
    """By whoever sent the signal: a workflow, the principal that the server stamped, or whom the client says it is."""
    identity = event.workflow_execution_signaled_event_attributes.identity
    return sent(event, kind, what, identity, workflow=heard.workflow or "")


def _digests(heard: Heard, proposal: Digest, card: Digest | None) -> dict[str, Digest]:
    """What a decision that counted was over: the proposal, its card, and the trail that its person reviewed."""
    found = {"proposal": proposal} if card is None else {"proposal": proposal, "card": card}
    with suppress(UnreadableError):
        statement = read(heard).statement
        return found if statement is None else {**found, "head": statement.evidence.digest}
    return found


def _sender(decision: Decision, heard: Heard, directory: Directory) -> tuple[str, Assurance]:
    """Who sent it, as far as key or principal prove it now; what that is worth is the gate's to say."""
    if decision.token is not None:
        holder = directory.holder(decision.token.kid)
        if holder is None or holder[1].trouble(heard.at) is not None:
            return decision.token.kid, Assurance.CLAIMED
        try:
            verify(decision.token, TYP, holder[1])
        except SignatureError:
            return decision.token.kid, Assurance.CLAIMED
        return holder[0], Assurance.SIGNED
    attested = directory.person_of(heard.principal) if heard.principal and heard.workflow is None else None
    return (attested, Assurance.ATTESTED) if attested else (decision.claims_to_be, Assurance.CLAIMED)
