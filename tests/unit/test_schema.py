"""Contracts as a Cedar schema, and arguments in the form that it types. Source: docs/decisions/0003-cedar.md."""

from __future__ import annotations

from typing import Any

import cedarpy
import pytest
from pydantic import JsonValue

from policies.contract import Contract
from policies.schema import ArgumentError, CedarSchema

PROPERTIES: dict[str, JsonValue] = {
    "count": {"type": "integer"},
    "price": {"type": "number"},
    "loud": {"type": "boolean"},
    "level": {"enum": ["low", "high"]},
    "tags": {"type": "array", "items": {"type": "string"}},
    "prices": {"type": "array", "items": {"type": "number"}},
    "who": {"type": "object", "properties": {"name": {"type": "string"}, "share": {"type": "number"}}, "required": ["name"]},
}


@pytest.fixture(scope="module")
def schema() -> CedarSchema:
    """One tool with every kind of argument."""
    tool = Contract(name="set", description="", input_schema={"type": "object", "properties": PROPERTIES})
    return CedarSchema({"things.set": tool})


def decided(schema: CedarSchema, condition: str, arguments: dict[str, JsonValue]) -> cedarpy.Decision:
    """Whether `permit … when condition` permits the call."""
    policy = f'permit (principal, action == Action::"things.set", resource) when {{ {condition} }};'
    assert cedarpy.validate_policies(policy, schema.text).validation_passed
    request: dict[str, Any] = {
        "principal": {"type": "Mission", "id": "m"},
        "action": {"type": "Action", "id": "things.set"},
        "resource": {"type": "Integration", "id": "things"},
        "context": schema.context("things.set", arguments),
    }
    mission = {"uid": request["principal"], "attrs": {"type": "refund"}, "parents": []}
    return cedarpy.is_authorized(request, policy, [mission], schema.text).decision


HOLDS: list[tuple[str, dict[str, JsonValue]]] = [
    ("context.input has count && context.input.count == 3", {"count": 3}),
    ('context.input has price && context.input.price.lessThan(decimal("98.7001"))', {"price": 98.7}),
    ('context.input has price && context.input.price.lessThan(decimal("98.7"))', {"price": 98}),
    ("context.input has loud && context.input.loud", {"loud": True}),
    ('context.input has tags && context.input.tags.contains("b")', {"tags": ["a", "b", "b"]}),
    ('context.input has prices && context.input.prices.contains(decimal("1.5"))', {"prices": [1.5, 2]}),
    ('context.input has who && context.input.who.name == "Ann"', {"who": {"name": "Ann"}}),
    (
        'context.input has who && context.input.who has share && context.input.who.share == decimal("0.5")',
        {"who": {"name": "Ann", "share": 0.5}},
    ),
]


@pytest.mark.parametrize(("condition", "arguments"), HOLDS)
def test_condition_over_arguments_is_decided(schema: CedarSchema, condition: str, arguments: dict[str, JsonValue]) -> None:
    """Integers, decimals, booleans, sets and records."""
    assert decided(schema, condition, arguments) is cedarpy.Decision.Allow
    assert decided(schema, condition, {}) is cedarpy.Decision.Deny


def test_value_of_an_enumeration_is_compared_as_written(schema: CedarSchema) -> None:
    """Enumerations become entities of their own."""
    context = schema.context("things.set", {"level": "high"})
    assert "high" in str(context["input"]["level"])


@pytest.mark.parametrize(
    ("arguments", "where"),
    [
        ({"more": 1}, "arguments.more"),
        ({"who": {"name": "Ann", "age": 3}}, "arguments.who.age"),
        ({"who": "Ann"}, "arguments.who"),
        ({"tags": "a"}, "arguments.tags"),
        ({"price": "98.7"}, "arguments.price"),
        ({"price": True}, "arguments.price"),
        ({"price": 0.00001}, "arguments.price"),
        ({"prices": [1, "2"]}, "arguments.prices"),
        ({"price": 1.23456}, "arguments.price"),
    ],
)
def test_argument_that_has_no_type_is_named(schema: CedarSchema, arguments: dict[str, JsonValue], where: str) -> None:
    """Unknown names and what policy could not compare."""
    with pytest.raises(ArgumentError, match=where):
        schema.context("things.set", arguments)
