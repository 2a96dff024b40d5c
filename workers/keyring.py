"""
The key ring: the keys by which payloads are encrypted and opened, each with an id. One of them is active and encrypts; the
others only open what was encrypted before.

AES-256-GCM throughout. A payload's nonce is random. An archive's is derived from what is sealed, so that the same archive is
the same bytes each time: two different inputs get two nonces, and the same input under the same nonce tells nobody more.
No key is ever in a repr, an error or a log.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import re
from collections.abc import Callable, Mapping

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from google.protobuf.message import DecodeError
from pydantic import ConfigDict, SecretStr, ValidationError
from temporalio.api.common.v1 import Payload

from audit.payloads import ENCRYPTED
from policies.canonical import parse
from policies.errors import CanonicalError
from policies.model import Written
from workers.errors import CannotOpen, WrongUse

KEY_ID = "encryption-key-id"
KEY_BYTES, NONCE_BYTES, TAG_BYTES = 32, 12, 16
MAX_KEYS = 256
ID = re.compile(r"[a-z0-9][a-z0-9._-]{0,31}")
"""Of a key. A key itself is longer, so that one in the wrong place is never quoted as an id."""

_PAYLOAD, _ARCHIVE = b"sayso:payload:v1\n", b"sayso:archive:v1\n"
_ARCHIVE_NONCE = b"sayso:archive-nonce:v1"
_KEY = re.compile(r"[A-Za-z0-9_-]{43}=?")


class Ring(Written):
    """A key ring as it is written down: `{"active": id, "keys": {id: 32 bytes in base64url}}`."""

    model_config = ConfigDict(hide_input_in_errors=True)

    active: str
    keys: dict[str, SecretStr]


class KeyRing:
    """Keys in use. It holds ciphers, not keys."""

    def __init__(self, active: str, keys: Mapping[str, bytes]) -> None:
        """
        Args:
            active: The id of the key that encrypts; one of *keys*.
            keys: 32 bytes each, all different.
        """
        self.active = active
        self._ciphers = {key_id: AESGCM(key) for key_id, key in keys.items()}
        self._nonces = {key_id: _derived(key) for key_id, key in keys.items()}

    def __repr__(self) -> str:
        return f"KeyRing(active={self.active!r}, keys={len(self._ciphers)})"

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids of all keys."""
        return tuple(self._ciphers)

    def encrypted(self, payload: Payload) -> Payload:
        """*payload* inside one that only this ring opens."""
        nonce = os.urandom(NONCE_BYTES)
        plain = payload.SerializeToString(deterministic=True)
        return _payload(self.active, nonce + self._ciphers[self.active].encrypt(nonce, plain, _PAYLOAD + self.active.encode()))

    def opened(self, payload: Payload) -> Payload | None:
        """What an encrypted *payload* holds; None where it cannot be opened, or holds what was encrypted once more."""
        plain = self._plain(payload, lambda key_id: _PAYLOAD + key_id.encode())
        try:
            inner = Payload.FromString(plain) if plain is not None else None
        except DecodeError:
            return None
        # One layer is what was written; more would be a stranger's, and work without end.
        return inner if inner is not None and inner.metadata.get("encoding") != ENCRYPTED else None

    def seal(self, data: bytes, purpose: str, key_id: str | None = None) -> bytes:
        """
        *data* as bytes that only this ring opens, and only for *purpose*; the same each time.

        Args:
            purpose: What it is for. One line.
            key_id: The key to seal with, where it is not the active one.

        Raises:
            CannotOpen: The ring has no such key.
        """
        with_key = key_id or self.active
        if with_key not in self._ciphers:
            raise CannotOpen("this machine's key ring does not have the key to seal it with")
        derived = hmac.digest(self._nonces[with_key], _one_line(purpose) + b"\0" + data, hashlib.sha256)
        nonce = derived[:NONCE_BYTES]
        sealed = self._ciphers[with_key].encrypt(nonce, data, _for_archive(with_key, purpose))
        return _payload(with_key, nonce + sealed).SerializeToString(deterministic=True)

    def open(self, sealed: bytes, purpose: str) -> bytes:
        """
        What `seal` was given.

        Raises:
            CannotOpen: It is not sealed, was changed, is for another purpose, or by a key that the ring does not hold.
        """
        try:
            payload = Payload.FromString(sealed)
        except DecodeError:
            payload = Payload()
        if payload.metadata.get("encoding") != ENCRYPTED:
            raise CannotOpen("it is not sealed in the form that this version knows")
        key_id = key_id_of(payload)
        if key_id not in self._ciphers:
            raise CannotOpen(f"it is sealed with key `{key_id}`, which this machine's key ring does not hold")
        plain = self._plain(payload, lambda used: _for_archive(used, purpose))
        if plain is None:
            raise CannotOpen(f"it was changed since it was sealed with key `{key_id}`, or is for another purpose")
        return plain

    def _plain(self, payload: Payload, about: Callable[[str], bytes]) -> bytes | None:
        key_id, data = key_id_of(payload), payload.data
        if key_id not in self._ciphers or len(data) < NONCE_BYTES + TAG_BYTES:
            return None
        try:
            return self._ciphers[key_id].decrypt(data[:NONCE_BYTES], data[NONCE_BYTES:], about(key_id))
        except InvalidTag:
            return None


def key_id_of(payload: Payload) -> str:
    """The id of the key *payload* names; `unknown` where that is no id."""
    named = payload.metadata.get(KEY_ID, b"").decode(errors="replace")
    return named if ID.fullmatch(named) else "unknown"


def ring_in(where: str, text: str) -> Ring:
    """
    The ring that is written in *text*, checked.

    Args:
        where: What to call it in an error.

    Raises:
        WrongUse: It is none. Says what is wrong without quoting any of it.
    """
    ring, trouble = _read(text)
    if ring is None:
        raise WrongUse(f"{where} is no key ring: {trouble}; `sayso keys ring new` makes one")
    return ring


def key_ring(ring: Ring) -> KeyRing:
    """*ring* in use. It was checked."""
    return KeyRing(ring.active, {key_id: _key(secret) or b"" for key_id, secret in ring.keys.items()})


def new_key() -> SecretStr:
    """A new key in its written form."""
    return SecretStr(base64.urlsafe_b64encode(os.urandom(KEY_BYTES)).decode().rstrip("="))


def _read(text: str) -> tuple[Ring | None, str]:
    """The ring, or what is wrong. It returns, so that no error carries another one with what was read."""
    try:
        ring = Ring.model_validate(parse(text))
    except CanonicalError:
        return None, "it is not JSON with one reading"
    except ValidationError:
        return None, 'it has another form than `{"active": ID, "keys": {ID: KEY}}`'
    trouble = _trouble(ring)
    return (None, trouble) if trouble else (ring, "")


def _trouble(ring: Ring) -> str:
    if not all(ID.fullmatch(key_id) for key_id in ring.keys):
        return "an id is 1 to 32 lower-case letters, digits, `.`, `_` and `-`"
    if not 0 < len(ring.keys) <= MAX_KEYS:
        return f"it holds {len(ring.keys)} keys, where 1 to {MAX_KEYS} are expected"
    keys = {key_id: _key(secret) for key_id, secret in ring.keys.items()}
    for key_id, key in keys.items():
        if key is None:
            return f"key `{key_id}` is not {KEY_BYTES} bytes in base64url"
    if len(set(keys.values())) < len(keys):
        # One key under two ids would meet the same derived nonce with other words around it.
        return "two ids have the same key"
    if ring.active not in ring.keys:
        return "the active key is not among its keys"
    return ""


def _key(secret: SecretStr) -> bytes | None:
    text = secret.get_secret_value()
    if not _KEY.fullmatch(text):
        return None
    key = base64.urlsafe_b64decode(text.rstrip("=") + "=")
    return key if base64.urlsafe_b64encode(key).decode().rstrip("=") == text.rstrip("=") else None


def _derived(key: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=_ARCHIVE_NONCE).derive(key)


def _for_archive(key_id: str, purpose: str) -> bytes:
    return _ARCHIVE + key_id.encode() + b"\n" + _one_line(purpose)


def _one_line(purpose: str) -> bytes:
    if "\0" in purpose or "\n" in purpose:
        raise ValueError("a purpose is one line without NUL: two purposes must not read as one")
    return purpose.encode()


def _payload(key_id: str, data: bytes) -> Payload:
    return Payload(metadata={"encoding": ENCRYPTED, KEY_ID: key_id.encode()}, data=data)
