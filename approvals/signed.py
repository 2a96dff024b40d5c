"""
What the gate says, signed: a readable body, its digest and a signature over kind and digest.

The digest is taken over the body's raw JSON, not over a model of it: a newer version's fields stay covered.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum

from pydantic import JsonValue

from approvals.errors import SignatureError
from approvals.jws import Signer, take_apart, verify
from policies.canonical import Digest, digest
from policies.errors import CanonicalError
from policies.keys import PublicKey
from policies.model import Recorded


class Kind(StrEnum):
    """What a signed body is. A signature over one kind is void for another."""

    PROPOSAL = "proposal"
    REFUSAL = "refusal"
    SETTLEMENT = "settlement"
    CLAIM = "claim"
    RECEIPT = "receipt"


class Signed(Recorded):
    """A body of one kind with the gate's signature."""

    kind: Kind
    digest: Digest
    """As the signer computed it; `opened` computes it again and refuses another."""
    body: dict[str, JsonValue]
    jws: str


def seal(kind: Kind, body: dict[str, JsonValue], signer: Signer) -> Signed:
    """*body* signed as *kind*."""
    found = digest(kind, body)
    return Signed(kind=kind, digest=found, body=body, jws=signer.sign(_typ(kind), {"digest": found, "kind": kind}))


def opened(signed: Signed, kind: Kind, key_of: Callable[[str], PublicKey | None]) -> dict[str, JsonValue]:
    """
    The body, when a pinned gate key signed exactly it as *kind*.

    Raises:
        SignatureError: Another kind, an unpinned key, a changed body or a forged signature.
    """
    token = take_apart(signed.jws)
    key = key_of(token.kid)
    if key is None:
        raise SignatureError(f"is signed by `{token.kid}`, which is not a gate key of this bundle")
    if key.revoked:
        raise SignatureError(f"is signed by gate key `{key.kid}`, which is revoked")
    verify(token, _typ(kind), key)
    try:
        found = digest(kind, signed.body)
    except CanonicalError as error:
        raise SignatureError(f"has a body without a canonical form: {error}") from error
    if token.payload != {"digest": found, "kind": kind}:
        raise SignatureError("has a body that is not the one that was signed")
    if signed.digest != found:
        # The digest is what decisions and the one use are about: another name would give the same proposal another use.
        raise SignatureError("names another digest than that of its body")
    return signed.body


def _typ(kind: Kind) -> str:
    return f"sayso-{kind}+jws"
