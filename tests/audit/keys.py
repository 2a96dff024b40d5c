"""
Keys of the people, services and gates in the recorded archives, made from their names alone: recording again gives the same
trust file, and a test may act as anybody, the exporter included. They open nothing outside the tests.
"""

from __future__ import annotations

import base64
import hashlib
import json

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from approvals.jws import Signer

PEOPLE = ("olga", "sam", "lena", "fay", "dora", "iris")
SERVICES = ("mission-worker", "read-worker", "reason-worker", "exporter")
OURS, THEIRS = "ours", "theirs"
"""Two houses: the one whose trust file is pinned, and one of an attacker."""


def signer(who: str, house: str = OURS, kid: str | None = None) -> Signer:
    """The key of *who* in *house*; the houses' key ids differ too."""
    seed = hashlib.sha256(f"sayso tests {house} {who}".encode()).digest()
    public = Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    kid = kid or (f"{who}-1" if house == OURS else f"{who}-{house}")
    return Signer.from_jwk(json.dumps({"kty": "OKP", "crv": "Ed25519", "kid": kid, "d": _b64(seed), "x": _b64(public)}))


def signers(house: str = OURS) -> dict[str, Signer]:
    """Everybody's keys in *house*."""
    return {who: signer(who, house) for who in (*PEOPLE, *SERVICES, "gate", "stranger")}


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
