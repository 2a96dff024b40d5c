"""
Scenarios: what a bundle is expected to answer, as data beside its policies.

Four kinds, told apart by a key: `operation` asks for a ruling and, where people must agree, plays their decisions;
`start` asks who may start a mission; `approve` asks who may decide; `thaw` asks who may end a freeze. They are judged by
`approvals.rehearsal`, which runs the gate's own code: a scenario holds expectations and no rule.

Source: docs/decisions/0009-scenarios.md
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, JsonValue, ValidationError, model_validator

from policies.canonical import settled
from policies.catalogue import Catalogue
from policies.directory import Directory
from policies.errors import BundleError, CanonicalError
from policies.model import Written
from policies.notation import parse_duration, parse_rules
from policies.requirement import Assurance, Rule
from policies.ruling import Outcome


def _seconds(text: object) -> int:
    if not isinstance(text, str):
        raise ValueError("is not a duration like `30m`, `24h` or `7d`")
    try:
        return parse_duration(text, "")
    except BundleError as error:
        raise ValueError(error.reason) from error


def _rules(text: object) -> tuple[Rule, ...]:
    if not isinstance(text, str):
        raise ValueError("is not of the form `group: count, group: count`; put it in quotes")
    try:
        return parse_rules(text, "")
    except BundleError as error:
        raise ValueError(error.reason) from error


def _single(value: JsonValue) -> JsonValue:
    try:
        return settled(value)
    except CanonicalError as error:
        raise ValueError(f"has no single form: {error}") from error


Duration = Annotated[int, BeforeValidator(_seconds)]
"""Written `30m`; kept in seconds."""
Rules = Annotated[tuple[Rule, ...], BeforeValidator(_rules)]
"""Written as in `@requires`."""
Arguments = Annotated[dict[str, JsonValue], AfterValidator(_single)]
"""In the form in which the gate would send them."""


class Said(Written):
    """One decision in a scenario."""

    who: str
    verdict: Literal["approve", "deny", "revoke", "abstain", "amend", "withdraw"]
    after: Duration = 0
    """Seconds since the proposal."""
    assurance: Assurance = Assurance.SIGNED
    """How it is sent: with a key, with a principal that the server stamped, or with a name alone."""
    reason: str = "rehearsed"
    changes: Arguments | None = None
    """With `amend`: new values by path."""


class Answer(Written):
    """What is expected of an action. What is not written is not compared."""

    ruling: Outcome
    policies: tuple[str, ...] | None = None
    """Exactly the determining policies, in any order."""
    requires: Rules | None = None
    expires: Duration | None = None
    assurance: Assurance | None = None
    resolution: Literal["open", "approved", "denied", "expired", "revoked", "superseded", "withdrawn"] | None = None
    missing: Rules | None = None
    """What is still missing at the scenario's moment."""


class May(Written):
    """What is expected of a question about a person."""

    may: bool
    policies: tuple[str, ...] | None = None


class ActionScenario(Written):
    """An action, the decisions about it, and a moment at which it is looked at."""

    name: str = Field(min_length=1)
    mission: str
    """Mission type."""
    owner: str | None = None
    """Absent is unknown: nobody could prove who started it."""
    on_behalf_of: str | None = None
    input: Arguments = Field(default_factory=dict)
    """What the mission was started with: its scope."""
    operations: tuple[str, ...] | None = None
    """The operations that it was started for, as in its input; absent, those of `input`."""
    operation: str
    arguments: Arguments
    decisions: tuple[Said, ...] = ()
    at: Duration | None = None
    """The moment, since the proposal; else that of the last decision."""
    expect: Answer

    @model_validator(mode="after")
    def _coherent(self) -> ActionScenario:
        wanted = self.expect
        judged = (wanted.requires, wanted.expires, wanted.assurance, wanted.resolution, wanted.missing)
        if wanted.ruling is not Outcome.GATE and (self.decisions or self.at or any(part is not None for part in judged)):
            raise ValueError(f"a ruling of `{wanted.ruling}` has no requirement, no decisions and no resolution")
        if self.decisions and wanted.resolution is None:
            raise ValueError("decisions without an expected `resolution` show nothing")
        if self.at is not None and self.at < self.last:
            raise ValueError("`at` is before the last decision; leave that decision out instead")
        return self

    @property
    def last(self) -> int:
        """Seconds from the proposal to its last decision."""
        return max((said.after for said in self.decisions), default=0)

    def people(self) -> Iterator[str | None]:
        """Everybody it names."""
        yield from (self.owner, self.on_behalf_of, *(said.who for said in self.decisions))

    def groups(self) -> Iterator[str]:
        """Every group it names."""
        yield from (rule.group for rules in (self.expect.requires, self.expect.missing) for rule in rules or ())


class StartScenario(Written):
    """Whether a person may start missions of a type."""

    name: str = Field(min_length=1)
    mission: str
    start: str
    """Who."""
    expect: May


class ApproveScenario(Written):
    """Whether a person may decide about a proposal."""

    name: str = Field(min_length=1)
    mission: str
    approve: str
    """Who."""
    operation: str
    asked: tuple[str, ...]
    """The groups whose say-so the proposal needs."""
    owner: str | None = None
    on_behalf_of: str | None = None
    expect: May


class ThawScenario(Written):
    """Whether a person may end a freeze."""

    name: str = Field(min_length=1)
    thaw: str
    """Who."""
    namespace: str = "default"
    expect: May


Scenario = ActionScenario | StartScenario | ApproveScenario | ThawScenario


def read(content: object, catalogue: Catalogue, directory: Directory) -> tuple[Scenario, ...]:
    """
    The scenarios in *content*, a list as YAML gives it; an empty file is none.

    Raises:
        BundleError: Not of the form, a name used twice, or an unknown operation, person or group; names the scenario.
    """
    if content is not None and not isinstance(content, list):
        raise BundleError("`scenarios.yaml`", "is not a list of scenarios")
    found: dict[str, Scenario] = {}
    for number, item in enumerate(content or [], start=1):
        scenario = _one(item, number)
        where = _where(scenario.name, number)
        if scenario.name in found:
            raise BundleError(where, "the name is used twice")
        trouble = _unknown(scenario, catalogue, directory)
        if trouble:
            raise BundleError(where, trouble)
        found[scenario.name] = scenario
    return tuple(found.values())


def _one(item: object, number: int) -> Scenario:
    if not isinstance(item, dict):
        raise BundleError(f"`scenarios.yaml` entry {number}", "is not a scenario: it has no `name`, `mission` and `expect`")
    kind: type[Scenario] = ActionScenario
    if "start" in item:
        kind = StartScenario
    elif "approve" in item:
        kind = ApproveScenario
    elif "thaw" in item:
        kind = ThawScenario
    try:
        return kind.model_validate(item)
    except ValidationError as error:
        first = error.errors()[0]
        at = ".".join(str(part) for part in first["loc"])
        said = str(first["msg"]).removeprefix("Value error, ")
        raise BundleError(_where(item.get("name"), number), f"`{at}`: {said}" if at else said) from error


def _where(name: object, number: int) -> str:
    named = f" `{name}`" if isinstance(name, str) and name else ""
    return f"`scenarios.yaml` entry {number}{named}"


def _unknown(scenario: Scenario, catalogue: Catalogue, directory: Directory) -> str | None:
    people: list[str | None] = []
    groups: list[str] = []
    match scenario:
        case StartScenario():
            people = [scenario.start]
        case ThawScenario():
            people = [scenario.thaw]
        case ApproveScenario():
            people, groups = [scenario.approve, scenario.owner, scenario.on_behalf_of], list(scenario.asked)
        case ActionScenario():
            people, groups = list(scenario.people()), list(scenario.groups())
    named = [scenario.operation] if isinstance(scenario, ActionScenario | ApproveScenario) else []
    if isinstance(scenario, ActionScenario):
        named += scenario.operations or ()
    for operation in named:
        if catalogue.find(operation) is None:
            return f"operation `{operation}` is not in the integrations catalogue"
    known = directory.people.keys() | directory.services.keys()
    for who in people:
        if who is not None and who not in known:
            return f"`{who}` is neither a person nor a service of the directory"
    strange = sorted(set(groups) - set(directory.groups))
    return f"group `{strange[0]}` is not listed in the directory" if strange else None
