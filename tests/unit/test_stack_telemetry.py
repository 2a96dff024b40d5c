"""What of the shell's telemetry the stack's workers get."""

from __future__ import annotations

from workers.settings import Role
from workers.stack.telemetry_environment import for_telemetry

SHELL = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c", "SAYSO_METRICS_LISTEN": "127.0.0.1:9464", "SAYSO_KEY": "x"}


def test_each_worker_has_a_page_of_its_own() -> None:
    """Four processes cannot listen on one port."""
    pages = [for_telemetry(SHELL, role)["SAYSO_METRICS_LISTEN"] for role in Role]
    assert pages == [f"127.0.0.1:{port}" for port in (9464, 9465, 9466, 9467)]


def test_nothing_else_comes_along_and_nonsense_is_left_to_be_refused() -> None:
    """A worker says what is wrong with it, in one line."""
    assert for_telemetry(SHELL, Role.READ).keys() == {"OTEL_EXPORTER_OTLP_ENDPOINT", "SAYSO_METRICS_LISTEN"}
    assert for_telemetry({"SAYSO_METRICS_LISTEN": "h:p"}, Role.READ) == {"SAYSO_METRICS_LISTEN": "h:p"}
    assert for_telemetry({}, Role.READ) == {}
