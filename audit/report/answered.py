"""What the mission was given: reads, and what a model said. Who signed each, or that nobody did."""

from __future__ import annotations

from pydantic import JsonValue

from approvals.testimony import SIGNATURE
from audit.record import Completed
from audit.report.parts import ReadPart, Work
from audit.report.pieces import Who
from audit.report.values import value_of
from audit.verification.material import Material
from audit.witnesses import witness_of

UNREAD = "what cannot be read"


def reads(material: Material) -> list[ReadPart]:
    """Every read that was answered, in order."""
    return [_read(done, material) for done in material.record.completed if done.activity == "read"]


def answers(material: Material) -> list[ReadPart]:
    """Every answer of a model, in order."""
    return [_reasoned(done, material) for done in material.record.completed if done.activity == "reason"]


def works(material: Material) -> list[Work]:
    """When a gate was asked, and had answered, whoever did so in its place."""
    done = (each for each in material.record.completed if each.activity in ("propose", "settle"))
    return [Work(each.event_id, each.scheduled_at, each.at, each.activity) for each in done]


def _read(done: Completed, material: Material) -> ReadPart:
    asked, answer = _object(done.input), _object(done.result)
    return _part(
        done, material, str(asked.get("operation") or UNREAD), "", asked.get("arguments"), answer.get("failed") is True
    )


def _reasoned(done: Completed, material: Material) -> ReadPart:
    asked, answer = _object(done.input), _object(done.result)
    named = str(answer.get("model") or "an unnamed model")
    model = f"{named}: rules, no model was asked" if answer.get("rule_based") is True else named
    inputs = asked.get("inputs")
    given: JsonValue = [*sorted(inputs)] if isinstance(inputs, dict) else None
    return _part(done, material, str(asked.get("purpose") or UNREAD), model, given, False)


def _part(done: Completed, material: Material, what: str, model: str, asked: JsonValue, failed: bool) -> ReadPart:
    where = f"event {done.event_id} in history.json"
    service = witness_of(done, material.record, material.trust)
    known = material.trust.services.get(service or "")
    sealed = {done.event_id, done.scheduled_event} & material.sealed_events
    return ReadPart(
        event=done.event_id,
        asked_at=done.scheduled_at,
        at=done.at,
        what=what,
        model=model,
        asked=value_of(asked, where),
        by=Who(service, "signed", known.name if known else "") if service else Who("the mission's record", "claimed"),
        failed=failed,
        sealed=bool(sealed),
        answer=value_of(_answer(done.result), where),
        digest=done.result_digest,
        size=done.result_size,
    )


def _answer(result: JsonValue) -> JsonValue:
    """What was answered; without the frame around it, where it has one."""
    if not isinstance(result, dict):
        return result
    return result["result"] if "result" in result else {key: value for key, value in result.items() if key != SIGNATURE}


def _object(value: JsonValue) -> dict[str, JsonValue]:
    return value if isinstance(value, dict) else {}
