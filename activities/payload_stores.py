"""
Payload stores: what is too large for a history, kept in a place under the SHA-256 of its content.

A store has a mark, made once with it. Without its mark nothing is read from it or written to it: a directory whose disk is
not mounted is empty, and to say of everything in it that it is not there would end every mission that needs it.

Layout: `MARK_FOLDER/MARK_NAME`, and each content at `FIRST_3_HEX/ADDRESS`, so that a thousand million of them make folders of
a quarter of a million.

Source: docs/decisions/0023-payload-store.md
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import TypeVar

from activities.errors import Absent, Oversized, PlaceTrouble, StoreSilent, Taken
from activities.places import Place, open_place, shown
from audit.references import MAX_STORED, address_of
from policies.canonical import Digest

MARK = "sayso/payload-store"
MARK_CONTENT = b"This place holds the large payloads of Sayso, version 1. Keep it with them: nothing is read without it.\n"
NOBODYS = "f" * 64
"""An address that nothing has: who is not told so plainly that nothing is there would take every absence for trouble."""
MAX_KEPT = 32 * 1024 * 1024
"""Bytes that a process remembers: the gate reads the same history again and again, and an object store takes its time."""
_ADDRESS = re.compile(r"[0-9a-f]{64}")
_Given = TypeVar("_Given")
_Kept = TypeVar("_Kept")


class PlacedPayloads:
    """A payload store in a place."""

    def __init__(self, place: Place, most_kept: int = MAX_KEPT) -> None:
        """
        Args:
            most_kept: So many bytes of what was fetched last are remembered. What an address names never changes.
        """
        self._place = place
        self._most_kept = most_kept
        self._kept: dict[str, bytes] = {}

    @property
    def where(self) -> str:
        """How a person calls it."""
        return self._place.where

    async def put(self, content: bytes) -> Digest:
        """
        Keeps *content* durably and returns its address; what is there already is left as it is.

        Raises:
            StoreSilent: It could not be kept, or something else lies at its address.
        """
        return await asyncio.to_thread(self._told, self._put, content)

    async def get(self, address: Digest) -> bytes | None:
        """
        What lies at *address*; None where nothing does, or anything but the content of that address, or *address* is none.

        Raises:
            StoreSilent: What is there could not be found out.
        """
        if not _ADDRESS.fullmatch(address):
            return None
        kept = self._kept.get(address)
        if kept is not None:
            return kept
        content = await asyncio.to_thread(self._told, self._get, address)
        if content is not None:
            self._keep(address, content)
        return content

    def check(self) -> None:
        """Raises StoreSilent: this is no payload store, or it does not say plainly that something is not there."""
        self._told(self._checked, NOBODYS)

    def make(self) -> None:
        """Makes the place a payload store, which it may be already. Raises StoreSilent."""
        self._told(self._made, MARK_CONTENT)

    def _keep(self, address: str, content: bytes) -> None:
        if len(content) * 4 > self._most_kept:
            return
        self._kept[address] = content
        while sum(map(len, self._kept.values())) > self._most_kept:
            # The oldest; whoever still asks for it has it fetched again.
            del self._kept[next(iter(self._kept))]

    def _put(self, content: bytes) -> Digest:
        address = address_of(content)
        self._marked()
        try:
            self._place.create(_name(address), content)
        except Taken:
            if self._found(address) != content:
                raise StoreSilent(self.where, f"what lies at `{_name(address)}` is not what its name says") from None
        return address

    def _get(self, address: str) -> bytes | None:
        try:
            return self._found(address)
        except Absent:
            self._marked()
        try:
            # Asked again, since it may be back only now. What is absent from a store that is there stays sealed for good.
            return self._found(address)
        except Absent:
            return None

    def _found(self, address: str) -> bytes | None:
        """The content of *address*, or None where something else lies there. Raises Absent, PlaceTrouble."""
        # Read again where it differs: an answer that was cut short is no change.
        for _ in range(2):
            try:
                content = self._place.read(_name(address), MAX_STORED)
            except Oversized:
                return None
            if address_of(content) == address:
                return content
        return None

    def _checked(self, address: str) -> None:
        self._marked()
        try:
            self._place.read(_name(address), MAX_STORED)
        except Absent:
            return
        except Oversized:
            pass
        raise StoreSilent(self.where, f"something lies at `{_name(address)}`, where nothing can")

    def _made(self, content: bytes) -> None:
        try:
            self._place.create(MARK, content)
        except Taken:
            self._marked()

    def _marked(self) -> None:
        try:
            mark = self._place.read(MARK, len(MARK_CONTENT))
        except (Absent, Oversized):
            mark = b""
        if mark != MARK_CONTENT:
            raise StoreSilent(self.where, f"its mark `{MARK}` is not there, so it is no payload store, or not all of it")

    def _told(self, work: Callable[[_Given], _Kept], given: _Given) -> _Kept:
        try:
            return work(given)
        except PlaceTrouble as error:
            raise StoreSilent(error.where, error.reason) from error


def open_store(named: str) -> PlacedPayloads:
    """
    The payload store that a path or an fsspec URL names. It is not asked for anything yet.

    Raises:
        StoreSilent: The kind of place is not known here, or needs something that is not installed; says what.
    """
    try:
        return PlacedPayloads(open_place(named))
    except PlaceTrouble as error:
        raise StoreSilent(f"`{shown(named)}`", error.reason) from error


def _name(address: str) -> str:
    return f"{address[:3]}/{address}"
