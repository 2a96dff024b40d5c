"""An action: one operation with exact arguments, in one step of one mission run."""

from __future__ import annotations

import json

from pydantic import Field, JsonValue

from policies.canonical import MAX_INTEGER, Digest, digest
from policies.model import Recorded

MAX_ARGUMENTS = 8 * 1024
"""Bytes of arguments that a proposal may carry: they travel in a token request and in a token, and servers bound both."""

MAX_SCOPE = 50
MAX_SCOPE_TEXT = 500
"""Characters."""
MAX_OPERATIONS = 50


class MissionRef(Recorded):
    """Which mission run something belongs to, as the server names it."""

    namespace: str
    mission_type: str
    mission_id: str
    run_id: str
    first_execution_run_id: str


class Action(Recorded):
    """Everything that makes two calls the same call. Change any of it and it is another action."""

    mission: MissionRef
    step: str
    integration: str
    endpoint: str
    operation: str
    """Full name, `payments.issue_refund`."""
    contract: Digest
    arguments: dict[str, JsonValue]

    @property
    def digest(self) -> Digest:
        """Covers every field."""
        return digest("action", self.model_dump(mode="json"))

    @property
    def idempotency_key(self) -> Digest:
        """The same for every attempt at one step of one mission, over all its runs; computed by the gate alone."""
        return digest(
            "idempotency",
            {
                "namespace": self.mission.namespace,
                "mission_id": self.mission.mission_id,
                "first_execution_run_id": self.mission.first_execution_run_id,
                "step": self.step,
                "operation": self.operation,
                "arguments": dict(self.arguments),
            },
        )

    @property
    def sent_digest(self) -> Digest:
        """Of what is sent: operation and arguments."""
        return digest("sent", {"operation": self.operation, "arguments": dict(self.arguments)})

    @property
    def tool(self) -> str:
        """The tool's name on its server."""
        return self.operation.partition(".")[2]


class Principals(Recorded):
    """Whom a mission acts for, as far as the gate could verify it. None is unknown, and unknown satisfies no exclusion."""

    owner: str | None = None
    on_behalf_of: str | None = None
    scope: dict[str, str] = Field(default_factory=dict)
    """What the mission was started for; see `scope_of`. Proven by the signed start, so only as good as `owner`."""
    operations: tuple[str, ...] | None = None
    """All that the mission may read or commit, whatever policy permits it more; None: its start says nothing about it."""


def scope_of(given: JsonValue) -> dict[str, str]:
    """
    The top-level values of a mission's input as text, by name: strings as they are, integers and booleans as JSON.

    What is nested, not whole, null, or longer than MAX_SCOPE_TEXT is left out: a policy that asks for it finds nothing. An
    input of more than MAX_SCOPE such values has no scope at all, so that no order of keys decides which of them count.
    """
    texts = {name: _text(value) for name, value in given.items()} if isinstance(given, dict) else {}
    scope = {name: text for name, text in texts.items() if text is not None and len(name) <= MAX_SCOPE_TEXT}
    return scope if len(scope) <= MAX_SCOPE else {}


def operations_of(given: JsonValue) -> tuple[str, ...] | None:
    """
    The operations that a mission's input binds it to: its top-level `operations`; None where it has none.

    Anything but a list of at most MAX_OPERATIONS names binds it to nothing at all. It only takes away, so it counts as well
    where nobody signed it.
    """
    if not isinstance(given, dict) or "operations" not in given:
        return None
    listed = given["operations"]
    if not isinstance(listed, list) or len(listed) > MAX_OPERATIONS:
        return ()
    names = tuple(name for name in listed if isinstance(name, str) and len(name) <= MAX_SCOPE_TEXT)
    return names if len(names) == len(listed) else ()


def _text(value: JsonValue) -> str | None:
    match value:
        case str():
            return value if len(value) <= MAX_SCOPE_TEXT else None
        case bool() | int():
            # Longer than any integer that has a single form, and Python refuses to write the longest.
            return json.dumps(value) if abs(value) <= MAX_INTEGER else None
    return None
