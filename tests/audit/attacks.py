"""Named attacks on a recorded mission: what somebody would change who wanted to, and not only anything at all."""

from __future__ import annotations

import base64
import copy
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tests.audit.attacker import Event, Loot
from tests.audit.mutations import renumbered

SIGNALED = "EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED"
COMPLETED = "EVENT_TYPE_ACTIVITY_TASK_COMPLETED"
SCHEDULED = "EVENT_TYPE_ACTIVITY_TASK_SCHEDULED"
MARKER = "EVENT_TYPE_MARKER_RECORDED"
Attack = Callable[[Loot], Loot]


def content(payload: Mapping[str, str]) -> Any:
    """The JSON in *payload*."""
    return json.loads(base64.b64decode(payload["data"]))


def put(payload: dict[str, str], value: object) -> None:
    """*value* as the JSON in *payload*."""
    payload["data"] = base64.b64encode(json.dumps(value).encode()).decode()


def payloads(event: Event) -> list[dict[str, str]]:
    """Input of a signal or an activity, or an activity's result."""
    attributes = next(value for key, value in event.items() if key.endswith("EventAttributes"))
    found: list[dict[str, str]] = (attributes.get("input") or attributes.get("result"))["payloads"]
    return found


def named(events: list[Event], kind: str, wanted: str = "") -> list[int]:
    """The places of the events of *kind*: signals by their name, scheduled and completed activities by theirs."""
    return [index for index, event in enumerate(events) if event["eventType"] == kind and _name(events, event) in ("", wanted)]


def _name(events: list[Event], event: Event) -> str:
    match event["eventType"]:
        case "EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED":
            return str(event["workflowExecutionSignaledEventAttributes"]["signalName"])
        case "EVENT_TYPE_ACTIVITY_TASK_SCHEDULED":
            return str(event["activityTaskScheduledEventAttributes"]["activityType"]["name"])
        case "EVENT_TYPE_ACTIVITY_TASK_COMPLETED":
            cause = int(event["activityTaskCompletedEventAttributes"]["scheduledEventId"])
            return _name(events, events[cause - 1])
    return ""


def editing(kind: str, wanted: str, change: Callable[[Any], object], which: int = 0) -> Attack:
    """Changes what the *which*-th such event holds."""

    def attack(loot: Loot) -> Loot:
        events = copy.deepcopy(loot.events)
        (payload,) = payloads(events[named(events, kind, wanted)[which]])
        put(payload, change(content(payload)))
        return loot.holding(events)

    return attack


def dropping(kind: str, wanted: str, which: int = 0) -> Attack:
    """Leaves the *which*-th such event out, and numbers the rest anew."""

    def attack(loot: Loot) -> Loot:
        events = loot.events
        index = named(events, kind, wanted)[which]
        return loot.holding(renumbered(events[:index] + events[index + 1 :], index + 1, -1))

    return attack


def inserting(kind: str, wanted: str, change: Callable[[Any], object]) -> Attack:
    """Puts a changed copy of the first such event after it, and numbers the rest anew."""

    def attack(loot: Loot) -> Loot:
        events = copy.deepcopy(loot.events)
        index = named(events, kind, wanted)[0]
        extra = copy.deepcopy(events[index])
        (payload,) = payloads(extra)
        put(payload, change(content(payload)))
        changed = [*events[: index + 1], extra, *events[index + 1 :]]
        return loot.holding(renumbered(changed, index + 2, 1, since=index + 2))

    return attack


def timing(kind: str, wanted: str, at: str) -> Attack:
    """Says that the first such event was at another time."""

    def attack(loot: Loot) -> Loot:
        events = copy.deepcopy(loot.events)
        events[named(events, kind, wanted)[0]]["eventTime"] = at
        return loot.holding(events)

    return attack


def swapping(kind: str, wanted: str, by: int = 1) -> Attack:
    """Lets the first such event and one *by* places later change places."""

    def attack(loot: Loot) -> Loot:
        events = copy.deepcopy(loot.events)
        index = named(events, kind, wanted)[0]
        events[index], events[index + by] = events[index + by], events[index]
        events[index]["eventId"], events[index + by]["eventId"] = str(index + 1), str(index + by + 1)
        return loot.holding(events)

    return attack


def within(*path: str | int, to: object) -> Callable[[Any], object]:
    """Sets the value at *path*."""

    def change(value: Any) -> object:
        node = value
        for key in path[:-1]:
            node = node[key]
        node[path[-1]] = to
        return value

    return change


def _forged(token: str) -> str:
    head, _, tail = str(token).partition(".")
    body = json.loads(base64.urlsafe_b64decode(tail.split(".")[0] + "=="))
    body["verdict"] = "approve" if body["verdict"] != "approve" else "deny"
    return ".".join([head, base64.urlsafe_b64encode(json.dumps(body).encode()).decode().rstrip("="), tail.split(".")[1]])


_BOUND = ("answers", "receipts", "uses")
"""Signed over the events before: the gate's proposals, settlements and announcements, and its receipts."""


@dataclass(frozen=True)
class Named:
    """One attack, on one story, with the checks that notice it when everything else was made to fit."""

    story: str
    attack: Attack
    noticed_by: tuple[str, ...]


ATTACKS: dict[str, Named] = {
    "what an approver said": Named("refunded", editing(SIGNALED, "decide", _forged), _BOUND),
    "when an approver said it": Named("refunded", timing(SIGNALED, "decide", "2026-01-01T00:00:00Z"), _BOUND),
    "an approval dropped": Named("refunded", dropping(SIGNALED, "decide"), _BOUND),
    "a denial dropped": Named("denied", dropping(SIGNALED, "decide"), ("answers", "ends")),
    "a denial turned round": Named("denied", editing(SIGNALED, "decide", _forged), ("answers", "ends")),
    "a late denial dropped": Named("denied-late", dropping(SIGNALED, "decide", 1), ("answers",)),
    "a revocation dropped": Named("revoked", dropping(SIGNALED, "decide", 1), ("answers", "ends")),
    "an approval put in": Named("large", inserting(SIGNALED, "decide", _forged), _BOUND),
    "approvals in another order": Named("refused-malformed-then-approved", swapping(SIGNALED, "decide"), _BOUND),
    "a malformed decision dropped": Named("refused-malformed-then-approved", dropping(SIGNALED, "decide"), _BOUND),
    "what was asked for": Named("refunded", editing(SCHEDULED, "propose", within("arguments", "amount_minor", to=1)), _BOUND),
    "what was proposed": Named(
        "refunded",
        editing(COMPLETED, "propose", within("body", "action", "arguments", "amount_minor", to=1)),
        ("answers", "uses"),
    ),
    "whose money it is about": Named(
        "refunded", editing(COMPLETED, "propose", within("body", "principals", "owner", to="dora")), ("answers", "uses")
    ),
    "what the requirement was": Named(
        "large", editing(COMPLETED, "propose", within("body", "requirement", "rules", to=[])), ("answers", "uses")
    ),
    "what was read": Named(
        "refunded",
        editing(COMPLETED, "read", within("result", "text", to="all is well")),
        ("answers", "receipts", "uses", "witnesses"),
    ),
    "what the model said": Named(
        "refunded",
        editing(COMPLETED, "reason", within("result", "amount_minor", to=1)),
        ("answers", "receipts", "uses", "witnesses"),
    ),
    "what the model was asked": Named(
        "refunded",
        editing(SCHEDULED, "reason", within("purpose", to="refund/approve")),
        ("answers", "receipts", "uses", "witnesses"),
    ),
    "what the mission observed": Named("refunded", dropping(MARKER, ""), _BOUND),
    "what the gate decided": Named(
        "denied", editing(COMPLETED, "settle", within("body", "kind", to="expired")), ("answers", "ends")
    ),
    "who counted": Named(
        "denied", editing(COMPLETED, "settle", within("body", "votes", 0, "who", to="lena")), ("answers", "ends")
    ),
    "what came back": Named(
        "refunded", editing(COMPLETED, "settle", within("body", "receipt", "body", "result", to={})), ("answers",)
    ),
    "whether it was done": Named(
        "refunded", editing(COMPLETED, "settle", within("body", "receipt", "body", "failed", to=True)), ("answers",)
    ),
    "the receipt left out": Named("refunded", editing(COMPLETED, "settle", within("body", "receipt", to=None)), ("answers",)),
    "the announcement dropped": Named("refunded", dropping(SIGNALED, "used"), ("receipts",)),
    "the announcement changed": Named("refunded", editing(SIGNALED, "used", within("body", "item", to=1)), ("receipts",)),
    "one item of a batch dropped": Named("batch", dropping(SIGNALED, "used", 1), _BOUND),
    "what an approver changed": Named(
        "amended-then-approved", editing(SIGNALED, "decide", _forged), ("answers", "ends", "receipts", "uses")
    ),
    "what people found": Named("unknown-then-done", editing(SIGNALED, "decide", _forged, 1), ("answers", "ends")),
    "that it was unknown": Named(
        "unknown-then-done", editing(COMPLETED, "settle", within("body", "kind", to="denied")), ("answers", "ends")
    ),
    "why policy forbade it": Named("forbidden", editing(COMPLETED, "propose", within("body", "findings", to=[])), ("answers",)),
    "who started it": Named("refunded", editing(COMPLETED, "propose", within("digest", to="0" * 64)), ("answers", "uses")),
}
"""By what they change. Each goes on with the exporter's key in the attacker's hand."""
