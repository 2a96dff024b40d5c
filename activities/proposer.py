"""
Makes proposals: checks scope and contract, asks policy for a ruling, renders the card, freezes the requirement, signs.

What cannot be proposed is answered with a signed refusal that gives every reason found; only trouble that a retry may mend
is an error. Whom the mission acts for comes from its signed start, never from the request.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from activities.calling import served
from activities.errors import TokenRefused, Unreachable
from activities.grounds import Grounds, ProposeRequest, grounds
from activities.lineage import Lineage, traced
from activities.ports import Here, Ports
from activities.provenance import Provenance, provenance
from approvals.batch import trouble as batch_trouble
from approvals.card import render
from approvals.evidence import Evidence
from approvals.jws import Signer
from approvals.proposal import MAX_NARRATION, Proposal, Refusal, approvable
from approvals.signed import Kind, Signed, seal
from audit.extent import extent_trouble
from audit.law import Law
from audit.principals import principals_of, reset_trouble
from audit.proposals import open_proposals
from audit.record import MissionRecord
from audit.witnesses import seen
from policies.action import Action, Principals
from policies.bundle import Bundle
from policies.canonical import Digest, readable
from policies.directory import Person
from policies.errors import BundleError, CanonicalError
from policies.requirement import Assurance, Requirement
from policies.ruling import Finding, Outcome, Ruling
from policies.strictness import joined, shortfall

MAX_WORDS = 2000
NO_CARD = Digest("0" * 64)


@dataclass(frozen=True)
class _Asked:
    """A request with what the gate found about the asking mission."""

    request: ProposeRequest
    record: MissionRecord
    law: Law
    now: datetime
    principals: Principals

    @property
    def evidence(self) -> Evidence:
        """The trail when the gate was asked."""
        return Evidence(through=self.record.head, digest=self.record.chain[-1])


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
        full = extent_trouble(record)
        if full is not None:
            return self._refuse(asked, [*findings, Finding(check="extent", holds=False, words=full)])
        found = grounds(request, record, law, now)
        if isinstance(found, Finding):
            return self._refuse(asked, [*findings, found])
        requirement, policies, ruled = await self._ruled(found, asked)
        findings += ruled
        if requirement is None:
            return self._refuse(asked, findings)
        lineage = await traced(record, law, self._ports)
        findings += [_together(found.actions, requirement), _meetable(found, requirement, asked), lineage.finding]
        source = await provenance(found, request.cites, record, lineage.runs, law)
        findings.append(source.finding)
        findings += await self._open(requirement, asked)
        if not all(finding.holds for finding in findings):
            return self._refuse(asked, findings)
        return self._proposal(asked, found, (requirement, policies), (lineage, source))

    async def _ruled(self, found: Grounds, asked: _Asked) -> tuple[Requirement | None, tuple[str, ...], list[Finding]]:
        """What all actions need together, by which policies, and what was found; no requirement where one may not be asked."""
        rulings = [self._bundle.rule(action, asked.principals, asked.law.directory) for action in found.actions]
        policies = tuple(sorted({name for ruling in rulings for name in ruling.policies}))
        needs = [ruling.requirement for ruling in rulings if ruling.requirement is not None]
        if found.floor is not None:
            # What became of it can be told whatever policy says now; to send it once more, the ruling counts again.
            return joined([*needs, found.floor]), policies, []
        findings = [finding for ruling in rulings for finding in ruling.findings]
        for action in {action.operation: action for action in found.actions}.values():
            findings.append(await self._drift(action))
        if len(needs) < len(rulings):
            pairs = zip(found.actions, rulings, strict=True)
            findings += [_not_gated(action, ruling) for action, ruling in pairs if ruling.requirement is None]
            return None, policies, findings
        return joined(needs), policies, findings

    async def _open(self, requirement: Requirement, asked: _Asked) -> list[Finding]:
        """Whether as many proposals are open already as policy allows at once."""
        findings, owner = [], asked.principals.owner
        if requirement.open_per_mission is not None:
            count = len(open_proposals(asked.record, asked.law, asked.now))
            findings.append(_room("this mission", count, requirement.open_per_mission))
        if requirement.open_per_owner is not None and owner is not None:
            count = await self._ports.workloads.open_of(owner)
            findings.append(_room(f"`{owner}`", count, requirement.open_per_owner))
        return findings

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
            return self._bundle.drift(action.operation, await served(session, self._bundle.catalogue, action))

    def _proposal(
        self,
        asked: _Asked,
        found: Grounds,
        ruled: tuple[Requirement, tuple[str, ...]],
        before: tuple[Lineage, Provenance],
    ) -> Signed:
        record, (action, *more), (requirement, policies), (lineage, source) = asked.record, found.actions, ruled, before
        draft = Proposal(
            action=action,
            more=tuple(more),
            amends=found.amends,
            reconciles=found.reconciles,
            principals=asked.principals,
            requirement=requirement,
            policies=policies,
            bundle=self._bundle.digest,
            because=readable(asked.request.because[:MAX_NARRATION]),
            seen=seen(record, asked.law.directory),
            prior=lineage.before(found.actions),
            evidence=asked.evidence,
            created_at=asked.now,
            expires_at=asked.now + timedelta(seconds=requirement.expires_seconds),
            gate=self._signer.kid,
            card=NO_CARD,
            earlier=lineage.earlier,
            cites=source.cites,
            origins=source.origins,
        )
        try:
            proposal = draft.model_copy(update={"card": render(draft).digest})
            return seal(Kind.PROPOSAL, proposal.model_dump(mode="json"), self._signer)
        except CanonicalError as error:
            words = f"no proposal can be made of it: it {error.reason}"
            return self._refuse(asked, [Finding(check="proposal", holds=False, words=words)])

    def _refuse(self, asked: _Asked, findings: list[Finding]) -> Signed:
        refusal = Refusal(
            operation=readable(", ".join(wanted.operation for wanted in asked.request.wanted))[:200],
            step=readable(asked.request.step)[:200],
            findings=tuple(finding.model_copy(update={"words": readable(finding.words[:MAX_WORDS])}) for finding in findings),
            at=asked.now,
            mission=asked.record.started.mission,
            evidence=asked.evidence,
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


def _together(actions: tuple[Action, ...], requirement: Requirement) -> Finding:
    trouble = batch_trouble(actions, requirement.batch)
    return Finding(check="batch", holds=trouble is None, words=trouble or "policy lets one card hold this")


def _room(whose: str, count: int, limit: int) -> Finding:
    words = f"{whose} has {count} open proposals, and policy allows {limit}: have one decided, or withdraw one"
    return Finding(check="open", holds=count < limit, words=words if count >= limit else f"{whose} has room for one more")


def _meetable(found: Grounds, requirement: Requirement, asked: _Asked) -> Finding:
    """Whether the people of the directory could meet the requirement at all; waiting for nobody helps nobody."""
    law, seconds = asked.law, float(requirement.expires_seconds)
    drafts = [approvable(action, requirement, asked.principals, seconds) for action in found.actions]
    amenders = found.amends.who if found.amends else ()
    able = {
        who: frozenset(person.groups)
        for who, person in law.directory.people.items()
        if who not in amenders
        and not set(person.groups) & set(requirement.excludes)
        and _can_sign(person, requirement, asked.now)
        and all(law.bundle.rulebook.may_approve(who, draft, law.directory).holds for draft in drafts)
    }
    missing = shortfall(requirement.rules, able, dict.fromkeys(able, seconds))
    words = "the directory has the people it needs"
    if missing:
        words = f"nobody could meet what policy asks for: the directory lacks {', '.join(missing)} who may decide this"
    return Finding(check="meetable", holds=not missing, words=words)


def _can_sign(person: Person, requirement: Requirement, now: datetime) -> bool:
    """Whether *person* could give a decision of the assurance that is asked for."""
    attested = requirement.assurance is Assurance.ATTESTED and bool(person.principals or person.subjects)
    return attested or any(key.trouble(now) is None for key in person.keys)
