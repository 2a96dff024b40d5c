"""Telemetry that is on: providers, exporters and the Prometheus page of one process. Imported only when it is wanted."""

from __future__ import annotations

from collections.abc import Callable

from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.sdk.metrics.export import MetricReader, PeriodicExportingMetricReader
from temporalio.client import Client, Plugin
from temporalio.plugin import SimplePlugin

from activities.archiver import Round
from activities.ports import Histories, Tools, Uses
from activities.prompted import Models
from audit.law import Law
from policies.bundle import Bundle
from workers.telemetry.archived import Archived
from workers.telemetry.choice import Choice
from workers.telemetry.instruments import Instruments
from workers.telemetry.measured_activities import MeasuredActivities
from workers.telemetry.measured_gate import MeasuredHistories, MeasuredUses
from workers.telemetry.measured_model import MeasuredModels, RoutedModels
from workers.telemetry.measured_tools import MeasuredTools
from workers.telemetry.off import Telemetry
from workers.telemetry.pending import Pending
from workers.telemetry.tracing import Traced, resource, within


class Measuring(Telemetry):
    """Watches what it is handed."""

    def __init__(self, choice: Choice, service: str) -> None:
        """
        Raises:
            WrongUse: The Prometheus page's port is taken.
        """
        self._choice = choice
        self._page = None
        readers: list[MetricReader] = []
        if choice.listen is not None:
            from workers.telemetry.page import Page

            self._page = Page(*choice.listen)
            readers.append(self._page.reader)
        if choice.metrics:
            readers.append(PeriodicExportingMetricReader(OTLPMetricExporter()))
        self._instruments = Instruments(readers, resource(service))
        self._traced = Traced(service) if choice.traces else None
        self._pending: Pending | None = None

    @property
    def plugins(self) -> list[Plugin]:
        """Temporal's own plugin and ours."""
        traced = self._traced.plugins if self._traced is not None else []
        return [*traced, SimplePlugin("sayso.measures", interceptors=[MeasuredActivities(self._instruments)])]

    def tools(self, inner: Tools) -> Tools:
        """Watched tool servers."""
        return MeasuredTools(inner, self._instruments, self._choice.propagate)

    def uses(self, inner: Uses) -> Uses:
        """Watched uses."""
        return MeasuredUses(inner, self._instruments)

    def histories(self, inner: Histories, bundle: Bundle) -> Histories:
        """Watched histories."""
        return MeasuredHistories(inner, Law(bundle, bundle.directory))

    def models(self, inner: RoutedModels) -> Models:
        """Watched models."""
        return MeasuredModels(inner, self._instruments)

    def queue(self, client: Client, histories: Histories, bundle: Bundle) -> None:
        """Shows what waits."""
        pending = Pending(client, histories, Law(bundle, bundle.directory), self._choice.pending_seconds)
        self._instruments.observe("sayso.pending.decisions", pending.decisions)
        self._instruments.observe("sayso.pending.age", pending.ages)
        self._instruments.observe("sayso.pending.missions", pending.missions)
        self._instruments.observe("sayso.pending.unverified", pending.unverified)
        self._instruments.observe("sayso.pending.poll.age", pending.staleness)
        self._pending = pending

    def archive(self) -> Callable[[Round], None]:
        """Shows what the archiver's last round came to."""
        archived = Archived()
        self._instruments.observe("sayso.archive.oldest.age", archived.oldest)
        self._instruments.observe("sayso.archive.waiting", archived.waiting)
        self._instruments.observe("sayso.archive.retention", archived.retention)
        self._instruments.observe("sayso.archive.round.age", archived.staleness)
        return archived.hear

    async def watch(self) -> None:
        """Watches the queue until cancelled."""
        if self._pending is not None:
            await self._pending.run()

    def end(self) -> None:
        """Sends what is left; a collector that does not answer holds nobody up for longer than two seconds."""
        within(self._end)

    def _end(self) -> None:
        if self._traced is not None:
            self._traced.flush()
        self._instruments.end()
        if self._page is not None:
            self._page.close()
