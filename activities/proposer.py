"""
Makes proposals: checks scope and contract, asks policy for a ruling, renders the card, freezes the requirement, signs.

What cannot be proposed is answered with a signed refusal that gives every reason found; only trouble that a retry may mend
is an error. Whom the mission acts for comes from its signed start, never from the request.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from pydantic import JsonValue

from activities.actions import action_of, effect_of
from activities.errors import TokenRefused, Unreachable
from activities.gate import Ports
from activities.lineage import Lineage, traced
from activities.ports import Here
from approvals.card import render
from approvals.evidence import Evidence
from approvals.jws import Signer
from approvals.proposal import MAX_NARRATION, Proposal, Refusal, Seen, approvable
from approvals.signed import Kind, Signed, seal
from audit.judgement import Law, principals_of, reset_trouble
from audit.record import MissionRecord
from audit.witnesses import witness_of
from policies.action import MAX_ARGUMENTS, Action, Principals
from policies.bundle import Bundle
from policies.canonical import Digest, canonical, readable
from policies.catalogue import Effect
from policies.directory import Person
from policies.errors import BundleError, CanonicalError
from policies.model import Recorded
from policies.requirement import Assurance, Requirement, shortfall
from policies.ruling import Finding, Outcome, Ruling

MAX_SEEN = 50
ARGUMENTS_STAND = 6
"""How deep arguments stand in a proposal, at most."""
MAX_WORDS = 2000
NO_CARD = Digest("0" * 64)


class ProposeRequest(Recorded):
    """What a mission asks for. Everything else the gate finds out by itself."""

    step: str
    operation: str
    arguments: dict[str, JsonValue]
    because: str = ""


@dataclass(frozen=True)
class _Asked:
    """A request with what the gate found about the asking mission."""

    request: ProposeRequest
    record: MissionRecord
    law: Law
    now: datetime
    principals: Principals


class Proposer:
    """Answers `propose`. One per commit worker, with the gate's key and ports."""

    def __init__(self, ports: Ports, bundle: Bundle, signer: Signer) -> None:
        self._ports = ports
        self._bundle = bundle
        self._signer = signer

    async def propose(self, request: ProposeRequest, here: Here) -> Signed:
        """
        A signed proposal, or a signed refusal with every reason.

        Raises:
            Unreachable: The integration, the issuer or Temporal does not answer; ask again.
        """
        record = await self._ports.histories.read(here.mission_id, here.run_id)
        now = max(self._ports.clock(), here.scheduled_at, record.last_event_at)
        try:
            law = Law(self._bundle, self._ports.directories.read())
        except BundleError as error:
            raise Unreachable("the approver directory", error.where, error.reason) from error
        principals, trouble = principals_of(record, law.directory)
        asked = _Asked(request, record, law, now, principals)
        findings = [_mission(record, principals, trouble, law)]
        action = self._action(asked)
        if isinstance(action, Finding):
            return self._refuse(asked, [*findings, action])
        ruling = self._bundle.rule(action, principals, law.directory)
        findings += [*ruling.findings, await self._drift(action)]
        if ruling.requirement is None or ruling.outcome is not Outcome.GATE:
            return self._refuse(asked, [*findings, _not_gated(action, ruling)])
        lineage = await traced(record, asked.law, self._ports)
        findings += [_meetable(action, ruling.requirement, asked), lineage.finding]
        if not all(finding.holds for finding in findings):
            return self._refuse(asked, findings)
        return self._proposal(asked, action, ruling, lineage)

    def _action(self, asked: _Asked) -> Action | Finding:
        request = asked.request
        catalogue, mission = self._bundle.catalogue, asked.record.started.mission
        if effect_of(catalogue, request.operation) is Effect.READ:
            words = f"`{request.operation}` is a read; call it with `self.read`"
            return Finding(check="classified", holds=False, words=words)
        action = action_of(
            catalogue,
            mission,
            step=request.step,
            operation=request.operation,
            arguments=request.arguments,
            depth=ARGUMENTS_STAND,
        )
        if isinstance(action, Action) and len(canonical(dict(action.arguments))) > MAX_ARGUMENTS:
            words = f"the arguments are larger than {MAX_ARGUMENTS} bytes; pass a reference to what is large"
            return Finding(check="arguments", holds=False, words=words)
        return action

    async def _drift(self, action: Action) -> Finding:
        integration = self._bundle.catalogue.integrations[action.integration]
        if integration.describe_scope is None:
            words = f"`{action.integration}` has no `describe_scope`, so its contract cannot be checked"
            return Finding(check="contract", holds=False, words=words)
        try:
            token = await self._ports.tokens.for_scope(integration, integration.describe_scope)
        except TokenRefused as error:
            return Finding(check="contract", holds=False, words=str(error))
        async with self._ports.tools.open(integration, token) as session:
            return self._bundle.drift(action.operation, await session.contract(action.tool))

    def _proposal(self, asked: _Asked, action: Action, ruling: Ruling, lineage: Lineage) -> Signed:
        record, requirement = asked.record, ruling.requirement
        if requirement is None:
            raise LookupError(f"`{action.operation}` is not gated")
        draft = Proposal(
            action=action,
            principals=asked.principals,
            requirement=requirement,
            policies=ruling.policies,
            bundle=self._bundle.digest,
            because=readable(asked.request.because[:MAX_NARRATION]),
            seen=_seen(record, asked.law),
            prior=lineage.before(action),
            evidence=Evidence(through=record.head, digest=record.chain[-1]),
            created_at=asked.now,
            expires_at=asked.now + timedelta(seconds=requirement.expires_seconds),
            gate=self._signer.kid,
            card=NO_CARD,
        )
        try:
            proposal = draft.model_copy(update={"card": render(draft).digest})
            return seal(Kind.PROPOSAL, proposal.model_dump(mode="json"), self._signer)
        except CanonicalError as error:
            words = f"no proposal can be made of it: it {error.reason}"
            return self._refuse(asked, [Finding(check="proposal", holds=False, words=words)])

    def _refuse(self, asked: _Asked, findings: list[Finding]) -> Signed:
        refusal = Refusal(
            operation=readable(asked.request.operation)[:200],
            step=readable(asked.request.step)[:200],
            findings=tuple(finding.model_copy(update={"words": readable(finding.words[:MAX_WORDS])}) for finding in findings),
            at=asked.now,
        )
        return seal(Kind.REFUSAL, refusal.model_dump(mode="json"), self._signer)


def _mission(record: MissionRecord, principals: Principals, trouble: str | None, law: Law) -> Finding:
    reset = reset_trouble(record)
    if reset is not None:
        return Finding(check="reset", holds=False, words=reset)
    mission_type = record.started.mission.mission_type
    if principals.owner is None:
        words = f"the owner is unknown because {trouble}; start the mission with `sayso start`, which signs the start"
        return Finding(check="owner", holds=False, words=words)
    return law.bundle.rulebook.may_start(principals.owner, mission_type, law.directory)


def _not_gated(action: Action, ruling: Ruling) -> Finding:
    holds = ruling.outcome is Outcome.FORBID
    return Finding(check="gated", holds=holds, words=f"`{action.operation}` needs nobody's say-so; call it with `self.read`")


def _meetable(action: Action, requirement: Requirement, asked: _Asked) -> Finding:
    """Whether the people of the directory could meet the requirement at all; waiting for nobody helps nobody."""
    law = asked.law
    draft = approvable(action, requirement, asked.principals)
    able = {
        who: frozenset(person.groups)
        for who, person in law.directory.people.items()
        if _can_sign(person, requirement, asked.now) and law.bundle.rulebook.may_approve(who, draft, law.directory).holds
    }
    missing = shortfall(requirement.rules, able)
    words = "the directory has the people it needs"
    if missing:
        words = f"nobody could meet what policy asks for: the directory lacks {', '.join(missing)} who may decide this"
    return Finding(check="meetable", holds=not missing, words=words)


def _can_sign(person: Person, requirement: Requirement, now: datetime) -> bool:
    """Whether *person* could give a decision of the assurance that is asked for."""
    attested = requirement.assurance is Assurance.ATTESTED and bool(person.principals)
    return attested or any(key.trouble(now) is None for key in person.keys)


def _seen(record: MissionRecord, law: Law) -> tuple[Seen, ...]:
    return tuple(
        Seen(
            event_id=done.event_id,
            what=_what(done.activity, done.input),
            digest=done.result_digest,
            by=witness_of(done, record, law.directory) or "",
        )
        for done in record.completed[-MAX_SEEN:]
        if done.activity in ("read", "reason")
    )


def _what(activity: str, given: JsonValue) -> str:
    name = given.get("operation") or given.get("purpose") if isinstance(given, dict) else None
    return f"{activity} {readable(str(name))[:200]}"
