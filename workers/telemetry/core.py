"""
The runtime of Temporal's core in a worker: its log lines go through ours, its metrics to the OTLP endpoint where there is one.

The core prints failures with their messages, straight to the terminal, unless its lines are forwarded. For Prometheus it would
open a second page of its own, which no setting here asks for.

Source: docs/decisions/0015-telemetry.md
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from datetime import timedelta

from temporalio.runtime import (
    LogForwardingConfig,
    LoggingConfig,
    OpenTelemetryConfig,
    Runtime,
    TelemetryConfig,
    TelemetryFilter,
)

from workers.telemetry.choice import chosen

LOGGER = "temporalio.core"
_CERTIFICATES = ("OTEL_EXPORTER_OTLP_CERTIFICATE", "OTEL_EXPORTER_OTLP_METRICS_CERTIFICATE")


def core_runtime(environment: Mapping[str, str] | None = None) -> Runtime:
    """A runtime for a worker process; it starts threads, so one is enough."""
    found = os.environ if environment is None else environment
    forwarding = LogForwardingConfig(
        logging.getLogger(LOGGER),
        append_target_to_name=False,
        prepend_target_on_message=False,
        append_log_fields_to_message=False,
    )
    logs = LoggingConfig(TelemetryFilter(core_level="WARN", other_level="ERROR"), forwarding=forwarding)
    return Runtime(telemetry=TelemetryConfig(logging=logs, metrics=_metrics(found)))


def _metrics(environment: Mapping[str, str]) -> OpenTelemetryConfig | None:
    # The core's own exporter knows no certificate of a collector; without one it would fail for ever.
    if not chosen(environment).metrics or any(environment.get(name) for name in _CERTIFICATES):
        return None
    from opentelemetry.util.re import parse_env_headers

    base = environment.get("OTEL_EXPORTER_OTLP_ENDPOINT", "").rstrip("/")
    headers = environment.get("OTEL_EXPORTER_OTLP_METRICS_HEADERS") or environment.get("OTEL_EXPORTER_OTLP_HEADERS") or ""
    return OpenTelemetryConfig(
        url=environment.get("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT") or f"{base}/v1/metrics",
        headers=parse_env_headers(headers, liberal=True),
        metric_periodicity=_every(environment),
        durations_as_seconds=True,
        http=True,
    )


def _every(environment: Mapping[str, str]) -> timedelta:
    text = environment.get("OTEL_METRIC_EXPORT_INTERVAL", "")
    return timedelta(milliseconds=int(text) if text.isdigit() and int(text) > 0 else 60_000)
