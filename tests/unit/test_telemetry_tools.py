"""What tool servers are told of a trace: nothing, unless an operator says so. Source: docs/decisions/0015-telemetry.md."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags
from pydantic import JsonValue

from activities.errors import Lost
from activities.ports import ToolAnswer
from policies.catalogue import Integration
from policies.contract import Contract
from workers.telemetry.instruments import Instruments
from workers.telemetry.measured_tools import MeasuredTools

PARENT = SpanContext(0xABC, 0xDEF, is_remote=True, trace_flags=TraceFlags(TraceFlags.SAMPLED))
SERVER = Integration(url="http://orders:7811/mcp", resource="http://orders:7811/mcp", operations={})


@dataclass
class Heard:
    """Tools, and a session, that note what they are told."""

    opened_in: list[bool] = field(default_factory=list)
    metas: list[dict[str, JsonValue]] = field(default_factory=list)
    lost: bool = False

    @asynccontextmanager
    async def open(self, integration: Integration, token: str) -> AsyncIterator[Heard]:
        """A session; whether it is opened inside a trace is noted."""
        self.opened_in.append(trace.get_current_span().get_span_context().is_valid)
        yield self

    async def contract(self, tool: str) -> Contract | None:
        """None."""
        return None

    async def call(self, tool: str, arguments: dict[str, JsonValue], meta: dict[str, JsonValue]) -> ToolAnswer:
        """Notes what goes beside the arguments."""
        self.metas.append(meta)
        if self.lost:
            raise Lost("a tool", "gone")
        return ToolAnswer(result=None, failed=False)


async def _called(heard: Heard, *, propagate: bool) -> None:
    tools = MeasuredTools(heard, Instruments([], Resource({})), propagate)
    with trace.use_span(NonRecordingSpan(PARENT)):
        async with tools.open(SERVER, "token") as session:
            assert trace.get_current_span().get_span_context() == PARENT
            await session.call("get_order", {"order_id": "1"}, {"idempotency-key": "k"})


async def test_tool_server_is_not_told_the_trace() -> None:
    """The MCP client would send it by itself: its session is opened outside of the trace."""
    heard = Heard()
    await _called(heard, propagate=False)
    assert (heard.opened_in, heard.metas) == ([False], [{"idempotency-key": "k"}])


async def test_tool_server_is_told_the_trace_where_an_operator_says_so() -> None:
    """Its ids, and nothing else."""
    heard = Heard()
    await _called(heard, propagate=True)
    (meta,) = heard.metas
    assert (heard.opened_in, set(meta)) == ([False], {"idempotency-key", "traceparent"})
    assert str(meta["traceparent"]).startswith(f"00-{0xABC:032x}-")


async def test_what_went_wrong_goes_on() -> None:
    """A watched session raises what the session raises."""
    with pytest.raises(Lost):
        await _called(Heard(lost=True), propagate=False)
