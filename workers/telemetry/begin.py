"""Telemetry of this process, begun once and ended once: what the environment asks for, or nothing."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping

from workers.telemetry.choice import chosen
from workers.telemetry.off import OFF, Telemetry

_begun: Telemetry = OFF


def begin(service: str, environment: Mapping[str, str] | None = None, *, command: bool = False) -> Telemetry:
    """
    What watches this process from now on.

    Args:
        service: Its name, unless OTEL_SERVICE_NAME gives another.
        command: It is a command at a terminal: it only carries the trace, and has no page that somebody could read.

    Raises:
        WrongUse: A variable asks for what there is not, or a port is taken.
    """
    global _begun
    choice = chosen(os.environ if environment is None else environment)
    if command and choice.traces and _begun is OFF:
        from workers.telemetry.tracing import Traced

        # Whether a collector answers is no trouble of whoever sits there.
        logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
        _begun = Traced(service)
    if not command and choice.any and _begun is OFF:
        from workers.telemetry.on import Measuring

        _begun = Measuring(choice, service)
    return _begun


def end() -> None:
    """Sends what is left, for at most two seconds."""
    global _begun
    begun, _begun = _begun, OFF
    begun.end()
