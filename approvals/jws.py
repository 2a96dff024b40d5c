"""
Compact JWS with the one algorithm Sayso knows, Ed25519, and the one way it finds a key: by `kid`, from the bundle.

A token brings neither its algorithm nor its key. Every use has its own `typ`, so a signature made for one purpose is void
for another.

Source: RFC 7515, RFC 8037, RFC 9864
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey
from pydantic import JsonValue

from approvals.errors import SignatureError
from policies.canonical import canonical, parse
from policies.errors import CanonicalError
from policies.keys import PublicKey

ALGORITHM: Final = "Ed25519"
MAX_TOKEN = 16 * 1024
REMEMBERED = 2048
"""So many signatures, good or bad, a process does not verify a second time. Each is at most `MAX_TOKEN` long."""


class Signer:
    """A private key. Its text never appears in a representation, a log or a payload."""

    def __init__(self, key: OKPKey, kid: str) -> None:
        self._key = key
        self.kid = kid

    @classmethod
    def generate(cls, kid: str) -> Signer:
        """A new key pair; reads the system's randomness."""
        return cls(OKPKey.generate_key(ALGORITHM), kid)

    @classmethod
    def from_jwk(cls, text: str | bytes) -> Signer:
        """
        A signer from a private JWK with a `kid`.

        Raises:
            SignatureError: Not a private Ed25519 JWK.
        """
        try:
            content = parse(text)
            key = OKPKey.import_key(content)  # type: ignore[arg-type]
        except (JoseError, CanonicalError, ValueError, TypeError, KeyError) as error:
            raise SignatureError("the key file does not hold a JWK") from error
        if not isinstance(content, dict) or content.get("crv") != ALGORITHM or not key.is_private:
            raise SignatureError("the key file does not hold a private Ed25519 JWK")
        kid = content.get("kid")
        if not isinstance(kid, str) or not kid:
            raise SignatureError("the key file names no `kid`")
        return cls(key, kid)

    def to_jwk(self) -> dict[str, JsonValue]:
        """The private JWK, for the key file and nothing else."""
        return {**self._key.as_dict(private=True), "kid": self.kid}  # type: ignore[dict-item]

    def public(self) -> PublicKey:
        """The public half, as the directory lists it."""
        return PublicKey(kid=self.kid, x=str(self._key.as_dict(private=False)["x"]))

    def sign(self, typ: str, payload: JsonValue) -> str:
        """A compact JWS over the canonical form of *payload*."""
        header = {"alg": ALGORITHM, "kid": self.kid, "typ": typ}
        return jws.serialize_compact(header, canonical(payload), self._key, algorithms=[ALGORITHM])

    def __repr__(self) -> str:
        return f"Signer(kid={self.kid!r})"


@dataclass(frozen=True)
class Token:
    """A token taken apart and not yet believed."""

    header: dict[str, JsonValue]
    payload: dict[str, JsonValue]
    text: str

    @property
    def kid(self) -> str:
        """The key it names; empty when it names none."""
        kid = self.header.get("kid")
        return kid if isinstance(kid, str) else ""


def take_apart(text: str) -> Token:
    """
    Reads header and payload without believing them.

    Raises:
        SignatureError: Not a compact JWS over a JSON object.
    """
    parts = text.split(".")
    if len(parts) != 3 or len(text) > MAX_TOKEN:
        raise SignatureError("is not a compact JWS")
    header, payload = _json(parts[0]), _json(parts[1])
    _bytes(parts[2])
    return Token(header=header, payload=payload, text=text)


def verify(token: Token, typ: str, key: PublicKey) -> None:
    """
    Returns when *key* made *token* as a *typ*.

    Raises:
        SignatureError: Another algorithm, type, header or key, or the bytes changed.
    """
    if token.header.get("alg") != ALGORITHM:
        raise SignatureError(f"is signed with `{token.header.get('alg')}`; only {ALGORITHM} counts")
    if token.header.get("typ") != typ:
        raise SignatureError(f"is a `{token.header.get('typ')}`, not a `{typ}`")
    if token.header.keys() != {"alg", "typ", "kid"} or token.kid != key.kid:
        raise SignatureError("carries a header that Sayso does not know")
    if not _made(token.text, key.x):
        raise SignatureError(f"is not signed by key `{key.kid}`")


@lru_cache(maxsize=REMEMBERED)
def _made(text: str, x: str) -> bool:
    """
    Whether the private half of *x* made *text*.

    INVARIANT: the answer follows from these very bytes and this very key, so it may be remembered. Type, validity and
    revocation are not part of it: callers look at them each time.
    """
    try:
        jws.deserialize_compact(text, _imported(x), algorithms=[ALGORITHM])
    except (JoseError, ValueError):
        return False
    return True


@lru_cache(maxsize=REMEMBERED)
def _imported(x: str) -> OKPKey:
    return OKPKey.import_key({"kty": "OKP", "crv": ALGORITHM, "x": x})


def _json(part: str) -> dict[str, JsonValue]:
    try:
        value = parse(_bytes(part))
    except CanonicalError as error:
        raise SignatureError("is not a compact JWS over JSON") from error
    if not isinstance(value, dict):
        raise SignatureError("is not a compact JWS over a JSON object")
    return value


def _bytes(part: str) -> bytes:
    """What base64url *part* holds. Padding, spare bits and characters that a lenient reader skips make no second token."""
    try:
        data = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except ValueError as error:
        raise SignatureError("is not a compact JWS") from error
    if base64.urlsafe_b64encode(data).decode().rstrip("=") != part:
        raise SignatureError("is not a compact JWS in its one form")
    return data
