"""Telemetry that is off: what workers are wired with unless the environment asks for more. It changes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from temporalio.client import Client, Plugin

    from activities.archiver import Round
    from activities.ports import Histories, Tools, Uses
    from activities.prompted import Models
    from policies.bundle import Bundle
    from workers.telemetry.measured_model import RoutedModels


class Telemetry:
    """Takes each port and hands it back, watched or as it is."""

    @property
    def plugins(self) -> list[Plugin]:
        """What a Temporal client is given; it hands them on to its workers and to the replayer."""
        return []

    def tools(self, inner: Tools) -> Tools:
        """Tool servers."""
        return inner

    def uses(self, inner: Uses) -> Uses:
        """The once-only claims."""
        return inner

    def histories(self, inner: Histories, bundle: Bundle) -> Histories:
        """Event histories; *bundle* says whose signatures count."""
        return inner

    def models(self, inner: RoutedModels) -> Models:
        """Models."""
        return inner

    def queue(self, client: Client, histories: Histories, bundle: Bundle) -> None:
        """Where the Decision Queue is to be watched; called by the one role that does."""

    def archive(self) -> Callable[[Round], None]:
        """What is told of each round of the archiver; called by the one process that archives."""
        return lambda _done: None

    async def watch(self) -> None:
        """Watches the queue until cancelled; returns at once where there is nothing to watch."""

    def end(self) -> None:
        """Sends what is left, for at most two seconds. Nothing is measured after."""


OFF = Telemetry()
