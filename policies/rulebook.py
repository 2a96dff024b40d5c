"""
The rulebook: Cedar policies with their annotations, asked with a schema.

Allow means that the decision is Allow and that there are no errors. Anything else, an unreadable request included, is no.
A permit that a commit could match says whose say-so it needs, or the rulebook does not load; several that match are
joined, so a weaker rule cannot shadow a stronger one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import cedarpy

from policies.action import Action, Principals
from policies.catalogue import Catalogue, Effect
from policies.directory import Directory
from policies.egress import check_egress
from policies.errors import BundleError
from policies.notation import REQUIRING, requirement
from policies.references import check_references
from policies.requirement import Requirement
from policies.ruling import Finding
from policies.schema import ArgumentError, CedarSchema
from policies.strictness import joined

_ANNOTATIONS = {"id", "description"} | REQUIRING
_MAX_NESTING = 100
_MAX_WORDS = 5000
_ASIDE = re.compile(r'"(?:\\.|[^"\\])*"|//[^\n]*', re.DOTALL)
"""Strings and comments: a bracket in them closes nothing."""


@dataclass(frozen=True)
class Permission:
    """Cedar's answer: whether it permits, by which policies, and what they require (None where none of them does)."""

    finding: Finding
    policies: tuple[str, ...] = ()
    requirement: Requirement | None = None


@dataclass(frozen=True)
class Approvable:
    """What `approve` is asked about: the attributes of a proposal that policies may name."""

    mission_type: str
    operation: str
    groups: tuple[str, ...]
    principals: Principals


@dataclass(frozen=True)
class _Policy:
    name: str
    requirement: Requirement | None


class Rulebook:
    """All Cedar policies of a bundle."""

    def __init__(self, text: str, catalogue: Catalogue, directory: Directory) -> None:
        """
        Args:
            text: All policy files, concatenated.
            directory: The groups and people that policies may name; who they are is asked anew with each question.

        Raises:
            BundleError: Not valid under the schema, an unknown annotation, group, person or integration, or a commit
                without `@requires`.
        """
        self.text = text
        _check_size(text)
        self._schema = CedarSchema(catalogue.contracts)
        self._commits = catalogue.names(Effect.COMMIT)
        self._groups = directory.groups
        self._known: tuple[Directory, cedarpy.Entities] | None = None
        try:
            parsed = json.loads(cedarpy.policies_to_json_str(text))
            self._set = cedarpy.PolicySet.from_str(text)
        except RecursionError as error:
            raise BundleError("policies", "a policy is nested too deep to be read") from error
        except ValueError as error:
            raise BundleError("policies", f"not readable as Cedar ({error})") from error
        valid = cedarpy.validate_policies(text, self._schema.text)
        if not valid.validation_passed:
            raise BundleError("policies", "; ".join(str(error) for error in valid.errors))
        if parsed.get("templates"):
            raise BundleError("policies", "templates are not supported; write the policy out")
        check_references(parsed["staticPolicies"], _nameable(catalogue, directory))
        self._policies = {key: self._read(spec) for key, spec in parsed["staticPolicies"].items()}
        check_egress(parsed["staticPolicies"], catalogue.names(Effect.EGRESS))
        self._check_ids()

    def permits(self, action: Action, principals: Principals, directory: Directory) -> Permission:
        """Whether policy permits *action* to a mission acting for *principals*, and what it requires."""
        try:
            context = self._schema.context(action.operation, action.arguments)
        except ArgumentError as error:
            return Permission(Finding(check="policy", holds=False, words=f"the arguments cannot be judged: {error}"))
        mission = _entity("Mission", action.mission.mission_id, {"type": action.mission.mission_type} | _people_of(principals))
        mission["tags"] = dict(principals.scope)
        request = {
            "principal": mission["uid"],
            "action": {"type": "Action", "id": action.operation},
            "resource": {"type": "Integration", "id": action.integration},
            "context": context,
        }
        what = f"`{action.operation}` with these arguments for `{action.mission.mission_type}` missions"
        return self._ask(request, [mission], directory, what)

    def may_start(self, person: str, mission_type: str, directory: Directory) -> Finding:
        """Whether *person* may start missions of *mission_type*."""
        return self.starting(person, mission_type, directory).finding

    def starting(self, person: str, mission_type: str, directory: Directory) -> Permission:
        """The answer behind `may_start`, with its determining policies."""
        request = {
            "principal": {"type": "Person", "id": person},
            "action": {"type": "Action", "id": "start"},
            "resource": {"type": "MissionType", "id": mission_type},
            "context": {},
        }
        return self._ask(request, [], directory, f"`{person}` to start `{mission_type}` missions")

    def may_thaw(self, person: str, namespace: str, directory: Directory) -> Finding:
        """Whether *person* may end a freeze of *namespace*. Nobody is asked who may begin one: anybody may stop."""
        return self.thawing(person, namespace, directory).finding

    def thawing(self, person: str, namespace: str, directory: Directory) -> Permission:
        """The answer behind `may_thaw`, with its determining policies."""
        request = {
            "principal": {"type": "Person", "id": person},
            "action": {"type": "Action", "id": "thaw"},
            "resource": {"type": "Namespace", "id": namespace},
            "context": {},
        }
        return self._ask(request, [], directory, f"`{person}` to thaw namespace `{namespace}`")

    def may_approve(self, person: str, proposal: Approvable, directory: Directory) -> Finding:
        """Whether *person* may decide about *proposal*: Cedar's `approve`, with separation of duties as `forbid`."""
        return self.approving(person, proposal, directory).finding

    def approving(self, person: str, proposal: Approvable, directory: Directory) -> Permission:
        """The answer behind `may_approve`, with its determining policies."""
        attributes = {
            "mission_type": proposal.mission_type,
            "operation": proposal.operation,
            "groups": [{"__entity": {"type": "Group", "id": group}} for group in proposal.groups],
        }
        resource = _entity("Proposal", "proposal", attributes | _people_of(proposal.principals))
        request = {
            "principal": {"type": "Person", "id": person},
            "action": {"type": "Action", "id": "approve"},
            "resource": resource["uid"],
            "context": {},
        }
        return self._ask(request, [resource], directory, f"`{person}` to decide this")

    def _ask(self, request: dict[str, Any], entities: list[dict[str, Any]], directory: Directory, what: str) -> Permission:
        try:
            known = self._people(directory).with_added_json_str(json.dumps(entities), self._schema.handle)
            answer = cedarpy.is_authorized(request, self._set, known, self._schema.handle)
        except ValueError as error:
            return Permission(Finding(check="policy", holds=False, words=f"policy could not be asked: {error}"))
        policies = [self._policies[key] for key in answer.diagnostics.reasons]
        names = tuple(sorted(policy.name for policy in policies))
        if answer.decision is cedarpy.Decision.Allow and not answer.diagnostics.errors:
            words = f"policy permits {what} ({', '.join(names)})"
            return Permission(Finding(check="policy", holds=True, words=words), names, _joined(policies))
        if answer.diagnostics.errors:
            why = f": {'; '.join(answer.diagnostics.errors)}"
        else:
            why = f" ({', '.join(names)} forbids it)" if names else " (no permit matches)"
        return Permission(Finding(check="policy", holds=False, words=f"policy does not permit {what}{why}"), names)

    def _people(self, directory: Directory) -> cedarpy.Entities:
        """The directory's people as entities. One directory is asked about many times, and then it is the same object."""
        if self._known is None or self._known[0] is not directory:
            people = [_entity("Person", who, {}, person.groups) for who, person in directory.people.items()]
            self._known = directory, cedarpy.Entities.from_json_str(json.dumps(people), self._schema.handle)
        return self._known[1]

    def _read(self, spec: Mapping[str, Any]) -> _Policy:
        annotations: dict[str, str] = {key: value or "" for key, value in spec.get("annotations", {}).items()}
        name = annotations.get("id", "")
        where = f"policy `{name}`"
        if not name:
            raise BundleError("policies", "a policy has no `@id`; every policy is named so that a ruling can name it")
        unknown = sorted(annotations.keys() - _ANNOTATIONS)
        if unknown:
            raise BundleError(where, f"`@{unknown[0]}` is not an annotation Sayso knows")
        if spec["effect"] != "permit":
            if annotations.keys() & REQUIRING:
                raise BundleError(where, "a forbid cannot carry a requirement")
            return _Policy(name, None)
        asked = requirement(annotations, where)
        if asked is None and self._reaches_commit(spec["action"]):
            raise BundleError(where, "permits an operation that commits without `@requires`")
        if asked is not None:
            self._check_groups(asked, where)
        return _Policy(name, asked)

    def _check_groups(self, asked: Requirement, where: str) -> None:
        named = asked.groups(float("inf")) | set(asked.excludes)
        unknown = sorted(named - set(self._groups))
        if unknown:
            raise BundleError(where, f"names group `{unknown[0]}`, which the directory does not list")

    def _reaches_commit(self, action: Mapping[str, Any]) -> bool:
        match action:
            case {"op": "==" | "in", "entity": {"id": name}}:
                return name in self._commits
            case {"op": "in", "entities": list(entities)}:
                return any(entity["id"] in self._commits for entity in entities)
        # An unconstrained action reaches everything.
        return bool(self._commits)

    def _check_ids(self) -> None:
        names = [policy.name for policy in self._policies.values()]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise BundleError(f"policy `{twice[0]}`", "the id is used twice")


def _joined(policies: list[_Policy]) -> Requirement | None:
    requirements = [policy.requirement for policy in policies if policy.requirement is not None]
    return joined(requirements) if requirements else None


def _entity(kind: str, name: str, attributes: dict[str, Any], groups: tuple[str, ...] = ()) -> dict[str, Any]:
    parents = [{"type": "Group", "id": group} for group in groups]
    return {"uid": {"type": kind, "id": name}, "attrs": attributes, "parents": parents}


def _nameable(catalogue: Catalogue, directory: Directory) -> dict[str, Collection[str]]:
    """The entities that policies may name, by type."""
    people = directory.people.keys() | directory.services.keys()
    return {"Group": directory.groups, "Person": people, "Integration": catalogue.integrations.keys()}


def _people_of(principals: Principals) -> dict[str, Any]:
    named = {"owner": principals.owner, "on_behalf_of": principals.on_behalf_of}
    return {key: {"__entity": {"type": "Person", "id": who}} for key, who in named.items() if who is not None}


def _check_size(text: str) -> None:
    # Deep nesting and long chains of operators overflow the parser's stack and kill the process.
    code, depth = _ASIDE.sub(" ", text), 0
    for bracket in re.findall(r"[()\[\]{}]", code):
        depth += 1 if bracket in "([{" else -1
        if depth > _MAX_NESTING:
            raise BundleError("policies", f"brackets are nested deeper than {_MAX_NESTING}")
    if re.search(r"(?:[!-]\s*){100,}", code):
        raise BundleError("policies", "operators are repeated more than 100 times")
    if any(len(re.findall(r"\w+|[^\w\s,]", policy)) > _MAX_WORDS for policy in code.split(";")):
        raise BundleError("policies", f"a policy is longer than {_MAX_WORDS} words")
