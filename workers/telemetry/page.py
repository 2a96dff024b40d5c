"""The Prometheus page: `/metrics` over plain HTTP, on the address an operator chose. It knows no secret, and asks for none."""

from __future__ import annotations

from opentelemetry.exporter.prometheus import PrometheusMetricReader
from prometheus_client import CollectorRegistry, start_http_server

from workers.errors import WrongUse
from workers.telemetry.choice import LISTEN


class Page:
    """One listening page, with a reader that fills it."""

    def __init__(self, host: str, port: int) -> None:
        """
        Raises:
            WrongUse: Nobody can listen there.
        """
        registry = CollectorRegistry()
        self.reader = PrometheusMetricReader(scope_info_enabled=False, registry=registry)
        try:
            self._server, self._thread = start_http_server(port, addr=host, registry=registry)
        except OSError as error:
            words = f"{LISTEN} is `{host}:{port}`, where nobody can listen ({error.strerror}): choose another"
            raise WrongUse(words) from error

    def close(self) -> None:
        """Stops listening."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
