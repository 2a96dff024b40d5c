"""A bundle that is not wholly understood does not load. Source: policies/load.py, policies/rulebook.py; promises H3, H4."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from policies.bundle import Bundle
from policies.contract import Contract
from policies.directory import Directory
from policies.errors import BundleError
from policies.load import load, load_directory
from tests.fakes.kit import Edit, Kit, edit_yaml, in_file


def cedar(text: str) -> Edit:
    """Adds a policy."""

    def edit(root: Path) -> None:
        (root / "more.cedar").write_text(text)

    return edit


def in_yaml(name: str, change: Callable[[dict[str, Any]], None]) -> Edit:
    """Changes a YAML file."""
    return lambda root: edit_yaml(root / name, change)


def payment(**changes: Any) -> Edit:
    """Changes how the payment is classified."""

    def change(catalogue: dict[str, Any]) -> None:
        catalogue["integrations"]["payments"]["operations"]["issue_refund"] |= changes

    return in_yaml("integrations.yaml", change)


def operation(integration: str, name: str, **changes: Any) -> Edit:
    """Changes how an operation is classified."""
    return in_yaml(
        "integrations.yaml", lambda catalogue: catalogue["integrations"][integration]["operations"][name].update(changes)
    )


def resource(template: str) -> Edit:
    """Another template of the document, pinned as it is."""

    def edit(root: Path) -> None:
        path = root / "contracts" / "knowledge.json"
        contracts = json.loads(path.read_text())
        contracts[1]["uri_template"] = template
        path.write_text(json.dumps(contracts))
        pin = Contract.model_validate(contracts[1]).digest
        operation("knowledge", "document", resource=template, contract=pin)(root)

    return edit


def person(who: str, **changes: Any) -> Edit:
    """Changes a person's entry."""
    return in_yaml("directory.yaml", lambda directory: directory["people"].setdefault(who, {"name": who}).update(changes))


def missing(name: str) -> Edit:
    """Takes a file away."""
    return lambda root: (root / name).unlink()


def text(name: str, content: str) -> Edit:
    """Replaces a file."""

    def edit(root: Path) -> None:
        (root / name).write_text(content)

    return edit


def no_policies(content: str | None) -> Edit:
    """Replaces all policies by one file, or by none."""

    def edit(root: Path) -> None:
        for path in root.glob("*.cedar"):
            path.unlink()
        if content is not None:
            (root / "refund.cedar").write_text(content)

    return edit


def latin(root: Path) -> None:
    """A file in another encoding."""
    (root / "refund.cedar").write_bytes(b"// caf\xe9")


COMMIT = 'permit (principal is Mission, action == Action::"payments.issue_refund", resource)'
READ = 'permit (principal is Mission, action == Action::"orders.get_case", resource)'
IN_LIST = 'action in [Action::"orders.get_case", Action::"payments.issue_refund"]'
GATED = '@requires("support-lead: 1") @expires("1h")'
BROKEN: dict[str, tuple[Edit, str]] = {
    "knowledge that commits": (operation("knowledge", "search", effect="commit"), "is a `read` or an `egress`"),
    "knowledge without a collection": (operation("orders", "get_order", knowledge=True), "is asked with a `collection`"),
    "resource that is a tool": (operation("orders", "get_order", resource="orders://{order_id}"), "is that of a tool"),
    "resource without its template": (operation("knowledge", "document", resource=None), "say `resource`"),
    "resource with another template": (
        operation("knowledge", "document", resource="knowledge://{collection}"),
        "say `resource`",
    ),
    "resource whose template is none": (resource("knowledge://{+collection}"), "is no template of the form"),
    "resource that asks for more": (resource("knowledge://{collection}"), "asks for other values than its URI template"),
    "no policies": (no_policies(None), "holds no"),
    "no catalogue": (missing("integrations.yaml"), "cannot be read"),
    "no directory": (missing("directory.yaml"), "cannot be read"),
    "no contracts": (missing("contracts/payments.json"), "cannot be read"),
    "no text": (no_policies("\n"), "holds no"),
    "latin-1": (latin, "not UTF-8"),
    "not yaml": (text("directory.yaml", "people: ["), "not YAML"),
    "a list": (text("directory.yaml", "[]"), "valid dictionary"),
    "not json": (text("contracts/payments.json", "["), "not JSON"),
    "no list": (text("contracts/payments.json", "{}"), "not a list"),
    "key twice in yaml": (in_file("integrations.yaml", "issuer:", "issuer: http://evil.example\nissuer:"), "given twice"),
    "person twice": (in_file("directory.yaml", "people:\n", "people:\n  sam: {name: Sam}\n"), "given twice"),
    "key twice in json": (in_file("contracts/payments.json", '"name":', '"name": "x", "name":'), "given twice"),
    "unknown key in catalogue": (payment(safe=True), "Extra inputs"),
    "unknown key in directory": (person("sam", admin=True), "Extra inputs"),
    "unknown effect": (payment(effect="harmless"), "'read', 'egress' or 'commit'"),
    "unknown group": (person("sam", groups=["ceo"]), "not listed under `groups`"),
    "contract of another digest": (payment(contract="0" * 64), "pinned contract is not the one"),
    "contract changed": (in_file("contracts/payments.json", "Pays money", "Gives money"), "pinned contract is not the one"),
    "contracts in the catalogue": (
        in_yaml("integrations.yaml", lambda c: c.update(contracts={"a": {"name": "a", "description": "", "input_schema": {}}})),
        "belong into `contracts/`",
    ),
    "read without scope": (payment(effect="read"), "names the `scope`"),
    "name with a dot": (in_file("integrations.yaml", "issue_refund:", "issue.refund:"), "not a plain name"),
    "name with two underscores": (in_file("integrations.yaml", "issue_refund:", "issue__refund:"), "not a plain name"),
    "no window": (payment(idempotency={"meta": "k", "window_seconds": 0}), "greater than 0"),
    "naive time": (in_file("directory.yaml", "kid: sam-1", "kid: sam-1\n      not_after: 2030-01-01 00:00:00"), "timezone"),
    "short key": (person("sam", keys=[{"kid": "k", "x": "abc"}]), "String should match"),
    "syntax": (cedar("permit ("), "not readable as Cedar"),
    "unknown operation": (cedar('@id("x") forbid (principal, action == Action::"payments.wipe", resource);'), "wipe"),
    "unknown argument": (
        cedar(f'@id("x") {GATED} {COMMIT} when {{ context.input.amout_minor < 1 }};'),
        "amout_minor",
    ),
    "mistyped argument": (cedar(f'@id("x") {GATED} {COMMIT} when {{ context.input.amount_minor == "1" }};'), "type"),
    "no id": (cedar("forbid (principal, action, resource);"), "has no `@id`"),
    "empty id": (cedar('@id("") forbid (principal, action, resource);'), "has no `@id`"),
    "id twice": (cedar('@id("refund-small") forbid (principal, action, resource);'), "used twice"),
    "unknown annotation": (cedar('@id("x") @approves("sam") forbid (principal, action, resource);'), "not an annotation"),
    "forbid with a requirement": (cedar(f'@id("x") {GATED} forbid (principal, action, resource);'), "cannot carry"),
    "ungated commit": (cedar(f'@id("x") {COMMIT};'), "without `@requires`"),
    "ungated commit in a list": (cedar(f'@id("x") permit (principal is Mission, {IN_LIST}, resource);'), "without `@requires`"),
    "ungated everything": (cedar('@id("x") permit (principal, action, resource);'), "without `@requires`"),
    "ungated and never true": (cedar(f'@id("x") {COMMIT} when {{ false }};'), "without `@requires`"),
    "no expiry": (cedar(f'@id("x") @requires("support-lead: 1") {COMMIT};'), "needs `@expires`"),
    "expiry alone": (
        cedar(f'@id("x") @expires("1h") {READ};'),
        "means nothing",
    ),
    "requires nobody": (cedar(f'@id("x") @requires("") @expires("1h") {COMMIT};'), "not of the form"),
    "requires nobody of many": (cedar(f'@id("x") @requires("support-lead: 0") @expires("1h") {COMMIT};'), "not of the form"),
    "requires an unknown group": (cedar(f'@id("x") @requires("ceo: 1") @expires("1h") {COMMIT};'), "does not list"),
    "claimed is enough": (cedar(f'@id("x") @assurance("claimed") {GATED} {COMMIT};'), "`signed` or `attested`"),
    "template": (cedar(f'@id("x") {GATED} permit (principal == ?principal, action, resource);'), "templates"),
}


@pytest.mark.promise("H3")
@pytest.mark.parametrize("name", BROKEN)
def test_bundle_with_a_mistake_does_not_load(kit: Kit, name: str) -> None:
    """With the place and the reason; there is no partial bundle."""
    edit, why = BROKEN[name]
    with pytest.raises(BundleError) as error:
        load(kit.copy(name, edit))
    assert why in str(error.value)


def when(condition: str, before: str = "") -> str:
    """A policy with any condition."""
    return f'{before}@id("x") forbid (principal, action, resource) when {{ {condition} }};'


MANY = 20_000
DEEP = "(" * MANY + "true" + ")" * MANY
HOSTILE: dict[str, tuple[str, str]] = {
    "brackets": (when(DEEP), "nested deeper"),
    "brackets closed in a comment": (when(DEEP, "// " + ")" * MANY + "\n"), "nested deeper"),
    "brackets closed in a string": (when(DEEP, f'@description("{")" * MANY}")'), "nested deeper"),
    "negations": (when("!" * MANY + "true"), "repeated"),
    "negations around comments": (when("!//\n" * MANY + "true"), "repeated"),
    "conditions": (when("if true then true else " * MANY + "true"), "longer than"),
    "conditions in conditions": (when("if " * 600 + "true" + " then true else true" * 600), "nested too deep"),
    "a chain of operators": (when("true" + " && true" * MANY), "longer than"),
    "a shorter chain": (when("true" + " && true" * 600), "nested too deep"),
    "attributes": (when("principal" + ".a" * MANY), "longer than"),
}


@pytest.mark.promise("H4")
@pytest.mark.parametrize("name", HOSTILE)
def test_policy_text_that_would_exhaust_the_parser_does_not_load(kit: Kit, name: str) -> None:
    """Each of these, let through, ends the process."""
    content, why = HOSTILE[name]
    with pytest.raises(BundleError, match=why):
        load(kit.copy(f"hostile {name}", cedar(content)))


FILES = ["refund.cedar", "integrations.yaml", "directory.yaml", "contracts/payments.json", "notes.txt"]


def test_directory_that_is_no_bundle_is_named(tmp_path: Path) -> None:
    """The first thing a newcomer meets."""
    with pytest.raises(BundleError, match="is not a directory with a policy bundle"):
        load(tmp_path / "nowhere")


@pytest.mark.parametrize("name", FILES)
def test_every_file_counts_into_the_digest(kit: Kit, name: str) -> None:
    """A change that changes nothing else still changes the bundle."""

    def edit(root: Path) -> None:
        path = root / name
        path.write_text((path.read_text() if path.exists() else "") + "\n")

    assert kit.changed(f"newline in {name.replace('/', ' ')}", edit).digest != kit.bundle.digest


def test_directory_is_read_alone(kit: Kit) -> None:
    """As the gate does at every admission."""
    assert load_directory(kit.root) == kit.bundle.directory


DIRECTORIES: dict[str, tuple[Edit, str]] = {
    "service and person": (person("mission-worker"), "both a person and a service"),
    "principal of two": (person("lena", principals=["user:sam"]), "principal `user:sam` is listed twice"),
}


@pytest.mark.parametrize("name", DIRECTORIES)
def test_incoherent_directory_does_not_load(kit: Kit, name: str) -> None:
    """One name, one person."""
    edit, why = DIRECTORIES[name]
    with pytest.raises(BundleError) as error:
        load_directory(kit.copy(name, edit))
    assert why in str(error.value)


@pytest.mark.parametrize("holder", ["people", "services", "gates"])
@pytest.mark.parametrize("same", ["kid", "x"])
def test_key_of_two_holders_does_not_load(kit: Kit, holder: str, same: str) -> None:
    """Neither the id nor the key itself, under whatever name: it would let one person fill two rules."""
    sam = kit.signers["sam"].public()
    other = {"kid": "other", "x": kit.signers["stranger"].public().x, same: getattr(sam, same)}

    def change(directory: dict[str, Any]) -> None:
        entry = directory["gates"] if holder == "gates" else next(iter(directory[holder].values())).setdefault("keys", [])
        entry.append(other)

    with pytest.raises(BundleError, match="is listed twice"):
        load_directory(kit.copy(f"{holder} {same}", in_yaml("directory.yaml", change)))


def test_bundle_says_who_holds_a_key(kit: Kit) -> None:
    """People and services, never gates; gates apart."""
    directory = kit.bundle.directory
    holders = [directory.holder(kid) for kid in ("sam-1", "mission-worker-1", "gate-1")]
    assert [holder and holder[0] for holder in holders] == ["sam", "mission-worker", None]
    assert directory.gate("gate-1") == kit.signers["gate"].public()
    assert directory.gate("sam-1") is None


def test_drift_is_told_from_what_was_pinned(kit: Kit) -> None:
    """Name, description, schema; gone; never listed."""
    bundle: Bundle = kit.bundle
    pinned = bundle.catalogue.contracts["payments.issue_refund"]
    looser = json.loads(json.dumps(pinned.input_schema)) | {"additionalProperties": True}
    assert bundle.drift("payments.issue_refund", pinned).holds
    assert not bundle.drift("payments.issue_refund", pinned.model_copy(update={"input_schema": looser})).holds
    assert not bundle.drift("payments.issue_refund", None).holds
    assert not bundle.drift("payments.other", pinned).holds


def test_changed_copy_of_a_directory_has_a_digest_of_its_own() -> None:
    """pydantic copies what was computed before along with the fields."""
    directory = Directory(groups=("a",), people={})
    before = directory.digest
    changed = directory.model_copy(update={"groups": ("a", "b")})
    assert (changed.digest, directory.digest) == (Directory(groups=("a", "b"), people={}).digest, before)
