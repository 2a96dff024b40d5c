"""
Who may have payloads opened: by a token of our own, of which only the digest is kept, or by an access token of the company's
identity provider. Both files are read at every request, so who is taken out of them gets nothing more.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from pydantic import StringConstraints, TypeAdapter, ValidationError

from workers.errors import WrongUse

MAX_TOKEN = 16 * 1024
MAX_NAME = 200
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "Ed25519", "EdDSA")
"""Those with a public half: what verifies a token must not be able to make one."""

_Name = Annotated[str, StringConstraints(min_length=1, max_length=MAX_NAME)]
_Digest = Annotated[str, StringConstraints(pattern="^[0-9a-f]{64}$")]
_TOKENS = TypeAdapter(dict[_Name, _Digest])
_FORM = "a JSON object: for each name the SHA-256 of its token, in hex"


@dataclass(frozen=True)
class Provider:
    """The identity provider whose access tokens count."""

    jwks: Path
    issuer: str
    audience: str

    def who(self, token: str) -> str | None:
        """The subject of a token that this provider made for this audience, and that is in time."""
        claims = jwt.JWTClaimsRegistry(
            iss={"essential": True, "value": self.issuer},
            aud={"essential": True, "value": self.audience},
            sub={"essential": True},
            exp={"essential": True},
        )
        try:
            found = jwt.decode(token, self.keys(), algorithms=ALGORITHMS)
            claims.validate(found.claims)
        except (JoseError, OSError, ValueError, TypeError, KeyError):
            return None
        return str(found.claims["sub"])[:MAX_NAME]

    def keys(self) -> KeySet:
        """Its keys now. Raises OSError, ValueError, JoseError, TypeError, KeyError."""
        return KeySet.import_key_set(json.loads(self.jwks.read_bytes()))


@dataclass(frozen=True)
class Access:
    """The two ways in; at least one of them is there."""

    tokens: Path | None
    provider: Provider | None

    @classmethod
    def of(cls, tokens: Path | None, jwks: Path | None, issuer: str | None, audience: str | None) -> Access:
        """
        From what a command was given, with both files read once.

        Raises:
            WrongUse: There is no way in, or a file is not what it should be.
        """
        if tokens is None and jwks is None:
            raise WrongUse(
                "nobody could ask for anything: give `--tokens FILE`, or `--jwks FILE` with `--issuer` and `--audience`"
            )
        if jwks is None:
            access = cls(tokens, None)
        elif issuer and audience:
            access = cls(tokens, Provider(jwks, issuer, audience))
        else:
            raise WrongUse("`--jwks` goes with `--issuer` and `--audience`: a token for somebody else must open nothing here")
        access._check()
        return access

    def who(self, token: str | None) -> str | None:
        """Whose *token* it is; None where it is nobody's, or a file cannot be read."""
        if not token or len(token) > MAX_TOKEN:
            return None
        try:
            name = self._named(hashlib.sha256(token.encode()).hexdigest())
        except (OSError, ValidationError):
            return None
        return name or (self.provider.who(token) if self.provider else None)

    def _named(self, digest: str) -> str | None:
        if self.tokens is None:
            return None
        # All are compared, so that the time tells nothing.
        found = [name for name, known in _TOKENS.validate_json(self.tokens.read_bytes()).items() if _same(known, digest)]
        return found[0] if found else None

    def _check(self) -> None:
        try:
            self._named("0" * 64)
        except (OSError, ValidationError) as error:
            raise WrongUse(f"`{self.tokens}` cannot be used: it is {_FORM}") from error
        try:
            if self.provider:
                self.provider.keys()
        except (JoseError, OSError, ValueError, TypeError, KeyError) as error:
            raise WrongUse(f"`{self.provider and self.provider.jwks}` is no JWK set with the provider's public keys") from error


def _same(known: str, digest: str) -> bool:
    return hmac.compare_digest(known.encode(), digest.encode())
