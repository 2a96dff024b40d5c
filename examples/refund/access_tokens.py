"""
Which access tokens count at a resource server.

A token counts when the issuer's key signed it, with the one algorithm, as an access token (RFC 9068), for exactly this
resource (RFC 8707), and it has not expired. What it allows is for each tool's requirement to say.
"""

import time
from collections.abc import Callable

import httpx2
from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey
from mcp.server.auth.provider import AccessToken
from pydantic import BaseModel, ConfigDict, ValidationError

from examples.refund.signing import ALGORITHM, TOKEN_TYPE

JWKS_TIMEOUT_SECONDS = 2.0
JWKS_PAUSE_SECONDS = 1.0


class _Header(BaseModel):
    model_config = ConfigDict(strict=True)
    alg: str
    typ: str
    kid: str


class _Claims(BaseModel):
    """The claims that every token must have; further ones pass through to the tools' requirements."""

    model_config = ConfigDict(extra="allow", strict=True)
    iss: str
    aud: str
    client_id: str
    sub: str
    jti: str
    iat: int
    exp: int
    scope: str = ""


class IssuerTokens:
    """Verifies access tokens against the issuer's keys, fetched when first needed and kept."""

    def __init__(self, issuer: str, resource: str, now: Callable[[], float] = time.time) -> None:
        self._issuer, self._resource, self._now = issuer, resource, now
        self._keys: dict[str, OKPKey] = {}
        self._not_again_before = 0.0

    async def verify_token(self, token: str) -> AccessToken | None:
        """What the token says, or None for anything that is no valid token for this resource."""
        claims = await self._signed_claims(token)
        if claims is None or claims.iss != self._issuer or claims.aud != self._resource:
            return None
        if claims.exp <= self._now() or not claims.jti:
            return None
        return AccessToken(
            token=token,
            client_id=claims.client_id,
            scopes=claims.scope.split(),
            expires_at=claims.exp,
            resource=claims.aud,
            subject=claims.sub,
            claims=claims.model_dump(),
        )

    async def _signed_claims(self, token: str) -> _Claims | None:
        try:
            header = _Header.model_validate(jws.extract_compact(token.encode()).headers())
            if header.alg != ALGORITHM or header.typ != TOKEN_TYPE:
                return None
            key = await self._key(header.kid)
            return _Claims.model_validate(jwt.decode(token, key, algorithms=[ALGORITHM]).claims) if key else None
        except (JoseError, ValidationError, ValueError):
            return None

    async def _key(self, kid: str) -> OKPKey | None:
        """The issuer's key *kid*. An unknown one makes it ask the issuer again, at most once a second."""
        if kid not in self._keys and self._now() >= self._not_again_before:
            keys = await self._fetch_keys()
            self._not_again_before = self._now() + JWKS_PAUSE_SECONDS if keys else 0.0
            self._keys = keys or self._keys
        return self._keys.get(kid)

    async def _fetch_keys(self) -> dict[str, OKPKey]:
        """The issuer's Ed25519 keys by id; empty when it cannot be asked, so that no token counts."""
        try:
            async with httpx2.AsyncClient(timeout=JWKS_TIMEOUT_SECONDS, trust_env=False) as client:
                answer = await client.get(f"{self._issuer}/jwks")
            found = [OKPKey.import_key(each) for each in answer.raise_for_status().json()["keys"]]
        except (httpx2.HTTPError, JoseError, ValueError, KeyError, TypeError):
            return {}
        return {key.kid: key for key in found if key.kid and key.curve_name == "Ed25519"}
