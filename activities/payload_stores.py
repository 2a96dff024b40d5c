"""Payload stores over places: an object by the SHA-256 of its content."""

from __future__ import annotations

import asyncio
import hashlib

from activities.errors import Absent, PlaceTrouble, Taken, Unreachable
from activities.places import Place, open_place
from policies.canonical import Digest

FOLDER = "payloads"
MAX_CONTENT = 64 * 1024 * 1024


def open_store(named: str) -> PlaceStore:
    """The store in the place that a path or a URL names. Raises PlaceTrouble."""
    return PlaceStore(open_place(named))


class PlaceStore:
    """A folder of a place."""

    def __init__(self, place: Place) -> None:
        self._place = place

    async def put(self, content: bytes) -> Digest:
        """Makes the object; one that is there already has the same content."""
        address = Digest(hashlib.sha256(content).hexdigest())
        try:
            await asyncio.to_thread(self._place.create, f"{FOLDER}/{address}", content)
        except Taken:
            pass
        except PlaceTrouble as error:
            raise Unreachable("the payload store", self._place.where, str(error)) from error
        return address

    async def get(self, address: Digest) -> bytes | None:
        """What lies there, if it is what the address says."""
        try:
            content = await asyncio.to_thread(self._place.read, f"{FOLDER}/{address}", MAX_CONTENT)
        except Absent:
            return None
        except PlaceTrouble as error:
            raise Unreachable("the payload store", self._place.where, str(error)) from error
        return content if hashlib.sha256(content).hexdigest() == address else None
