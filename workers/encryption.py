"""
Encryption of payloads on their way to the Temporal server, which never has a key.

What is not encrypted passes as it is, so a namespace may hold histories from before encryption was switched on. What cannot
be opened becomes a sealed payload, and never an error: no signal of a stranger may stop a mission.
"""

from __future__ import annotations

from collections.abc import Sequence

from temporalio.api.common.v1 import Payload
from temporalio.converter import PayloadCodec

from audit.payloads import ENCRYPTED, seal
from workers.keyring import KeyRing


class RingCodec(PayloadCodec):
    """Encrypts with the ring's active key and opens with any of them."""

    def __init__(self, ring: KeyRing) -> None:
        self.ring = ring

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Each one inside an encrypted one."""
        return [self.ring.encrypted(payload) for payload in payloads]

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Each one opened, as it is, or sealed."""
        return [self._opened(payload) for payload in payloads]

    def _opened(self, payload: Payload) -> Payload:
        if payload.metadata.get("encoding") != ENCRYPTED:
            return payload
        return self.ring.opened(payload) or seal(payload)


class ReadingCodec(RingCodec):
    """Opens what was encrypted before, and encrypts nothing: for where encryption was switched off."""

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """As they are."""
        return list(payloads)


def codec_for(ring: KeyRing | None, *, encrypts: bool) -> RingCodec | None:
    """The codec for a process with this *ring*; None without one."""
    if ring is None:
        return None
    return RingCodec(ring) if encrypts else ReadingCodec(ring)
