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
from activities.ports import ToolAnswer, Use
from approvals.signed import Kind, Signed
from policies.canonical import Digest
from policies.catalogue import Integration
from policies.contract import Contract
from workers.telemetry.instruments import Instruments
from workers.telemetry.measured_gate import MeasuredUses
from workers.telemetry.measured_tools import MeasuredTools
from workers.telemetry.stopwatch import CURRENT, Watch

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

    async def template(self, resource: str) -> Contract | None:
        """None."""
        return None

    async def read(self, uri: str, meta: dict[str, JsonValue]) -> ToolAnswer:
        """Notes what goes beside the URI."""
        self.metas.append(meta)
        return ToolAnswer(result=None, failed=False)

    async def call(self, tool: str, arguments: dict[str, JsonValue], meta: dict[str, JsonValue]) -> ToolAnswer:
        """Notes what goes beside the arguments."""
        self.metas.append(meta)
        if self.lost:
            raise Lost("a tool", "gone")
        return ToolAnswer(result=None, failed=False)


CLAIM = Signed(kind=Kind.CLAIM, body={}, digest=Digest("0" * 64), jws="")


@dataclass
class Announced:
    """Uses that note what is announced, and nothing else."""

    announced: list[Signed] = field(default_factory=list)

    async def find(self, key: str) -> Use | None:
        """None."""
        return None

    async def claim(self, key: str, claim: Signed, approvers: tuple[str, ...]) -> None:
        """Nothing."""

    async def announce(self, claim: Signed) -> None:
        """Notes it."""
        self.announced.append(claim)

    async def record(self, key: str, receipt: Signed) -> None:
        """Nothing."""


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


class Broken:
    """An instrument that fails."""

    def record(self, *_: object) -> None:
        """Raises."""
        raise ValueError("no room")


async def test_trouble_with_measuring_is_no_trouble_of_a_call(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the use and the answer nothing is lost for a number: what was sent would become unknown."""
    instruments = Instruments([], Resource({}))
    for name in ("tool_calls", "send", "admission"):
        monkeypatch.setattr(instruments, name, Broken())
    heard, uses = Heard(), Announced()
    token = CURRENT.set(Watch("settle", "refund-1", "run-1"))
    try:
        await MeasuredUses(uses, instruments).announce(CLAIM)
        async with MeasuredTools(heard, instruments, propagate=False).open(SERVER, "token") as session:
            assert await session.call("get_order", {}, {}) == ToolAnswer(result=None, failed=False)
    finally:
        CURRENT.reset(token)
    assert (len(heard.metas), uses.announced) == (1, [CLAIM])
