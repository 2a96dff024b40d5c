"""
The trace context in Temporal's headers, sieved: of a header only one well-formed `traceparent` is let through.

Anyone with write access to the namespace writes headers. Temporal's interceptor decodes them inside the workflow: what cannot
be decoded would fail the workflow task again and again, for ever. And what the W3C formats carry beside ids, baggage and vendor
state, would be a way for text to travel from a mission to whoever an activity calls.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from temporalio import client, worker
from temporalio.api.common.v1 import Payload
from temporalio.worker import (
    ActivityInboundInterceptor,
    ExecuteActivityInput,
    ExecuteWorkflowInput,
    HandleQueryInput,
    HandleSignalInput,
    HandleUpdateInput,
    WorkflowInboundInterceptor,
    WorkflowInterceptorClassInput,
)

HEADER = "_tracer-data"
"""Where Temporal's interceptor puts it."""
MAX_HEADER = 1024
_PARENT = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-0[01]")


def traceparent(headers: Mapping[str, Payload]) -> str | None:
    """The W3C `traceparent` in *headers*; None where there is none that is one."""
    payload = headers.get(HEADER)
    if payload is None or payload.metadata.get("encoding") != b"json/plain" or len(payload.data) > MAX_HEADER:
        return None
    try:
        carried = json.loads(payload.data)
    except (ValueError, RecursionError):
        return None
    parent = carried.get("traceparent") if isinstance(carried, dict) else None
    return parent if isinstance(parent, str) and _PARENT.fullmatch(parent) else None


def sieved(headers: Mapping[str, Payload]) -> Mapping[str, Payload]:
    """*headers* with a trace context that can be read and holds nothing but ids, or with none."""
    if HEADER not in headers:
        return headers
    parent, others = traceparent(headers), {name: value for name, value in headers.items() if name != HEADER}
    if parent is None:
        return others
    data = json.dumps({"traceparent": parent}).encode()
    return {**others, HEADER: Payload(metadata={"encoding": b"json/plain"}, data=data)}


class Sieve(client.Interceptor, worker.Interceptor):
    """Stands before Temporal's interceptor. A client interceptor too, because workers take those of their client first."""

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        """Sieves what an activity is called with: the mission worker wrote it."""
        return _Activity(next)

    def workflow_interceptor_class(self, input: WorkflowInterceptorClassInput) -> type[WorkflowInboundInterceptor]:
        """Sieves what a workflow is started, signalled, asked and updated with."""
        return _Workflow


class _Activity(ActivityInboundInterceptor):
    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        input.headers = sieved(input.headers)
        return await super().execute_activity(input)


class _Workflow(WorkflowInboundInterceptor):
    async def execute_workflow(self, input: ExecuteWorkflowInput) -> Any:
        input.headers = sieved(input.headers)
        return await super().execute_workflow(input)

    async def handle_signal(self, input: HandleSignalInput) -> None:
        input.headers = sieved(input.headers)
        await super().handle_signal(input)

    async def handle_query(self, input: HandleQueryInput) -> Any:
        input.headers = sieved(input.headers)
        return await super().handle_query(input)

    def handle_update_validator(self, input: HandleUpdateInput) -> None:
        input.headers = sieved(input.headers)
        super().handle_update_validator(input)

    async def handle_update_handler(self, input: HandleUpdateInput) -> Any:
        input.headers = sieved(input.headers)
        return await super().handle_update_handler(input)
