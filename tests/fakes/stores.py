"""Payload stores for tests."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from activities.errors import StoreSilent
from activities.payload_stores import PlacedPayloads
from activities.places import open_place
from audit.references import address_of
from policies.canonical import Digest


@dataclass
class Memory:
    """A store in this process, which can fall silent and counts what it is asked for."""

    contents: dict[str, bytes] = field(default_factory=dict)
    silent: bool = False
    asked: list[str] = field(default_factory=list)

    async def put(self, content: bytes) -> Digest:
        """Keeps *content*."""
        self._speak()
        address = address_of(content)
        self.contents[address] = content
        return address

    async def get(self, address: Digest) -> bytes | None:
        """What lies there, whatever it is."""
        self._speak()
        self.asked.append(address)
        return self.contents.get(address)

    def _speak(self) -> None:
        if self.silent:
            raise StoreSilent("`memory`", "it is silent")


def made_store(root: Path) -> PlacedPayloads:
    """A new store in the directory *root*, which is asked each time."""
    store = PlacedPayloads(open_place(str(root)), most_kept=0)
    store.make()
    return store
