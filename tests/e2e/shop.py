"""An issuer and a payment system of their own, which a test may stop, break, replace and start again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from tests.examples.enterprise import process, wait_healthy
from tests.world import World


@dataclass
class Shop:
    """An issuer and a payment system of their own, which a test may stop, break and start again."""

    world: World
    running: dict[str, ExitStack] = field(default_factory=dict)

    def start(self, module: str, fault: str = "") -> None:
        """Starts *module*, breaking it once where *fault* says so."""
        data, stack = self.world.enterprise.data, ExitStack()
        url = self.world.enterprise.issuer if module == "issuer" else self.world.enterprise.resources.payments
        port = int(url.removesuffix("/mcp").rpartition(":")[2])
        (data / "fault-done").unlink(missing_ok=True)
        options = (
            ("--clients", str(data / "clients.json")) if module == "issuer" else ("--issuer", self.world.enterprise.issuer)
        )
        stack.enter_context(process(module, port, "--data", str(data), *options, fault=fault))
        wait_healthy(port)
        self.running[module] = stack

    def stop(self, module: str) -> None:
        """Stops *module*; it may have died already."""
        self.running.pop(module).close()

    @contextmanager
    def down(self, module: str) -> Iterator[None]:
        """Without *module* for a while."""
        self.stop(module)
        try:
            yield
        finally:
            self.start(module)

    @contextmanager
    def broken(self, fault: str) -> Iterator[None]:
        """Payments loses one reply, after it paid."""
        self.stop("payments")
        self.start("payments", fault)
        try:
            yield
        finally:
            self.stop("payments")
            self.start("payments")
