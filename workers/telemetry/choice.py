"""
What the environment says about telemetry. Only names and places are read here, and nothing is imported or opened: a process
without telemetry pays nothing for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from workers.errors import WrongUse

LISTEN, EVERY = "SAYSO_METRICS_LISTEN", "SAYSO_PENDING_SECONDS"
PENDING_SECONDS = 15.0
_ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
_PROTOCOL = "OTEL_EXPORTER_OTLP_PROTOCOL"
_SPOKEN = "http/protobuf"


@dataclass(frozen=True)
class Choice:
    """What a process sends and shows. Nothing by default."""

    traces: bool = False
    """Spans go to an OTLP endpoint."""
    metrics: bool = False
    """Metrics go to an OTLP endpoint."""
    listen: tuple[str, int] | None = None
    """Host and port of the Prometheus page."""
    pending_seconds: float = PENDING_SECONDS
    """So often the commit worker looks at the queue."""
    propagate: bool = False
    """Tool servers are told the trace they are called in."""

    @property
    def any(self) -> bool:
        """Whether there is anything to set up."""
        return self.traces or self.metrics or self.listen is not None


def chosen(environment: Mapping[str, str]) -> Choice:
    """
    The choice in *environment*: OpenTelemetry's own `OTEL_*` variables and ours.

    Raises:
        WrongUse: A variable asks for what there is not. Never quotes an endpoint or a header: they may hold a credential.
    """
    if environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return Choice()
    return Choice(
        traces=_exported(environment, "TRACES"),
        metrics=_exported(environment, "METRICS"),
        listen=_listen(environment.get(LISTEN, "")),
        pending_seconds=_seconds(environment.get(EVERY, "")),
        propagate="tracecontext" in environment.get("OTEL_PROPAGATORS", "").split(","),
    )


def _exported(environment: Mapping[str, str], signal: str) -> bool:
    if not (environment.get(_ENDPOINT) or environment.get(f"OTEL_EXPORTER_OTLP_{signal}_ENDPOINT")):
        return False
    exporter = environment.get(f"OTEL_{signal}_EXPORTER") or "otlp"
    if exporter == "none":
        return False
    if exporter != "otlp":
        raise WrongUse(f"OTEL_{signal}_EXPORTER is `{exporter}`: use otlp or none; for Prometheus set {LISTEN}")
    name = f"OTEL_EXPORTER_OTLP_{signal}_PROTOCOL"
    protocol = environment.get(name) or environment.get(_PROTOCOL) or _SPOKEN
    if protocol != _SPOKEN:
        raise WrongUse(f"the OTLP protocol is `{protocol}`: set {_PROTOCOL} to {_SPOKEN}, which is what sayso speaks")
    return True


def _listen(text: str) -> tuple[str, int] | None:
    if not text:
        return None
    host, _, port = text.rpartition(":")
    if not host or not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536:
        raise WrongUse(f"{LISTEN} is `{text}`: give host and port, such as 127.0.0.1:9464")
    return host.strip("[]"), int(port)


def _seconds(text: str) -> float:
    try:
        found = float(text or PENDING_SECONDS)
    except ValueError:
        found = 0.0
    if not 0.1 <= found <= 3600:
        raise WrongUse(f"{EVERY} is `{text}`: give seconds from 0.1 to 3600")
    return found
