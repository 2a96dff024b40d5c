"""An action: one operation with exact arguments, in one step of one mission run."""

from __future__ import annotations

from pydantic import JsonValue

from policies.canonical import Digest, digest
from policies.model import Recorded

MAX_ARGUMENTS = 8 * 1024
"""Bytes of arguments that a proposal may carry: they travel in a token request and in a token, and servers bound both."""


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
    def tool(self) -> str:
        """The tool's name on its server."""
        return self.operation.partition(".")[2]


class Principals(Recorded):
    """Whom a mission acts for, as far as the gate could verify it. None is unknown, and unknown satisfies no exclusion."""

    owner: str | None = None
    on_behalf_of: str | None = None
