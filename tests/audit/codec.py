"""A codec written from docs/audit-format.md §9 alone, and the sealing of members, for archives of encrypted missions."""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from google.protobuf.message import DecodeError
from temporalio.api.common.v1 import Payload
from temporalio.converter import PayloadCodec

ENCODING = b"binary/encrypted"
KEYS = {"tests-1": hashlib.sha256(b"sayso tests encryption").digest()}
"""The key that the archive of the encrypted mission was recorded with."""


@dataclass
class TestCodec(PayloadCodec):
    """Encrypts with the first of its keys, opens with any of them, and raises where none fits."""

    __test__ = False

    keys: Mapping[str, bytes]

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Each payload in another."""
        return [self._sealed(payload.SerializeToString(), f"sayso:payload:v1\n{self._active}") for payload in payloads]

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """What is not encrypted passes as it is. Raises ValueError."""
        return [self._decoded(payload) for payload in payloads]

    def _decoded(self, payload: Payload) -> Payload:
        if payload.metadata.get("encoding") != ENCODING:
            return payload
        return Payload.FromString(self._opened(payload, "sayso:payload:v1\n{}"))

    @property
    def ids(self) -> tuple[str, ...]:
        """The keys it has."""
        return tuple(self.keys)

    def seal(self, data: bytes, purpose: str, key_id: str | None = None) -> bytes:
        """A member of an archive, the same bytes the same way."""
        used = key_id or self._active
        nonce = hmac.new(self.keys[used], purpose.encode() + b"\n" + data, hashlib.sha256).digest()[:12]
        return self._sealed(data, f"sayso:archive:v1\n{used}\n{purpose}", nonce).SerializeToString(deterministic=True)

    def unseal(self, data: bytes, purpose: str) -> bytes | None:
        """A member that was sealed; None where no key here opens it."""
        try:
            return self._opened(Payload.FromString(data), "sayso:archive:v1\n{}\n" + purpose)
        except (DecodeError, ValueError):
            return None

    @property
    def _active(self) -> str:
        return next(iter(self.keys))

    def _sealed(self, data: bytes, bound: str, nonce: bytes | None = None) -> Payload:
        key_id, nonce = bound.split("\n")[1], nonce or os.urandom(12)
        sealed = nonce + AESGCM(self.keys[key_id]).encrypt(nonce, data, bound.encode())
        return Payload(metadata={"encoding": ENCODING, "encryption-key-id": key_id.encode()}, data=sealed)

    def _opened(self, payload: Payload, bound: str) -> bytes:
        key_id = payload.metadata.get("encryption-key-id", b"").decode("utf-8", "replace")
        if payload.metadata.get("encoding") != ENCODING or key_id not in self.keys:
            raise ValueError("not encrypted with a key that is known here")
        try:
            return AESGCM(self.keys[key_id]).decrypt(payload.data[:12], payload.data[12:], bound.format(key_id).encode())
        except InvalidTag as error:
            raise ValueError("changed, or encrypted with another key") from error
