"""What of telemetry is on is in the environment, and nothing is on without it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from workers.errors import WrongUse
from workers.telemetry.choice import Choice, chosen
from workers.telemetry.instruments import SHAPES

ROOT = Path(__file__).parents[2]
COLLECTOR = "OTEL_EXPORTER_OTLP_ENDPOINT"


@pytest.mark.parametrize(
    ("environment", "choice"),
    [
        ({}, Choice()),
        ({COLLECTOR: "http://c"}, Choice(traces=True, metrics=True)),
        ({COLLECTOR: "http://c", "OTEL_SDK_DISABLED": "true", "SAYSO_METRICS_LISTEN": "h:1"}, Choice()),
        ({COLLECTOR: "http://c", "OTEL_METRICS_EXPORTER": "none"}, Choice(traces=True)),
        ({"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "http://c"}, Choice(metrics=True)),
        ({"SAYSO_METRICS_LISTEN": "[::1]:9464", "SAYSO_PENDING_SECONDS": "3"}, Choice(listen=("::1", 9464), pending_seconds=3)),
        ({"OTEL_PROPAGATORS": "tracecontext"}, Choice(propagate=True)),
    ],
)
def test_environment_chooses(environment: dict[str, str], choice: Choice) -> None:
    """OpenTelemetry's own variables, with its meaning."""
    assert chosen(environment) == choice


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"SAYSO_METRICS_LISTEN": "9464"}, "give host and port"),
        ({"SAYSO_METRICS_LISTEN": "h:99999"}, "give host and port"),
        ({"SAYSO_PENDING_SECONDS": "often"}, "give seconds"),
        ({COLLECTOR: "http://me:secret@c", "OTEL_TRACES_EXPORTER": "zipkin"}, "use otlp or none"),
        ({COLLECTOR: "http://me:secret@c", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "http/protobuf"),
    ],
)
def test_what_there_is_not_is_refused_without_quoting_a_credential(environment: dict[str, str], words: str) -> None:
    """An endpoint may hold one."""
    with pytest.raises(WrongUse, match=words) as refused:
        chosen(environment)
    assert "secret" not in str(refused.value)


SILENT = """
import sys
opened = []
sys.addaudithook(lambda event, args: opened.append(event) if event in ("socket.connect", "socket.bind") else None)
from workers.roles import build
from workers.cli import desk
from workers.telemetry.begin import begin, end
from workers.telemetry.core import core_runtime
telemetry = begin("sayso", {})
core_runtime({})
end()
assert telemetry.plugins == []
loaded = [name for name in sys.modules if name.startswith(("opentelemetry.sdk", "opentelemetry.exporter", "prometheus_client"))]
assert (opened, loaded) == ([], []), (opened, loaded)
"""


def test_without_configuration_nothing_is_loaded_and_no_socket_is_opened() -> None:
    """docs/telemetry.md: off is off."""
    done = subprocess.run([sys.executable, "-c", SILENT], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")


def test_page_about_telemetry_names_every_instrument() -> None:
    """An operator who sees a number finds what it means."""
    page = (ROOT / "docs" / "telemetry.md").read_text()
    assert [name for name in SHAPES if f"`{name}`" not in page] == []
