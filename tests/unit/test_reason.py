"""What a mission may ask of the reason worker. Source: activities/reason.py."""

from __future__ import annotations

import pytest
from pydantic import JsonValue, TypeAdapter
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.prompted import ModelAnswer, Prompted
from activities.question import Reasoned, ReasonRequest
from activities.reason import MAX_ANSWER, MAX_SCHEMA, ReasonActivities
from activities.rule_model import assess
from workflows.refund import RefundFinding

FINDING = {"refundable": True, "amount_minor": 1, "reason": "late"}


class Model:
    """Answers what it was made with."""

    def __init__(self, text: str) -> None:
        self.text = text

    async def complete(self, prompted: Prompted) -> ModelAnswer:
        """The answer."""
        return ModelAnswer(text=self.text, model="model", rule_based=False)


async def asked(schema: JsonValue, text: str = "{}") -> Reasoned:
    """What the activity answers to a request for *schema*."""
    request = ReasonRequest.model_validate({"purpose": "refund/assess", "inputs": {}, "result_schema": schema})
    return await ActivityEnvironment().run(ReasonActivities(Model(text)).reason, request)


def _wide(depth: int) -> JsonValue:
    """A schema whose references double at each step."""
    steps: dict[str, JsonValue] = {f"d{n}": {"allOf": [{"$ref": f"#/$defs/d{n + 1}"}] * 2} for n in range(depth)}
    return {"$defs": {**steps, f"d{depth}": {"type": "object"}}, "$ref": "#/$defs/d0"}


UNFIT: dict[str, JsonValue] = {
    "elsewhere": {"$ref": "http://127.0.0.1:1/schema"},
    "elsewhere, hidden": {"properties": {"a": {"items": {"$ref": "file:///etc/passwd"}}}},
    "dynamic": {"$dynamicRef": "http://127.0.0.1:1/schema"},
    "pattern": {"type": "string", "pattern": "(a+)+$"},
    "patterns of names": {"patternProperties": {"(a+)+$": {}}},
    "large": {"description": "x" * MAX_SCHEMA},
    "itself": {"$ref": "#"},
    "around": {"$defs": {"a": {"items": {"$ref": "#/$defs/a"}}}, "$ref": "#/$defs/a"},
    "doubling": _wide(40),
}


@pytest.mark.parametrize("schema", UNFIT.values(), ids=UNFIT)
async def test_schema_that_fetches_or_works_for_ever_is_refused(schema: JsonValue) -> None:
    """Review M6: the mission chooses the schema, and this worker holds the model's credentials."""
    with pytest.raises(ApplicationError) as refused:
        await asked(schema)
    assert (refused.value.type, refused.value.non_retryable) == ("UnfitSchema", True)


async def test_schema_of_a_model_is_fit() -> None:
    """The control: what pydantic makes of a mission's own models, with a reference in it."""
    schema: JsonValue = {"$defs": {"F": TypeAdapter(RefundFinding).json_schema()}, "$ref": "#/$defs/F"}
    text = '{"refundable": true, "amount_minor": 1, "reason": "late"}'
    assert (await asked(schema, text)).result == FINDING


async def test_large_answer_is_misshapen() -> None:
    """A long answer to a wide schema is hours of work."""
    with pytest.raises(ApplicationError, match="answered with more"):
        await asked({"type": "string"}, '"' + "x" * MAX_ANSWER + '"')


async def test_error_names_no_key_that_the_model_made() -> None:
    """Where, in the mission's own names: a key of an answer may be what was masked."""
    schema: JsonValue = {"properties": {"paid": {"additionalProperties": {"items": {"type": "integer"}}}}}
    with pytest.raises(ApplicationError, match=r"answered another shape at `\$\.paid\.\*\[0\]`"):
        await asked(schema, '{"paid": {"Marguerite Duras": ["x"]}}')


def _assessed(days: int, *passages: str) -> dict[str, object]:
    order = {"days_since_delivery": days, "paid_minor": 4200, "currency": "EUR"}
    terms = {"passages": [{"text": text} for text in passages]}
    return assess({"order": order, "ticket": {"text": ""}, "terms": terms})


@pytest.mark.parametrize(("days", "refundable"), [(14, True), (15, False)])
def test_rules_take_the_window_from_the_terms(days: int, refundable: bool) -> None:
    """No second place says how long it is."""
    assert _assessed(days, "Other terms.", "The refund window is 14 days.")["refundable"] is refundable


def test_rules_find_nothing_due_without_a_window_in_the_terms() -> None:
    """What was not read is not assumed."""
    assert _assessed(1)["refundable"] is False
