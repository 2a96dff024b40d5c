"""What became of each signal, as observations: a decision is told by the last settlement of the gate that judged it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from pydantic import ValidationError

from approvals.decision import Heard, read
from approvals.errors import UnreadableError
from approvals.proposal import proposal_id
from approvals.settlement import USED, Claim, Settlement
from approvals.signed import Kind, Signed
from approvals.votes import Vote
from audit.events import shown
from audit.observation import Observation, ObservationKind
from audit.proven import gate_of, proven
from audit.workload import open_seconds
from policies.canonical import Digest, parse
from policies.directory import Directory
from policies.errors import CanonicalError
from policies.requirement import Assurance


class Signals:
    """One mission's signals, with the settlements that judged them."""

    def __init__(
        self,
        directory: Directory,
        settlements: Mapping[int, Settlement],
        events: Mapping[Digest, int],
        since: Mapping[Digest, datetime],
    ) -> None:
        """
        Args:
            settlements: Proven ones, by event, in order.
            events: By proposal, the event that put it into the history.
            since: By proposal, the time of that event.
        """
        self._since = since
        self._directory = directory
        self._events = events
        self._votes: dict[int, tuple[Vote, int, Digest]] = {}
        for event_id, settlement in settlements.items():
            for vote in settlement.votes:
                self._votes[vote.event_id] = (vote, event_id, settlement.proposal)

    def observed(self, heard: Heard) -> Observation:
        """What became of *heard*."""
        return self._used(heard) or self._judged(heard) or self._unjudged(heard)

    def _judged(self, heard: Heard) -> Observation | None:
        if heard.event_id not in self._votes:
            return None
        vote, judged_by, proposal = self._votes[heard.event_id]
        said = str(vote.verdict) if vote.verdict else f"signal {heard.name}"
        refused = f" does not count: {'; '.join(vote.refused)}" if vote.refused else ""
        late = ", after the use was taken" if vote.late else ""
        changes = f" to {shown(vote.changes)}" if vote.changes else ""
        kind = ObservationKind.DECIDED if vote.counts else ObservationKind.REFUSED
        kind = ObservationKind.LATE if vote.late else kind
        because = f", with the reason: {vote.reason}" if vote.reason else ""
        return Observation(
            event_id=heard.event_id,
            at=heard.at,
            kind=kind,
            what=f"{said}{late}{changes}{refused}{because}",
            actor=vote.who,
            assurance=vote.assurance if vote.who else None,
            digests={"proposal": proposal} if vote.counts else {},
            cause=self._events.get(proposal) if vote.counts else None,
            judged_by=judged_by,
            open_seconds=open_seconds(self._since.get(proposal), heard.at) if vote.counts else None,
        )

    def _unjudged(self, heard: Heard) -> Observation:
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
            cause=self._events.get(decision.proposal),
        )

    def _used(self, heard: Heard) -> Observation | None:
        """The gate's own announcement; None where *heard* is anything else, a forged announcement included."""
        if heard.name != USED or len(heard.values) != 1 or heard.values[0] is None:
            return None
        try:
            signed = Signed.model_validate(parse(heard.values[0]))
            body = proven(signed, Kind.CLAIM, self._directory)
            claim = Claim.model_validate(body)
        except (CanonicalError, ValidationError):
            return None
        return Observation(
            event_id=heard.event_id,
            at=heard.at,
            kind=ObservationKind.USED,
            what=f"the one use of proposal {proposal_id(claim.proposal)} is taken, admitted at event {claim.head.through}",
            actor=gate_of(signed),
            assurance=Assurance.SIGNED,
            digests={"proposal": claim.proposal, "action": claim.action, "head": claim.head.digest},
            cause=self._events.get(claim.proposal),
        )
