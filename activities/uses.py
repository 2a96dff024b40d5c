"""
The once-only claims: one tiny workflow per proposal, whose id the engine gives out once.

`WorkflowIDReusePolicy.REJECT_DUPLICATE` is atomic and durable on the server, and holds after the workflow has closed. But
whoever may write to the namespace may also delete a workflow, or start one under that id first. So the claim is announced
in the mission's own history before anything is sent, and the first announcement there decides.

Source: docs/decisions/0006-single-use.md
"""

from __future__ import annotations

from pydantic import ValidationError
from temporalio.api.common.v1 import Payload
from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import Client
from temporalio.common import (
    SearchAttributeKey,
    SearchAttributePair,
    TypedSearchAttributes,
    WorkflowIDConflictPolicy,
    WorkflowIDReusePolicy,
)
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from activities.errors import AlreadyUsed
from activities.histories import fetch, unreachable
from activities.ports import Use
from approvals import attributes
from approvals.settlement import USED, Claim
from approvals.signed import Signed
from audit.payloads import json_of, open_events
from policies.canonical import Digest, parse
from policies.errors import CanonicalError

WORKFLOW = "use"
QUEUE = "commits"
RECORD = "record"

_APPROVERS = SearchAttributeKey.for_keyword_list(attributes.APPROVERS)


def use_id(digest: Digest) -> str:
    """Workflow id of the use of proposal *digest*."""
    return f"use/{digest}"


class ServerUses:
    """Uses as workflows of the client's namespace."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def find(self, digest: Digest) -> Use | None:
        """The use of proposal *digest*. Raises Unreachable."""
        try:
            stored = await fetch(self._client, use_id(digest))
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return None
            raise unreachable(error) from error
        events = await open_events(stored, self._client.data_converter.payload_codec)
        if not events:
            return None
        claims = [_signed(payload) for payload in events[0].workflow_execution_started_event_attributes.input.payloads]
        receipts = [signed for event in events for signed in _recorded(event)]
        return Use(claim=claims[0] if len(claims) == 1 else None, receipts=tuple(receipts))

    async def claim(self, digest: Digest, claim: Signed, approvers: tuple[str, ...]) -> None:
        """Takes the one workflow id, on the say-so of *approvers*. Raises AlreadyUsed, Unreachable."""
        try:
            await self._client.start_workflow(
                WORKFLOW,
                claim,
                id=use_id(digest),
                task_queue=QUEUE,
                id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
                id_conflict_policy=WorkflowIDConflictPolicy.FAIL,
                search_attributes=_said(approvers),
            )
        except WorkflowAlreadyStartedError as error:
            raise AlreadyUsed(f"the use of proposal `{digest}` is taken") from error
        except RPCError as error:
            raise unreachable(error) from error

    async def announce(self, claim: Signed) -> None:
        """Signals the claim to the mission run it is for. Raises Unreachable."""
        mission = Claim.model_validate(claim.body).mission
        try:
            await self._client.get_workflow_handle(mission.mission_id, run_id=mission.run_id).signal(USED, claim)
        except RPCError as error:
            raise unreachable(error) from error

    async def record(self, digest: Digest, receipt: Signed) -> None:
        """Puts the receipt into the use. Raises Unreachable."""
        try:
            await self._client.get_workflow_handle(use_id(digest)).signal(RECORD, receipt)
        except RPCError as error:
            raise unreachable(error) from error


def _said(approvers: tuple[str, ...]) -> TypedSearchAttributes:
    names = attributes.fitting(map(attributes.spelled, approvers))
    return TypedSearchAttributes([SearchAttributePair(_APPROVERS, names)])


def _recorded(event: HistoryEvent) -> list[Signed]:
    if event.event_type != EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED:
        return []
    payloads = event.workflow_execution_signaled_event_attributes.input.payloads
    return [signed for signed in map(_signed, payloads) if signed is not None]


def _signed(payload: Payload) -> Signed | None:
    data = json_of(payload)
    try:
        return Signed.model_validate(parse(data)) if data is not None else None
    except (ValidationError, CanonicalError):
        return None
