"""The tracer provider of a process: spans of ours and of Temporal's interceptor, scrubbed on their way out, no others."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.trace import NoOpTracer, Tracer
from opentelemetry.util.types import Attributes
from temporalio.client import Plugin
from temporalio.contrib.opentelemetry import OpenTelemetryPlugin, ReplaySafeTracerProvider
from temporalio.contrib.opentelemetry._id_generator import TemporalIdGenerator
from temporalio.plugin import SimplePlugin

from workers.telemetry.off import Telemetry
from workers.telemetry.scrub import SCOPES, Door
from workers.telemetry.sieve import Sieve

END_SECONDS = 2.0


class OwnSpansOnly(ReplaySafeTracerProvider):
    """Gives a tracer to those whose spans we know; the MCP client, litellm and whoever comes get one that does nothing."""

    def get_tracer(
        self,
        instrumenting_module_name: str,
        instrumenting_library_version: str | None = None,
        schema_url: str | None = None,
        attributes: Attributes | None = None,
    ) -> Tracer:
        """A tracer for *instrumenting_module_name*."""
        if instrumenting_module_name not in SCOPES:
            return NoOpTracer()
        return super().get_tracer(instrumenting_module_name, instrumenting_library_version, schema_url, attributes)


class Traced(Telemetry):
    """Traces and nothing else: what a command needs. One a process."""

    def __init__(self, service: str) -> None:
        self._provider = _set_up(resource(service))

    @property
    def plugins(self) -> list[Plugin]:
        """What carries the trace through Temporal: headers are sieved before its own interceptor reads them."""
        return [SimplePlugin("sayso.sieve", interceptors=[Sieve()]), OpenTelemetryPlugin(add_temporal_spans=True)]

    def end(self) -> None:
        """Sends what is left; a collector that does not answer holds nobody up for longer than two seconds."""
        within(self.flush)

    def flush(self) -> None:
        """Sends what is left, however long that takes."""
        self._provider.force_flush()


def resource(service: str) -> Resource:
    """What a process is called: by the environment, else *service*."""
    named = os.environ.get("OTEL_SERVICE_NAME") or "service.name=" in os.environ.get("OTEL_RESOURCE_ATTRIBUTES", "")
    return Resource.create({} if named else {"service.name": service})


def within(work: Callable[[], None], seconds: float = END_SECONDS) -> None:
    """Does *work*, and waits for it for so long at most."""
    working = threading.Thread(target=work, daemon=True)
    working.start()
    working.join(seconds)


def _set_up(resource: Resource) -> ReplaySafeTracerProvider:
    """This process's provider, with the OTLP exporter that the environment describes."""
    ids = TemporalIdGenerator(RandomIdGenerator())
    inner = TracerProvider(resource=resource, id_generator=ids, shutdown_on_exit=False)
    inner.add_span_processor(BatchSpanProcessor(Door(OTLPSpanExporter())))
    provider = OwnSpansOnly(inner, ids)
    trace.set_tracer_provider(provider)
    return provider
