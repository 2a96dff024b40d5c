"""
The activity of the read worker: one read of one integration, within the scope of the mission that asks.

Which mission that is, who owns it and what it was started for comes from the first event of its first run, as the server has
it.
"""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field, JsonValue
from temporalio import activity

from activities.actions import action_of, effect_of
from activities.calling import called, served
from activities.edge import here, mapped
from activities.errors import NeedsSayso, NotPermitted
from activities.heartbeat import beating
from activities.knowledge import passages
from activities.ports import Starts, Tokens, Tools
from activities.witness import Witness
from approvals.citation import Passage
from approvals.jws import Signer
from audit.continuation import origin_trouble
from audit.errors import AuditError
from audit.principals import principals_of
from audit.record import MissionRecord
from policies.action import Action, MissionRef
from policies.bundle import Bundle
from policies.catalogue import Effect
from policies.classes import classed
from policies.model import Recorded
from policies.ruling import Finding, Outcome

MAX_CLASSED = 2000
"""Values of one answer that are of a data class: so many can be remembered, and looked for, with every question."""


class ReadRequest(Recorded):
    """What to read."""

    operation: str
    arguments: dict[str, JsonValue]


class ReadResult(Recorded):
    """What the tool answered. `failed`: the tool says that it could not, and `result` says why."""

    operation: str
    result: JsonValue
    failed: bool = False
    sensitive: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """The values in it that the catalogue says are of a data class, by class; numbers as JSON writes them."""
    passages: tuple[Passage, ...] = ()
    """What a knowledge operation found: one for each entry of `passages` in its result, in that order."""
    signature: str | None = None
    """The worker's testimony over request and answer; without one, the answer is whoever's claim."""


class ReadActivities:
    """Runs on task queue `reads`, with read-scoped credentials and no others."""

    def __init__(self, bundle: Bundle, starts: Starts, tools: Tools, tokens: Tokens, signer: Signer | None = None) -> None:
        """
        Args:
            signer: The read worker's own key; without one, answers are not signed.
        """
        self._bundle = bundle
        self._starts = starts
        self._tools = tools
        self._tokens = tokens
        self._witness = Witness("read", signer)

    @activity.defn
    async def read(self, request: ReadRequest) -> ReadResult:
        """
        The tool's answer.

        Raises:
            ApplicationError: `NotPermitted` (final) with every reason, `NeedsSayso` (final) where people may permit it;
                `Misanswered` (final): a knowledge system's answer is not passages; `Unreachable` and `Lost` (retried).
        """
        with mapped():
            async with beating():
                return self._witness.signed(request, await self._read(request))

    async def _read(self, request: ReadRequest) -> ReadResult:
        record = await self._begun()
        action = self._action(request, record.started.mission)
        # As the server says, never as the request says: whose mission asks, and what it was started for.
        principals, _ = principals_of(record, self._bundle.directory)
        ruling = self._bundle.rule(action, principals, self._bundle.directory)
        if ruling.outcome is Outcome.GATE:
            raise NeedsSayso(action.operation)
        if ruling.outcome is not Outcome.ALLOW:
            raise NotPermitted("; ".join(ruling.reasons()))
        return await self._answer(action)

    async def _answer(self, action: Action) -> ReadResult:
        """What the live server answers, once it still is what was pinned."""
        catalogue = self._bundle.catalogue
        integration = catalogue.integrations[action.integration]
        operation = integration.operations[action.tool]
        token = await self._tokens.for_scope(integration, operation.scope or "")
        async with self._tools.open(integration, token) as session:
            drift = self._bundle.drift(action.operation, await served(session, catalogue, action))
            if not drift.holds:
                raise NotPermitted(drift.words)
            answer = await called(session, catalogue, action)
        cited = operation.knowledge and not answer.failed
        return ReadResult(
            operation=action.operation,
            result=answer.result,
            failed=answer.failed,
            sensitive=_sensitive(action.operation, answer.result, operation.classes),
            passages=passages(action.operation, dict(action.arguments), answer.result) if cited else (),
        )

    async def _begun(self) -> MissionRecord:
        where = here()
        try:
            record = await self._starts.read(where.mission_id, where.run_id)
        except AuditError as error:
            raise NotPermitted(f"nothing is read for a mission whose start cannot be read: {error}") from error
        trouble = origin_trouble(record.started, record.origin)
        if trouble is not None:
            raise NotPermitted(f"nothing is read for a mission whose start is in doubt: {trouble}")
        return record

    def _action(self, request: ReadRequest, mission: MissionRef) -> Action:
        catalogue = self._bundle.catalogue
        if effect_of(catalogue, request.operation) is Effect.COMMIT:
            raise NotPermitted(f"`{request.operation}` changes state; it leaves only through `self.commit` and the gate")
        action = action_of(catalogue, mission, step="read", operation=request.operation, arguments=request.arguments)
        if isinstance(action, Finding):
            raise NotPermitted(action.words)
        return action


def _sensitive(operation: str, result: JsonValue, classes: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """What the catalogue says of *result*. What could not be masked later is not read."""
    found = classed(result, classes)
    count = sum(len(values) for values in found.values())
    if count > MAX_CLASSED:
        most = f"at most {MAX_CLASSED} can be masked; ask it for less"
        raise NotPermitted(f"`{operation}` answers with {count} values of a data class, and {most}")
    return found
