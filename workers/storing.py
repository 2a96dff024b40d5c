"""
Large payloads are kept in a payload store, and the history holds a reference: the outermost layer of what is sent.

What is stored is what would have stood in the history, encrypted where payloads are. Whoever may signal a mission can send a
reference to anything: what such a one names that is not there, is not what its address says, refers further or is too much
becomes a sealed payload. A store that does not answer is another matter. That raises, and Temporal has the task tried again:
sealed once is sealed for good, and a mission that reads a sealed answer fails.

Source: docs/decisions/0023-payload-store.md
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from temporalio.api.common.v1 import Payload
from temporalio.converter import PayloadCodec, SerializationContext, WithSerializationContext
from temporalio.exceptions import ApplicationError

from activities.errors import StoreSilent
from audit.payloads import STORED, seal
from audit.references import MAX_STORED, content_of, named_by, reference_to, unstored
from workers.errors import CannotReach, CommandError, WrongUse

if TYPE_CHECKING:
    # Not at run time: a process that stores nothing loads no file systems.
    from activities.payload_stores import PlacedPayloads
    from activities.ports import PayloadStore

VARIABLE, LIMIT, OFF = "SAYSO_PAYLOAD_STORE", "SAYSO_PAYLOAD_THRESHOLD", "off"
THRESHOLD = 32 * 1024
LEAST, MOST = 1024, 1024 * 1024
"""What the threshold may be, in bytes."""
MAX_INLINE = 2 * 1024 * 1024 - 4096
"""The server takes 2 MiB, the field around the payload included."""
MAX_AT_ONCE = 4 * MAX_STORED
"""Bytes that references decoded together may stand for: one that is sent a thousand times fetches no thousand copies."""


class PayloadTooLarge(ApplicationError, CommandError):
    """A payload that no history and no store of ours takes. Sent again it would be no smaller."""

    def __init__(self, size: int, most: int, advice: str) -> None:
        words = f"a payload of {size} bytes is larger than the {most} that can be sent: {advice}"
        super().__init__(words, type="PayloadTooLarge", non_retryable=True)

    def __str__(self) -> str:
        return self.message


@dataclass(frozen=True)
class Storing:
    """How a process keeps large payloads."""

    store: PayloadStore | None = None
    """None: it keeps none, reads none, and sends what fits into a history."""
    threshold: int = THRESHOLD
    """Bytes from which a payload is stored."""


NO_STORE = Storing()
"""For who keeps no large payloads and reads none."""


@dataclass
class _Room:
    """Bytes that references may still bring."""

    left: int = MAX_AT_ONCE


class StoringCodec(PayloadCodec, WithSerializationContext):
    """Another codec, or none, with what is large in a store."""

    def __init__(self, inner: PayloadCodec | None, store: PayloadStore | None, threshold: int = THRESHOLD) -> None:
        self._inner = inner
        self._store = store
        self._threshold = threshold
        self._room: _Room | None = None

    def with_context(self, context: SerializationContext) -> Self:
        """
        The codec of one task, or of one activation of a workflow: to all that comes there, references bring MAX_AT_ONCE.
        Signals share it with nothing but the workflow's start, which comes first, and no workflow looks into a signal.
        """
        made = copy(self)
        made._room = _Room()
        return made

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """As the inner codec; what is large then is a reference. Raises Unreachable, PayloadTooLarge."""
        encoded = await self._inner.encode(payloads) if self._inner else list(payloads)
        return [await self._kept(payload) for payload in encoded]

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Each fetched and opened by the inner codec, or sealed; nothing is fetched twice. Raises Unreachable."""
        room, contents = self._room or _Room(), dict[str, bytes]()
        given = [await self._fetched(payload, contents, room) for payload in payloads]
        opened = await self._inner.decode(given) if self._inner else given
        # One that was inside an encrypted one is not followed: what is stored is never inside anything.
        return [seal(payload) if payload.metadata.get("encoding") == STORED else payload for payload in opened]

    async def _kept(self, payload: Payload) -> Payload:
        size = payload.ByteSize()
        if size < self._threshold:
            return payload
        if self._store is None:
            if size > MAX_INLINE:
                raise PayloadTooLarge(size, MAX_INLINE, f"set {VARIABLE}, or make it smaller")
            return payload
        if size > MAX_STORED:
            raise PayloadTooLarge(size, MAX_STORED, "make it smaller, or pass a reference of your own")
        await self._store.put(content_of(payload))
        return reference_to(payload)

    async def _fetched(self, payload: Payload, contents: dict[str, bytes], room: _Room) -> Payload:
        if payload.metadata.get("encoding") != STORED:
            return payload
        address = named_by(payload)
        if self._store is None or address is None or room.left <= 0:
            return seal(payload)
        if address not in contents:
            content = await self._store.get(address)
            contents |= {address: content} if content is not None else {}
        room.left -= len(contents.get(address, b""))
        return unstored(payload, contents) or seal(payload)


def store_named(environment: Mapping[str, str]) -> str | None:
    """The payload store that *environment* names; `off` where it says so, None where it says nothing."""
    return environment.get(VARIABLE) or None


def threshold_of(environment: Mapping[str, str]) -> int:
    """
    From how many bytes on payloads are stored, as *environment* says.

    Raises:
        WrongUse: It says something else than a number of bytes within the bounds.
    """
    said = environment.get(LIMIT)
    if not said:
        return THRESHOLD
    if not (said.isascii() and said.isdigit() and len(said) < 10 and LEAST <= int(said) <= MOST):
        raise WrongUse(f"{LIMIT} is `{said[:40]}`: it is a number of bytes from {LEAST} to {MOST}")
    return int(said)


def storing(named: str | None, environment: Mapping[str, str] | None = None) -> Storing:
    """
    How payloads are stored in the place *named*; None or `off`: not at all. The place is not asked for anything yet.

    Raises:
        WrongUse: It can be no payload store, or the threshold is none.
    """
    limit = threshold_of(os.environ if environment is None else environment)
    if named is None or named == OFF:
        return Storing(None, limit)
    return Storing(opened_store(named), limit)


def opened_store(named: str) -> PlacedPayloads:
    """The payload store *named*. Raises WrongUse: it is of a kind that is not known here, or something is not installed."""
    from activities.payload_stores import open_store

    try:
        return open_store(named)
    except StoreSilent as error:
        raise WrongUse(f"{error} {VARIABLE} is a directory, or an fsspec URL such as `s3://bucket/payloads`") from error


def check(named: str) -> None:
    """For who is about to work with the payload store *named*. Raises WrongUse, CannotReach: there is none that answers."""
    from activities.places import shown

    try:
        opened_store(named).check()
    except StoreSilent as error:
        raise CannotReach(f"{error} {VARIABLE} names it; `sayso payloads new {shown(named)}` makes one") from error
