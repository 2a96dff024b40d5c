"""
Tool servers, watched: one span a request under OpenTelemetry's conventions for MCP, with no argument and no result.

A session is opened outside the trace, so that the MCP library tells its server nothing of it. Where an operator wants tool
servers to know (`OTEL_PROPAGATORS`), a call carries our `traceparent`, and nothing else.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from opentelemetry import context, trace
from opentelemetry.trace import SpanKind
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from pydantic import JsonValue

from activities.ports import ToolAnswer, Tools, ToolSession
from policies.catalogue import Integration
from policies.contract import Contract
from workers.telemetry.instruments import OURS, Instruments
from workers.telemetry.stopwatch import CURRENT, aside, error_type

_tracer = trace.get_tracer(OURS)
_W3C = TraceContextTextMapPropagator()
_Attributes = dict[str, str | int]


@dataclass(frozen=True)
class MeasuredTools:
    """Sessions that are watched."""

    inner: Tools
    instruments: Instruments
    propagate: bool

    @asynccontextmanager
    async def open(self, integration: Integration, token: str) -> AsyncIterator[ToolSession]:
        """A watched session."""
        async with AsyncExitStack() as stack:
            outside = context.attach(context.Context())
            try:
                session = await stack.enter_async_context(self.inner.open(integration, token))
            finally:
                context.detach(outside)
            yield MeasuredSession(session, self, _where(integration.url))


@dataclass(frozen=True)
class MeasuredSession:
    """A session whose requests are watched."""

    inner: ToolSession
    tools: MeasuredTools
    where: _Attributes = field(repr=False)

    async def contract(self, tool: str) -> Contract | None:
        """As the inner one."""
        with self._request("tools/list", None):
            return await self.inner.contract(tool)

    async def template(self, resource: str) -> Contract | None:
        """As the inner one."""
        with self._request("resources/templates/list", None):
            return await self.inner.template(resource)

    async def read(self, uri: str, meta: dict[str, JsonValue]) -> ToolAnswer:
        """As the inner one. The URI holds arguments, and no span does."""
        with self._request("resources/read", None) as labels:
            answer = await self.inner.read(uri, {**meta, **self._parent()})
            if answer.failed:
                labels["error.type"] = "tool_error"
        return answer

    async def call(self, tool: str, arguments: dict[str, JsonValue], meta: dict[str, JsonValue]) -> ToolAnswer:
        """As the inner one."""
        with self._request("tools/call", tool) as labels:
            answer = await self.inner.call(tool, arguments, {**meta, **self._parent()})
            if answer.failed:
                labels["error.type"] = "tool_error"
        return answer

    def _parent(self) -> dict[str, JsonValue]:
        carrier: dict[str, str] = {}
        if self.tools.propagate:
            with aside():
                _W3C.inject(carrier)
        return {"traceparent": carrier["traceparent"]} if "traceparent" in carrier else {}

    @contextmanager
    def _request(self, method: str, tool: str | None) -> Iterator[dict[str, str]]:
        labels = {"mcp.method.name": method} | ({"gen_ai.tool.name": tool} if tool else {})
        told = self.where | labels | ({"gen_ai.operation.name": "execute_tool"} if tool else {})
        began, name = time.perf_counter(), f"{method} {tool}" if tool else method
        with _tracer.start_as_current_span(name, kind=SpanKind.CLIENT, attributes=told, record_exception=False) as span:
            try:
                yield labels
            except BaseException as error:
                labels["error.type"] = error_type(error)
                raise
            finally:
                if "error.type" in labels:
                    span.set_attribute("error.type", labels["error.type"])
                    span.set_status(trace.StatusCode.ERROR)
                with aside():
                    self._record(time.perf_counter() - began, labels)

    def _record(self, seconds: float, labels: dict[str, str]) -> None:
        watch, instruments = CURRENT.get(), self.tools.instruments
        instruments.tool_calls.record(seconds, labels)
        if watch is not None and watch.activity == "settle" and "gen_ai.tool.name" in labels:
            instruments.send.record(seconds, labels)


def _where(url: str) -> _Attributes:
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return {
        "server.address": parts.hostname or "",
        "server.port": port,
        "network.transport": "tcp",
        "network.protocol.name": "http",
    }
