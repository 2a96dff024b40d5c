"""
Rehearsals: a scenario played through the code that the gate runs, with throw-away keys, and compared with what it expects.

Nothing is judged here. The ruling is the bundle's, the questions are the rulebook's, and decisions are really signed, made
into signals and handed to `approvals.resolution.resolve`, so that `approvals.checks.CHECKS` says what each is worth. Keys are
made by the caller, time is a fixed one plus what the scenario says: the same scenario always ends the same.

Source: docs/decisions/0009-scenarios.md
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pydantic import JsonValue

from approvals.decision import SIGNAL, Heard, Verdict, make, sign
from approvals.docket import Docket
from approvals.evidence import Evidence
from approvals.jws import Signer
from approvals.proposal import Proposal
from approvals.resolution import Resolution, resolve
from approvals.signed import Kind
from policies.action import Action, MissionRef, Principals, operations_of, scope_of
from policies.bundle import Bundle
from policies.canonical import Digest, canonical, digest
from policies.directory import Directory
from policies.requirement import Assurance
from policies.rulebook import Approvable, Permission
from policies.ruling import Finding, Outcome, Ruling
from policies.scenario import ActionScenario, ApproveScenario, Said, Scenario, StartScenario, ThawScenario

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
"""When every rehearsed proposal is made."""
PROPOSED = 1
"""The event that every rehearsed proposal is."""
GATE = "rehearsal gate"
NOWHERE = Digest("0" * 64)


@dataclass(frozen=True)
class Stage:
    """A bundle with its people, each with one throw-away key and principal instead of their own."""

    bundle: Bundle
    directory: Directory
    signers: Mapping[str, Signer]
    stranger: Signer
    """Signs for whoever is not in the directory."""

    def signer(self, who: str) -> Signer:
        """The key with which *who* decides here."""
        return self.signers.get(who, self.stranger)


@dataclass(frozen=True)
class Played:
    """What came out of a scenario."""

    scenario: Scenario
    finding: Finding | None = None
    """The answer to a question about a person."""
    ruling: Ruling | None = None
    resolution: Resolution | None = None
    policies: tuple[str, ...] = ()
    """Determining policies of the ruling, or of the answer."""
    reached: frozenset[str] = frozenset()
    """Every policy that determined an answer on the way."""


def set_stage(bundle: Bundle, make_key: Callable[[str], Signer]) -> Stage:
    """
    Args:
        make_key: Makes a key with the id it is given.
    """
    signers = {who: make_key(f"rehearsal {who}") for who in (*bundle.directory.people, *bundle.directory.services)}
    people = {
        who: person.model_copy(update={"keys": (signers[who].public(),), "principals": (_principal(who),)})
        for who, person in bundle.directory.people.items()
    }
    services = {
        who: service.model_copy(update={"keys": (signers[who].public(),)}) for who, service in bundle.directory.services.items()
    }
    update = {"people": people, "services": services, "gates": (make_key(GATE).public(),)}
    return Stage(bundle, bundle.directory.model_copy(update=update), signers, make_key("rehearsal stranger"))


def play(scenario: Scenario, stage: Stage) -> Played:
    """What *stage*'s bundle answers to *scenario*."""
    rulebook, directory = stage.bundle.rulebook, stage.directory
    match scenario:
        case StartScenario():
            return _answered(scenario, rulebook.starting(scenario.start, scenario.mission, directory))
        case ThawScenario():
            return _answered(scenario, rulebook.thawing(scenario.thaw, scenario.namespace, directory))
        case ApproveScenario():
            principals = Principals(owner=scenario.owner, on_behalf_of=scenario.on_behalf_of)
            asked = Approvable(scenario.mission, scenario.operation, scenario.asked, principals)
            return _answered(scenario, rulebook.approving(scenario.approve, asked, directory))
        case ActionScenario():
            return _acted(scenario, stage)


def proposed(action: Action, principals: Principals, ruling: Ruling, stage: Stage) -> Docket | None:
    """The proposal that a gated *action* would become, before its judge; None where nothing is gated."""
    if ruling.requirement is None:
        return None
    trail = digest("rehearsal", {"event": PROPOSED})
    proposal = Proposal(
        action=action,
        principals=principals,
        requirement=ruling.requirement,
        policies=ruling.policies,
        bundle=stage.bundle.digest,
        because="",
        seen=(),
        prior=(),
        evidence=Evidence(through=PROPOSED, digest=trail),
        created_at=BEGAN,
        expires_at=BEGAN + timedelta(seconds=ruling.requirement.expires_seconds),
        gate=GATE,
        card=NOWHERE,
    )
    found = digest(Kind.PROPOSAL, proposal.model_dump(mode="json"))
    return Docket(proposal, found, PROPOSED, (trail,), stage.directory, stage.bundle.rulebook)


def decided(docket: Docket, decisions: Iterable[Said], stage: Stage) -> list[Heard]:
    """*decisions* as signals in the history, in the order in which they come."""
    ordered = sorted(decisions, key=lambda said: said.after)
    return [_heard(docket, said, PROPOSED + number, stage) for number, said in enumerate(ordered, start=1)]


def approving(docket: Docket, who: str) -> Permission | None:
    """Cedar's answer for *who*, where the judge would ask for it: for people of a group that is asked for."""
    person = docket.directory.people.get(who)
    (asked,) = docket.proposal.approvables(BEGAN)
    if person is None or not docket.proposal.requirement.groups(float("inf")) & set(person.groups):
        return None
    return docket.rulebook.approving(who, asked, docket.directory)


def action_of(operation: str, mission_type: str, arguments: Mapping[str, object], bundle: Bundle) -> Action:
    """The action that a mission of *mission_type* would propose."""
    found = bundle.catalogue.find(operation)
    name = "rehearsal"
    return Action.model_validate(
        {
            "mission": MissionRef(
                namespace=name, mission_type=mission_type, mission_id=name, run_id=name, first_execution_run_id=name
            ),
            "step": "1",
            "integration": found[0] if found else operation.partition(".")[0],
            "endpoint": found[1].url if found else "",
            "operation": operation,
            "contract": found[2].contract if found else NOWHERE,
            "arguments": arguments,
        }
    )


def _acted(scenario: ActionScenario, stage: Stage) -> Played:
    principals = Principals(
        owner=scenario.owner,
        on_behalf_of=scenario.on_behalf_of,
        scope=scope_of(scenario.input),
        operations=operations_of(dict(scenario.input)) if scenario.operations is None else scenario.operations,
    )
    action = action_of(scenario.operation, scenario.mission, scenario.arguments, stage.bundle)
    ruling = stage.bundle.rule(action, principals, stage.directory)
    docket = proposed(action, principals, ruling, stage) if ruling.outcome is Outcome.GATE else None
    reached = set(ruling.policies)
    resolution = None
    if docket is not None:
        seconds = scenario.last if scenario.at is None else scenario.at
        resolution = resolve(docket, decided(docket, scenario.decisions, stage), BEGAN + timedelta(seconds=seconds))
        answers = [approving(docket, said.who) for said in scenario.decisions]
        reached |= {name for answer in answers if answer is not None for name in answer.policies}
    return Played(
        scenario=scenario,
        ruling=ruling,
        resolution=resolution,
        policies=ruling.policies,
        reached=frozenset(reached),
    )


def _answered(scenario: Scenario, answer: Permission) -> Played:
    return Played(scenario, finding=answer.finding, policies=answer.policies, reached=frozenset(answer.policies))


def _heard(docket: Docket, said: Said, event_id: int, stage: Stage) -> Heard:
    at = BEGAN + timedelta(seconds=said.after)
    verdict = Verdict(said.verdict)
    if said.assurance is Assurance.SIGNED:
        statement = make(
            docket.proposal,
            docket.digest,
            docket.proposal.evidence,
            verdict,
            reason=said.reason,
            now=at,
            jti=f"event {event_id}",
            changes=said.changes,
        )
        return Heard(event_id, at, SIGNAL, (canonical(sign(statement, stage.signer(said.who))),))
    unsigned: dict[str, JsonValue] = {
        "proposal": docket.digest,
        "verdict": verdict,
        "approver": said.who,
        "reason": said.reason,
    }
    claim = canonical({**unsigned, "changes": said.changes} if said.changes is not None else unsigned)
    principal = _principal(said.who) if said.assurance is Assurance.ATTESTED else None
    return Heard(event_id, at, SIGNAL, (claim,), principal)


def _principal(who: str) -> str:
    return f"rehearsal:{who}"
