"""Which variables of the shell about telemetry the stack's workers get. The example systems get none."""

from __future__ import annotations

from collections.abc import Mapping

from workers.settings import Role
from workers.telemetry.choice import EVERY, LISTEN


def for_telemetry(environment: Mapping[str, str], role: Role) -> dict[str, str]:
    """
    OpenTelemetry's own variables as they are. Four processes cannot share one page: the port that is named is the mission
    worker's, and the reason, read and commit workers have the three after it.
    """
    found = {name: value for name, value in environment.items() if name.startswith("OTEL_") or name == EVERY}
    host, _, port = environment.get(LISTEN, "").rpartition(":")
    if port:
        # What is no port is left for the worker to refuse, with a sentence.
        own = str(int(port) + list(Role).index(role)) if port.isdigit() else port
        found[LISTEN] = f"{host}:{own}"
    return found
