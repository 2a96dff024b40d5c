"""
What of a span leaves: ids, names from closed sets, counts, durations and types of errors. Everything else stays.

INVARIANT: a list of what may go, never of what may not. An attribute that is not listed, a value of another form than listed,
the text of an exception or a status: dropped. OpenTelemetry records the message and the traceback of every exception by itself,
and Temporal's interceptor puts the message into the status; either may quote arguments, a tool's answer or what a model wrote.

Source: docs/decisions/0015-telemetry.md
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.trace import Link, SpanContext, Status
from opentelemetry.util.types import AttributeValue

from activities.uses import RECORD
from approvals.decision import SIGNAL
from approvals.freeze import THAW
from approvals.settlement import USED

OURS = "sayso"
TEMPORAL = "temporalio.contrib.opentelemetry._otel_interceptor"
SCOPES = frozenset({OURS, TEMPORAL})
"""Who may make spans in our processes: a library that traces itself is not asked what it would say."""

_ID = re.compile(r"[^\x00-\x1f\x7f]{1,200}")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:/@-]{0,99}")
_WORD = re.compile(r"[a-z][a-z_]{0,39}")
_TYPE = re.compile(r"[A-Za-z_][A-Za-z0-9_.]{0,99}")
_DIGEST = re.compile(r"[0-9a-f]{12,64}")
_NUMBER = None
ALLOWED: Mapping[str, re.Pattern[str] | None] = {
    "temporalWorkflowID": _ID,
    "temporalRunID": _ID,
    "temporalActivityID": _ID,
    "sayso.mission.id": _ID,
    "sayso.run.id": _ID,
    "sayso.proposal": _DIGEST,
    "sayso.item": _NUMBER,
    "sayso.outcome": _WORD,
    "sayso.settlement.kind": _WORD,
    "sayso.refused.by": _WORD,
    "sayso.decisions": _NUMBER,
    "sayso.admission.seconds": _NUMBER,
    "sayso.attempt": _NUMBER,
    "error.type": _TYPE,
    "exception.type": _TYPE,
    "gen_ai.operation.name": _WORD,
    "gen_ai.provider.name": _NAME,
    "gen_ai.request.model": _NAME,
    "gen_ai.response.model": _NAME,
    "gen_ai.usage.input_tokens": _NUMBER,
    "gen_ai.usage.output_tokens": _NUMBER,
    "gen_ai.output.type": _WORD,
    "gen_ai.prompt.name": _NAME,
    "gen_ai.tool.name": _NAME,
    "mcp.method.name": _NAME,
    "network.transport": _WORD,
    "network.protocol.name": _WORD,
    "server.address": _NAME,
    "server.port": _NUMBER,
}
"""By name, the form of a value; None is a number."""
_OUR_NAMES = re.compile(r"sayso\.(propose|settle)|tools/list|(chat|tools/call) [A-Za-z0-9][A-Za-z0-9_.:/@-]{0,99}")
_STEPS = frozenset({"StartWorkflow", "RunWorkflow", "StartActivity", "RunActivity", "StartChildWorkflow"})
_SIGNALS = frozenset({"SignalWorkflow", "HandleSignal", "SignalExternalWorkflow", "SignalWithStartWorkflow"})
_HEARD = frozenset({SIGNAL, USED, RECORD, THAW})
UNNAMED = "span"


def scrubbed(span: ReadableSpan) -> ReadableSpan:
    """*span* with what may leave of it."""
    context = span.get_span_context()
    return ReadableSpan(
        name=_name(span),
        context=_plain(context),
        parent=_plain(span.parent),
        resource=span.resource,
        attributes=allowed(span.attributes or {}),
        events=[_event(event) for event in span.events if event.name == "exception"],
        links=[Link(SpanContext(link.context.trace_id, link.context.span_id, True)) for link in span.links],
        kind=span.kind,
        status=Status(span.status.status_code),
        start_time=span.start_time,
        end_time=span.end_time,
        instrumentation_scope=span.instrumentation_scope,
    )


def allowed(attributes: Mapping[str, AttributeValue]) -> dict[str, AttributeValue]:
    """Those of *attributes* that are listed, with values of the listed form."""
    return {name: value for name, value in attributes.items() if name in ALLOWED and _fits(value, ALLOWED[name])}


class Door(SpanExporter):
    """The one way out for spans. What cannot be scrubbed does not leave."""

    def __init__(self, inner: SpanExporter) -> None:
        self._inner = inner

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Hands on what may leave."""
        return self._inner.export([scrubbed(span) for span in spans if _ours(span)])

    def shutdown(self) -> None:
        """Ends the inner one."""
        self._inner.shutdown()

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """As the inner one."""
        return self._inner.force_flush(timeout_millis)


def _ours(span: ReadableSpan) -> bool:
    return span.instrumentation_scope is not None and span.instrumentation_scope.name in SCOPES


def _name(span: ReadableSpan) -> str:
    """Signals and queries are called what their sender likes; only names we know leave."""
    if span.instrumentation_scope is not None and span.instrumentation_scope.name == OURS:
        return span.name if _OUR_NAMES.fullmatch(span.name) else UNNAMED
    step, _, what = span.name.partition(":")
    if step in _STEPS and _NAME.fullmatch(what):
        return span.name
    if step in _SIGNALS:
        return span.name if what in _HEARD else step
    return step if step in ("QueryWorkflow", "HandleQuery") else UNNAMED


def _plain(context: SpanContext | None) -> SpanContext | None:
    """Without the trace state: vendors' text, from whoever sent it."""
    if context is None:
        return None
    return SpanContext(context.trace_id, context.span_id, context.is_remote, context.trace_flags)


def _event(event: Event) -> Event:
    return Event(event.name, allowed(event.attributes or {}), event.timestamp)


def _fits(value: AttributeValue, form: re.Pattern[str] | None) -> bool:
    if form is None:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if isinstance(value, str):
        return form.fullmatch(value) is not None
    return isinstance(value, tuple | list) and len(value) <= 32 and all(isinstance(v, str) and form.fullmatch(v) for v in value)
