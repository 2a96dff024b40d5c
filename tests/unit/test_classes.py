"""Which values are of a data class: by paths of the catalogue, by marks of models. Source: docs/decisions/0024-models.md."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import pytest
from pydantic import BaseModel, JsonValue, TypeAdapter, ValidationError

from activities.conversation import chat
from activities.dialogue import Message, Speaker, ToolCall, chained
from activities.hearing import heard
from activities.read import ReadResult
from policies.classes import ClassPath, Sensitive, annotated, classed, text_of, united
from policies.errors import BundleError
from policies.finder import Finder
from policies.load import load
from policies.masking import Masks
from tests.fakes.kit import Edit, Kit, edit_yaml
from workflows.telling import told_read

RESULT: JsonValue = {
    "customer": {"email": "m@duras.example", "name": "Marguerite", "vip": True, "phone": None},
    "items": [{"iban": "DE89", "amount": 42.0}, {"iban": "DE90"}, {"amount": 7}],
    "rows": [["a", "b"], ["c"]],
}
FOUND: dict[str, tuple[str, ...]] = {
    "customer.email": ("m@duras.example",),
    "customer": ("m@duras.example", "Marguerite", "true"),
    "items[].iban": ("DE89", "DE90"),
    "items[].amount": ("42", "7"),
    "rows[][]": ("a", "b", "c"),
    "*.name": ("Marguerite",),
    "customer.*": ("m@duras.example", "Marguerite", "true"),
    "$": ("m@duras.example", "Marguerite", "true", "DE89", "42", "DE90", "7", "a", "b", "c"),
    "customer[].email": (),
    "nobody.here": (),
    "items.iban": (),
}


@pytest.mark.parametrize("path", FOUND)
def test_path_finds_values_and_what_is_not_there_is_nothing(path: str) -> None:
    """Numbers as JSON writes them; a class of an object is one of everything in it."""
    assert classed(RESULT, {path: "pii"}).get("pii", ()) == FOUND[path]


def test_result_that_is_text_is_read_as_json() -> None:
    """Tools without a structured result answer so."""
    assert classed('{"a": {"b": "c"}}', {"a.b": "pii"}) == {"pii": ("c",)}
    assert classed("only words", {"$": "pii", "a.b": "pii"}) == {"pii": ("only words",)}
    assert classed([{"a": 1}], {"[].a": "pii"}) == {"pii": ("1",)}


@pytest.mark.parametrize("path", ["", ".", "a.", ".a", "a..b", "a[0]", "a[", "a]", "a b", "$.a", "a[]b", "[].", "**"])
def test_path_with_a_syntax_error_is_none(path: str) -> None:
    """It would class nothing, and nobody would notice."""
    with pytest.raises(ValidationError, match="is no path"):
        TypeAdapter(ClassPath).validate_python(path)


class Person(BaseModel):
    """Somebody."""

    name: Annotated[str, Sensitive("pii")]
    city: str = "Saigon"


class Claim(BaseModel):
    """What somebody wants."""

    who: Person
    others: list[Person] = []
    by_role: dict[str, Person] = {}
    ibans: tuple[Annotated[str, Sensitive("bank")], ...] = ()
    mail: Annotated[str, Sensitive("pii")] | None = None
    amount: Annotated[Decimal, Sensitive("money")] = Decimal("1.50")
    notes: Annotated[dict[str, Any], Sensitive("pii")] = {}
    accounts: dict[Annotated[str, Sensitive("bank")], int] = {}


def test_marked_fields_are_found_wherever_they_stand_in_a_model() -> None:
    """In models in it, lists, mappings, unions and tuples; in the form that JSON has."""
    claim = Claim(
        who=Person(name="Ann"),
        others=[Person(name="Ben")],
        by_role={"boss": Person(name="Cleo")},
        ibans=("DE1", "DE2"),
        mail="a@b",
        notes={"x": ["y", 3]},
        accounts={"ACC-1": 5},
    )
    assert annotated(claim) == {
        "bank": ("DE1", "DE2", "ACC-1"),
        "money": ("1.50",),
        "pii": ("Ann", "Ben", "Cleo", "a@b", "y", "3"),
    }


def test_values_are_united_each_once() -> None:
    """In the order in which they came."""
    assert united({"pii": ("a", "b")}, {"pii": ("b", "c"), "bank": ("a",)}, {"none": ()}) == {
        "bank": ("a",),
        "pii": ("a", "b", "c"),
    }
    assert [text_of(leaf) for leaf in (1.0, 1, True, "", None, 1e22, -0.5)] == [
        "1",
        "1",
        "true",
        None,
        None,
        "10000000000000000000000",
        "-0.5",
    ]


def catalogue(listed: list[str], classes: dict[str, str]) -> Edit:
    """Classes of the customers' cases."""

    def change(content: dict[str, Any]) -> None:
        content["classes"] = listed
        content["integrations"]["orders"]["operations"]["get_case"]["classes"] = classes

    return lambda root: edit_yaml(root / "integrations.yaml", change)


MISTAKES = {
    "typo in a class": (catalogue(["pii"], {"text": "pi"}), "classes `text` as `pi`, which is not listed"),
    "typo in a path": (catalogue(["pii"], {"text.": "pii"}), "is no path"),
    "a name that is none": (catalogue(["PII"], {}), "is no name of a data class"),
}


@pytest.mark.promise("H3")
@pytest.mark.parametrize("name", MISTAKES)
def test_class_with_a_mistake_does_not_load(kit: Kit, name: str) -> None:
    """What is classed wrongly is not masked."""
    edit, why = MISTAKES[name]
    with pytest.raises(BundleError, match=why):
        load(kit.copy(f"classes {name}", edit))


@pytest.mark.promise("H3")
def test_route_that_allows_a_class_nobody_listed_does_not_load(kit: Kit) -> None:
    """Whoever writes `allows` means a class that there is."""

    def edit(root: Path) -> None:
        catalogue(["pii"], {"text": "pii"})(root)
        (root / "models.yaml").write_text('routes: {"*": {model: a/b, perimeter: outside, allows: [pi]}}')

    with pytest.raises(BundleError, match=r"`\*` allows `pi`, which `integrations.yaml` does not list"):
        load(kit.copy("allows", edit))


FORMS = {
    "an accent apart": "Jose\u0301 Ruiz",
    "half a character": "x\ud800yz",
    "one that looks written": '"Jose\\u0301"',
    "plain": 'a"b\\',
}


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("inner", [False, True])
def test_every_value_can_be_digested_and_is_found_again(name: str, inner: bool) -> None:
    """Whoever wrote it: it is signed over, kept in transcripts, and masked in each form that our own code gives it."""
    result: JsonValue = {"name": FORMS[name]}
    sensitive = classed(json.dumps(result) if inner else result, {"name": "pii"})
    call = ToolCall(id="1", operation="orders.get_case", arguments={})
    message = told_read(call, ReadResult(operation=call.operation, result=result, sensitive=sensitive))
    assert chained(None, [message]) and classed(result, {"name": "pii"}) == sensitive
    said = Message(speaker=Speaker.MODEL, text=heard(f"I write to {FORMS[name]}."))
    messages = chat("", (message, said))
    masks = Masks.over(sensitive, [dict(each) for each in messages], "run-1")
    sent = json.dumps([masks.masked(dict(each)) for each in messages])
    assert sent.count(masks.tag) == 2 and Finder(sensitive).occurring(message.text)


def test_text_that_is_too_deep_is_of_the_class_as_a_whole() -> None:
    """Too deep to be parsed, or just not and too deep to be walked: nothing is raised, and nothing is left out."""
    for depth in range(800, 1000):
        text = '{"name": ' + "[" * depth + '"DE89"' + "]" * depth + "}"
        assert classed(text, {"name": "pii"}) in ({"pii": ("DE89",)}, {"pii": (text,)})
