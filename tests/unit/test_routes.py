"""Model routes and OIDC subjects: what a bundle may say about them, and who heeds it. Source: docs/policies.md."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from activities.models import RULES, LiteLLMModels
from activities.prompted import Prompted
from approvals.changes import changes
from approvals.jws import Signer
from policies.errors import BundleError
from policies.load import load, load_directory, load_routes
from policies.routes import Route, Routes
from tests.fakes.kit import Edit, Kit, edit_yaml
from workers.cli.integration_sheets import list_text
from workers.cli.policy_sheets import check_text
from workers.errors import WrongUse
from workers.settings import Role, read

LOCAL = 'routes: {refund/assess: {model: a/one, perimeter: inside, endpoint: "http://127.0.0.1:8/v1"}}\n'
SPARE = Route(model="b/two", perimeter="outside")


def models(text: str) -> Edit:
    """Replaces `models.yaml`."""

    def edit(root: Path) -> None:
        (root / "models.yaml").write_text(text)

    return edit


BROKEN = {
    "no perimeter": ('routes: {"*": {model: a/b}}', "perimeter"),
    "strange perimeter": ('routes: {"*": {model: a/b, perimeter: near}}', "perimeter"),
    "unknown key": ('routes: {"*": {model: a/b, perimeter: inside, key: x}}', "key"),
    "no model": ('routes: {"*": {model: "", perimeter: inside}}', "model"),
    "no purpose": ("routes: {Refund: {model: a/b, perimeter: inside}}", "is no purpose"),
    "no url": ('routes: {"*": {model: a, perimeter: inside, endpoint: localhost}}', "is not a URL"),
    "a secret": ('routes: {"*": {model: a, perimeter: inside, endpoint: "https://me:pw@h/v1"}}', "goes into the environment"),
    "a list": ("[]", "models.yaml"),
}


@pytest.mark.promise("H3")
@pytest.mark.parametrize("name", BROKEN)
def test_models_with_a_mistake_do_not_load(kit: Kit, name: str) -> None:
    """As every file of a bundle."""
    text, why = BROKEN[name]
    with pytest.raises(BundleError, match=why):
        load(kit.copy(f"models {name}", models(text)))


def test_route_is_the_purposes_own_else_the_one_for_any(kit: Kit) -> None:
    """No file, no routes."""
    routes = Routes(routes={"*": SPARE, "refund/assess": Route(model="a/one", perimeter="inside")})
    assert [found and found.model for found in map(routes.route, ("refund/assess", "other"))] == ["a/one", "b/two"]
    assert Routes().route("other") is None
    assert load_routes(kit.copy("no models", lambda root: (root / "models.yaml").unlink())) == Routes()
    bundle = kit.changed("one model", models(LOCAL))
    assert bundle.models.routes["refund/assess"].endpoint == "http://127.0.0.1:8/v1"
    assert bundle.digest != kit.bundle.digest


class FakeCompletions:
    """litellm, as far as it is asked."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, models: LiteLLMModels) -> None:
        self.asked: list[tuple[str, str | None]] = []
        monkeypatch.setattr(models._litellm, "acompletion", self.acompletion)

    async def acompletion(self, *, model: str, api_base: str | None, **_: Any) -> Any:
        """Remembers who was asked and where."""
        self.asked.append((model, api_base))
        message = type("Message", (), {"content": "{}"})
        return type("Answer", (), {"choices": [type("Choice", (), {"message": message})]})


@pytest.mark.parametrize(
    ("set_by_hand", "routes", "asked"),
    [
        ("c/three", Routes(routes={"*": SPARE}), ("c/three", None)),
        (None, Routes(routes={"*": SPARE}), ("b/two", None)),
        (
            None,
            Routes(routes={"refund/assess": Route(model="a/one", endpoint="http://h/v1", perimeter="inside")}),
            ("a/one", "http://h/v1"),
        ),
        (None, Routes(routes={"other": SPARE}), (RULES, None)),
        (None, Routes(), (RULES, None)),
    ],
)
async def test_model_is_the_variables_else_the_routes_else_the_rules(
    monkeypatch: pytest.MonkeyPatch, set_by_hand: str | None, routes: Routes, asked: tuple[str, str | None]
) -> None:
    """In that order, and the answer names who gave it."""
    using = LiteLLMModels(set_by_hand, routes)
    fake = FakeCompletions(monkeypatch, using)
    answer = await using.complete(Prompted("refund/assess", ({"role": "user", "content": "{}"},), schema={}))
    assert fake.asked == [asked]
    assert (answer.model, answer.rule_based) == (asked[0], asked[0] == RULES)


def test_reason_role_may_be_given_a_bundle(tmp_path: Path) -> None:
    """It works without; where one is named, it is there."""
    assert (
        read(
            [Role.REASON],
            {
                "SAYSO_ENCRYPTION": "off",
                "SAYSO_PAYLOAD_STORE": "off",
            },
        ).policies
        is None
    )
    assert (
        read([Role.REASON], {"SAYSO_ENCRYPTION": "off", "SAYSO_PAYLOAD_STORE": "off", "SAYSO_POLICIES": str(tmp_path)}).policies
        == tmp_path
    )
    with pytest.raises(WrongUse, match="where no directory is"):
        read([Role.REASON], {"SAYSO_ENCRYPTION": "off", "SAYSO_PAYLOAD_STORE": "off", "SAYSO_POLICIES": "/nowhere"})


def directory(change: Callable[[dict[str, Any]], None]) -> Edit:
    """Changes `directory.yaml`."""
    return lambda root: edit_yaml(root / "directory.yaml", change)


def signed_in(content: dict[str, Any], **subjects: list[str]) -> None:
    """People with subjects at an issuer."""
    content["oidc"] = {"issuer": "https://login.example", "principal_type": "jwt"}
    for who, listed in subjects.items():
        content["people"][who]["subjects"] = listed


def test_subject_of_the_issuer_is_its_person(kit: Kit) -> None:
    """As a principal of the issuer's type, and of no other."""
    found = load_directory(kit.copy("oidc", directory(lambda content: signed_in(content, sam=["s-1", "s-2"], fay=["f"]))))
    assert [found.person_of(name) for name in ("jwt:s-2", "jwt:f", "user:s-2", "s-2", "jwt:", "user:sam")] == [
        "sam",
        "fay",
        None,
        None,
        None,
        "sam",
    ]


SUBJECTS: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "without an issuer": (lambda content: content["people"]["sam"].update(subjects=["s"]), "has no meaning without `oidc`"),
    "of two people": (lambda content: signed_in(content, sam=["s"], fay=["s"]), "principal `jwt:s` is listed twice"),
    "and principal": (
        lambda content: signed_in(content["people"]["fay"].update(principals=["jwt:s"]) or content, sam=["s"]),
        "principal `jwt:s` is listed twice",
    ),
    "empty": (lambda content: signed_in(content, sam=[""]), "a subject is empty"),
}


@pytest.mark.parametrize("name", SUBJECTS)
def test_incoherent_subject_does_not_load(kit: Kit, name: str) -> None:
    """One subject, one person."""
    change, why = SUBJECTS[name]
    with pytest.raises(BundleError, match=why):
        load_directory(kit.copy(f"subject {name}", directory(change)))


def test_diff_shows_routes_sign_in_and_subjects(kit: Kit) -> None:
    """Each is somebody's to review."""

    def edit(root: Path) -> None:
        models(LOCAL)(root)
        directory(lambda content: signed_in(content, sam=["s-1"]))(root)

    found = {
        (each.kind, each.name, each.what): each.new for each in changes(kit.bundle, kit.changed("all", edit), Signer.generate)
    }
    assert found == {
        ("route", "refund/assess", ""): "model: a/one, endpoint: http://127.0.0.1:8/v1, perimeter: inside",
        ("sign-in", "oidc", ""): "issuer: https://login.example, principal_type: jwt",
        ("person", "sam", "subjects"): "s-1",
    }


def test_transport_is_the_one_there_is(kit: Kit) -> None:
    """Another does not load."""
    edit: Edit = lambda root: edit_yaml(  # noqa: E731
        root / "integrations.yaml", lambda content: content["integrations"]["orders"].update(transport="stdio")
    )
    assert kit.bundle.catalogue.integrations["orders"].transport == "streamable-http"
    with pytest.raises(BundleError, match="transport"):
        load(kit.copy("transport", edit))


FALLBACK = "routes: {a: {model: a/b, perimeter: outside, %s}}\n"
WRONG = {
    "allows inside": ('routes: {"*": {model: a/b, perimeter: inside, allows: [pii]}}', "one inside is told everything"),
    "a class that is none": (FALLBACK % "allows: [PII]", "is no name of a data class"),
    "prices of nothing": (FALLBACK % "prices: {input_micros_per_1k: 1, output_micros_per_1k: 1}", "no `currency` says of what"),
    "too patient": (FALLBACK % "limits: {timeout_seconds: 1000}", "timeout_seconds"),
    "fallback of a fallback": (FALLBACK % "fallbacks: [{model: c, perimeter: inside, fallbacks: []}]", "fallbacks"),
    "many": (FALLBACK % f"fallbacks: [{', '.join(['{model: c, perimeter: inside}'] * 9)}]", "fallbacks"),
    "ajar": ("perimeter: ajar", "perimeter"),
}


@pytest.mark.promise("H3")
@pytest.mark.parametrize("name", WRONG)
def test_route_that_says_what_makes_no_sense_does_not_load(kit: Kit, name: str) -> None:
    """Nobody would notice otherwise."""
    text, why = WRONG[name]
    with pytest.raises(BundleError, match=why):
        load(kit.copy(f"models {name}", models(text)))


def test_diff_and_check_show_fallbacks_classes_and_a_closed_perimeter(kit: Kit) -> None:
    """What may be told to whom is a reviewer's to see."""
    inside = 'endpoint: "http://127.0.0.1:8/v1", perimeter: inside'
    text = f"perimeter: closed\nroutes: {{a: {{model: a/one, {inside}, fallbacks: [{{model: a/two, {inside}}}]}}}}\n"

    def edit(root: Path) -> None:
        models(text)(root)
        edit_yaml(
            root / "integrations.yaml",
            lambda content: content["integrations"]["orders"]["operations"]["get_case"].update(classes={"text": "pii"}),
        )

    changed = kit.changed("shown", edit)
    found = {(each.kind, each.name, each.what): each.new for each in changes(kit.bundle, changed, Signer.generate)}
    assert found["route", "all models", ""] == "perimeter: closed"
    assert "fallback 1 model: a/two" in (found["route", "a", ""] or "")
    assert found["operation", "orders.get_case", "classes"] == "text is pii"
    told = check_text(Path("bundle"), changed, ())
    assert "the perimeter is closed: no model outside is asked" in told
    assert "fallback 1  a: a/two at http://127.0.0.1:8/v1, inside, told everything" in told
    assert "classed     orders.get_case text: pii" in told
    assert "text is pii" in list_text(changed.catalogue)
