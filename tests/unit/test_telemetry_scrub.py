"""What of a span may leave, and what of a header comes in. Source: docs/decisions/0015-telemetry.md."""

from __future__ import annotations

import contextlib
import json

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.trace import SpanKind, Tracer
from temporalio.api.common.v1 import Payload
from temporalio.contrib.opentelemetry import _otel_interceptor as temporals
from temporalio.contrib.opentelemetry._id_generator import TemporalIdGenerator
from temporalio.exceptions import ApplicationError

from workers.telemetry.scrub import TEMPORAL, Door
from workers.telemetry.sieve import HEADER, sieved, traceparent
from workers.telemetry.tracing import OwnSpansOnly

SECRET = "refund 4200 to Marguerite, IBAN DE00"
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Recorded:
    """Spans as they leave, with or without the door."""

    def __init__(self, *, door: bool) -> None:
        self._memory = InMemorySpanExporter()
        exporter: SpanExporter = Door(self._memory) if door else self._memory
        self._provider = TracerProvider(shutdown_on_exit=False)
        self._provider.add_span_processor(SimpleSpanProcessor(exporter))

    def tracer(self, scope: str) -> Tracer:
        """A tracer for *scope*."""
        return self._provider.get_tracer(scope)

    @property
    def text(self) -> str:
        """All of it."""
        return "".join(span.to_json() for span in self.spans)

    @property
    def spans(self) -> tuple[ReadableSpan, ...]:
        """The spans that left."""
        return self._memory.get_finished_spans()


def _failed(recorded: Recorded) -> None:
    """An activity fails as Temporal's own interceptor sees it."""
    with (
        contextlib.suppress(ApplicationError),
        temporals._maybe_span(
            recorded.tracer(TEMPORAL), "RunActivity:read", add_temporal_spans=True, attributes={}, kind=SpanKind.SERVER
        ),
    ):
        raise ApplicationError(SECRET, type="NotPermitted")


def test_message_of_an_exception_does_not_leave() -> None:
    """Neither in the status, nor in an event, nor as a traceback; that there was one, and of which kind, does."""
    recorded = Recorded(door=True)
    _failed(recorded)
    (span,) = recorded.spans
    assert "Marguerite" not in recorded.text
    assert (span.status.is_ok, span.status.description) == (False, None)
    assert [dict(event.attributes or {}) for event in span.events] == [
        {"exception.type": "temporalio.exceptions.ApplicationError"}
    ]


def test_message_of_an_exception_leaves_without_the_scrubber() -> None:
    """OpenTelemetry and Temporal put it there by themselves."""
    recorded = Recorded(door=False)
    _failed(recorded)
    assert recorded.text.count("Marguerite") >= 3


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("gen_ai.input.messages", "hello"),
        ("gen_ai.tool.call.arguments", "{}"),
        ("gen_ai.request.model", SECRET),
        ("sayso.settlement.kind", SECRET),
        ("sayso.refused.by", ("ready", SECRET)),
        ("error.type", SECRET),
        ("sayso.item", "4200"),
        ("sayso.item", True),
        ("temporalWorkflowID", "a\nb"),
        ("temporalWorkflowID", "a" * 201),
        ("anything.new", 1),
    ],
)
def test_what_is_not_listed_or_of_another_form_stays(name: str, value: str | int | tuple[str, ...]) -> None:
    """A list of what may go: a library's next version adds nothing to it."""
    recorded = Recorded(door=True)
    recorded.tracer("sayso").start_span("sayso.settle", attributes={name: value}).end()
    assert dict(recorded.spans[0].attributes or {}) == {}


@pytest.mark.parametrize(
    ("scope", "name", "told"),
    [
        ("sayso", "sayso.settle", "sayso.settle"),
        ("sayso", "chat gpt-5", "chat gpt-5"),
        ("sayso", SECRET, "span"),
        (TEMPORAL, "RunActivity:settle", "RunActivity:settle"),
        (TEMPORAL, "HandleSignal:decide", "HandleSignal:decide"),
        (TEMPORAL, f"HandleSignal:{SECRET}", "HandleSignal"),
        (TEMPORAL, "HandleSignal:Marguerite", "HandleSignal"),
        (TEMPORAL, f"HandleQuery:{SECRET}", "HandleQuery"),
        (TEMPORAL, f"StartWorkflow:{SECRET}", "span"),
    ],
)
def test_names_that_others_chose_stay(scope: str, name: str, told: str) -> None:
    """Anyone may send a signal called as he likes."""
    recorded = Recorded(door=True)
    recorded.tracer(scope).start_span(name).end()
    assert [span.name for span in recorded.spans] == [told]


def test_spans_of_others_do_not_leave() -> None:
    """The MCP client traces itself; so will the next library."""
    recorded = Recorded(door=True)
    recorded.tracer("mcp-python-sdk").start_span(SECRET).end()
    assert recorded.spans == ()


def test_provider_gives_others_a_tracer_that_does_nothing() -> None:
    """A span that is made costs time, even when it does not leave."""
    ids = TemporalIdGenerator(RandomIdGenerator())
    provider = OwnSpansOnly(TracerProvider(id_generator=ids, shutdown_on_exit=False), ids)
    assert not provider.get_tracer("mcp-python-sdk").start_span("x").is_recording()
    assert provider.get_tracer("sayso").start_span("x").is_recording()


def _header(data: bytes, encoding: bytes = b"json/plain") -> dict[str, Payload]:
    return {HEADER: Payload(metadata={"encoding": encoding}, data=data), "other": Payload(data=b"1")}


HOSTILE = {
    "no json": _header(b"{"),
    "not ours to read": _header(b"x", b"binary/encrypted"),
    "deep": _header(b"[" * 900),
    "a list": _header(b"[1]"),
    "no text": _header(b'{"traceparent": ["x"]}'),
    "no ids": _header(json.dumps({"traceparent": f"00-{'0' * 32}-{'0' * 16}-01"}).encode()),
    "words": _header(json.dumps({"traceparent": SECRET}).encode()),
    "large": _header(json.dumps({"traceparent": PARENT, "x": "y" * 2000}).encode()),
    "not unicode": _header(b'{"traceparent": "\xff"}'),
}


@pytest.mark.parametrize("headers", HOSTILE.values(), ids=HOSTILE)
def test_hostile_header_is_no_header(headers: dict[str, Payload]) -> None:
    """docs/decisions/0015-telemetry.md: what cannot be read must not fail a workflow task, again and again."""
    assert sieved(headers).keys() == {"other"}
    temporals._headers_to_context(sieved(headers))


def test_hostile_header_raises_where_nobody_sieves() -> None:
    """The control: Temporal's interceptor decodes headers inside the workflow, and one signal would stop a mission for ever."""
    raised = 0
    for headers in HOSTILE.values():
        try:
            temporals._headers_to_context(headers)
        except Exception:
            raised += 1
    assert raised >= 3


def test_of_a_good_header_only_the_ids_come_through() -> None:
    """Baggage and vendor state are text that would travel from a mission to whom its activities call."""
    full = {"traceparent": PARENT, "tracestate": "vendor=Marguerite", "baggage": "who=Marguerite"}
    found = sieved(_header(json.dumps(full).encode()))
    assert traceparent(found) == PARENT
    assert json.loads(found[HEADER].data) == {"traceparent": PARENT}
