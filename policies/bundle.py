"""A bundle: policies, integrations and people as one thing with one digest, and the rulings it gives."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass

from jsonschema import Draft202012Validator
from pydantic import JsonValue
from referencing import Registry
from referencing.exceptions import Unresolvable

from policies.action import Action, Principals
from policies.canonical import Digest
from policies.catalogue import Catalogue, Effect
from policies.contract import Contract
from policies.directory import Directory
from policies.errors import CanonicalError
from policies.routes import NO_ROUTES, Routes
from policies.rulebook import Rulebook
from policies.ruling import Finding, Outcome, Ruling
from policies.scenario import Scenario

MAX_ERRORS = 10
"""So many misfits of arguments are told."""
NOTHING_ELSE: Registry = Registry()
"""Schemas refer to themselves alone: a `$ref` elsewhere is never fetched."""


@dataclass(frozen=True)
class Bundle:
    """What a worker rules with. The directory is as loaded; the gate reads it anew at every admission."""

    digest: Digest
    catalogue: Catalogue
    directory: Directory
    rulebook: Rulebook
    scenarios: tuple[Scenario, ...] = ()
    """What this bundle is expected to answer; see `approvals.rehearsal`. It decides nothing."""

    models: Routes = NO_ROUTES
    """Which model answers which purpose, for the reason worker. It decides nothing."""

    def rule(self, action: Action, principals: Principals, directory: Directory) -> Ruling:
        """Policy's answer for *action*. Whatever cannot be judged is forbidden, with every reason that was found."""
        findings = [self._classified(action), self._fits(action), *_within(action, principals)]
        if not all(finding.holds for finding in findings):
            return self._forbid(findings)
        permission = self.rulebook.permits(action, principals, directory)
        findings.append(permission.finding)
        found = self.catalogue.find(action.operation)
        if not permission.finding.holds or found is None:
            return self._forbid(findings, permission.policies)
        gated = permission.requirement is not None
        if found[2].effect is Effect.COMMIT and not gated:
            words = f"`{action.operation}` changes state and no matching policy says whose say-so it needs"
            return self._forbid([*findings, Finding(check="requirement", holds=False, words=words)])
        return Ruling(
            outcome=Outcome.GATE if gated else Outcome.ALLOW,
            findings=tuple(findings),
            policies=permission.policies,
            requirement=permission.requirement,
            bundle=self.digest,
        )

    def drift(self, operation: str, served: Contract | None) -> Finding:
        """Whether the tool still is what a person pinned; *served* is what the server says now, None where it lists none."""
        found = self.catalogue.find(operation)
        if found is None:
            return Finding(check="contract", holds=False, words=f"`{operation}` is not in the integrations catalogue")
        if served is None:
            return Finding(check="contract", holds=False, words=f"the server no longer offers `{operation}`")
        try:
            same = served.digest == found[2].contract
        except CanonicalError as error:
            words = f"`{operation}` changed on the server to something without a single form: {error}"
            return Finding(check="contract", holds=False, words=words)
        if not same:
            words = f"`{operation}` is not what was pinned: its name, description or input schema changed on the server"
            return Finding(check="contract", holds=False, words=words)
        return Finding(check="contract", holds=True, words=f"`{operation}` is what was pinned")

    def _classified(self, action: Action) -> Finding:
        found = self.catalogue.find(action.operation)
        if found is None:
            words = f"`{action.operation}` is not in the integrations catalogue"
            return Finding(check="classified", holds=False, words=words)
        name, integration, operation = found
        same = (name, integration.url, operation.contract) == (action.integration, action.endpoint, action.contract)
        words = f"`{action.operation}` is classified `{operation.effect}` at {integration.url}"
        if not same:
            words = f"`{action.operation}` was proposed for another endpoint or contract than the catalogue's"
        return Finding(check="classified", holds=same, words=words)

    def _fits(self, action: Action) -> Finding:
        contract = self.catalogue.contracts.get(action.operation)
        if contract is None:
            return Finding(check="arguments", holds=False, words=f"`{action.operation}` has no pinned contract")
        trouble = argument_trouble(contract, action.arguments)
        words = trouble or "the arguments fit the pinned contract"
        return Finding(check="arguments", holds=trouble is None, words=words)

    def _forbid(self, findings: list[Finding], policies: tuple[str, ...] = ()) -> Ruling:
        return Ruling(outcome=Outcome.FORBID, findings=tuple(findings), policies=policies, bundle=self.digest)


def _within(action: Action, principals: Principals) -> list[Finding]:
    """Whether the mission was started for such calls, where its start names the operations that it is for."""
    if principals.operations is None:
        return []
    holds = action.operation in principals.operations
    words = f"`{action.operation}` is among the operations that the mission was started for"
    if not holds:
        words = f"the mission was not started for `{action.operation}`; its start lists other `operations`, or none"
    return [Finding(check="scope", holds=holds, words=words)]


def bundle_digest(files: Mapping[str, bytes]) -> Digest:
    """The digest of a bundle from the files of its directory: every one counts, by its path with `/`."""
    paths = sorted(files, key=lambda path: path.split("/"))
    lines = [f"{path} {hashlib.sha256(files[path]).hexdigest()}" for path in paths]
    return Digest(hashlib.sha256(json.dumps(["sayso:bundle:v1", lines]).encode()).hexdigest())


def argument_trouble(contract: Contract, arguments: dict[str, JsonValue]) -> str | None:
    """Why *arguments* do not fit the contract's input schema, or None."""
    validator = Draft202012Validator(contract.input_schema, registry=NOTHING_ELSE)
    try:
        errors = sorted(validator.iter_errors(arguments), key=lambda error: list(map(str, error.path)))[:MAX_ERRORS]
    except (Unresolvable, RecursionError) as error:
        return f"the arguments cannot be judged: the contract's input schema is not whole ({type(error).__name__})"
    if not errors:
        return None
    return "the arguments do not fit the contract: " + "; ".join(_words(error.json_path, error.message) for error in errors)


def _words(path: str, message: str) -> str:
    return f"`{path}` {message[:200]}"
