"""A collector of OpenTelemetry's own protocol on loopback: what really left a process, as it left."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue

Value = str | int | float | tuple[str, ...]


@dataclass(frozen=True)
class Told:
    """A span as a collector got it."""

    service: str
    scope: str
    name: str
    trace_id: str
    span_id: str
    parent_id: str
    status: str
    attributes: dict[str, Value]
    events: tuple[tuple[str, dict[str, Value]], ...]
    links: tuple[str, ...]
    """The traces it points to."""


@dataclass
class Collector:
    """Everything that was sent to it, raw too."""

    url: str = ""
    bodies: list[bytes] = field(default_factory=list)
    spans: list[Told] = field(default_factory=list)
    metrics: set[str] = field(default_factory=set)

    def take(self, path: str, body: bytes) -> None:
        """One export."""
        self.bodies.append(body)
        if path.endswith("/traces"):
            self.spans += _spans(ExportTraceServiceRequest.FromString(body))
        else:
            self.metrics |= _metrics(ExportMetricsServiceRequest.FromString(body))

    def of(self, trace_id: str) -> list[Told]:
        """The spans of one trace."""
        return [span for span in self.spans if span.trace_id == trace_id]

    def named(self, name: str) -> list[Told]:
        """All spans of that name."""
        return [span for span in self.spans if span.name == name]

    def wait(self, holds: Callable[[], object], seconds: float = 20) -> None:
        """Returns when *holds* does; fails otherwise."""
        deadline = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < deadline, sorted({span.name for span in self.spans})
            time.sleep(0.05)


@contextmanager
def collecting() -> Iterator[Collector]:
    """A collector at work."""
    collector = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            collector.take(self.path, body)
            self.send_response(200)
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    collector.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield collector
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _spans(request: ExportTraceServiceRequest) -> Iterator[Told]:
    for resource in request.resource_spans:
        about = {each.key: _value(each.value) for each in resource.resource.attributes}
        for scope in resource.scope_spans:
            for span in scope.spans:
                yield Told(
                    service=str(about.get("service.name")),
                    scope=scope.scope.name,
                    name=span.name,
                    trace_id=span.trace_id.hex(),
                    span_id=span.span_id.hex(),
                    parent_id=span.parent_span_id.hex(),
                    status=span.status.message,
                    attributes={each.key: _value(each.value) for each in span.attributes},
                    events=tuple((e.name, {each.key: _value(each.value) for each in e.attributes}) for e in span.events),
                    links=tuple(link.trace_id.hex() for link in span.links),
                )


def _metrics(request: ExportMetricsServiceRequest) -> set[str]:
    return {
        metric.name for resource in request.resource_metrics for scope in resource.scope_metrics for metric in scope.metrics
    }


def _value(value: AnyValue) -> Value:
    match value.WhichOneof("value"):
        case "string_value":
            return str(value.string_value)
        case "int_value":
            return int(value.int_value)
        case "double_value":
            return float(value.double_value)
        case "array_value":
            return tuple(str(each.string_value) for each in value.array_value.values)
    return ""
