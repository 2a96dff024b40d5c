"""The tracer provider of a process: spans of ours and of Temporal's interceptor, scrubbed on their way out, no others."""

from __future__ import annotations

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

from workers.telemetry.scrub import SCOPES, Door
from workers.telemetry.sieve import Sieve


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


def set_up(resource: Resource) -> ReplaySafeTracerProvider:
    """Makes this process's provider, with the OTLP exporter that the environment describes. Once a process."""
    ids = TemporalIdGenerator(RandomIdGenerator())
    inner = TracerProvider(resource=resource, id_generator=ids, shutdown_on_exit=False)
    inner.add_span_processor(BatchSpanProcessor(Door(OTLPSpanExporter())))
    provider = OwnSpansOnly(inner, ids)
    trace.set_tracer_provider(provider)
    return provider


def plugins() -> list[Plugin]:
    """What carries the trace through Temporal: headers are sieved before its own interceptor reads them."""
    return [SimplePlugin("sayso.sieve", interceptors=[Sieve()]), OpenTelemetryPlugin(add_temporal_spans=True)]
