"""Public keys as the bundle holds them: Ed25519, by key id, each with its validity."""

from __future__ import annotations

import base64
from datetime import UTC, datetime

from pydantic import AwareDatetime, Field, field_validator

from policies.model import Written


class PublicKey(Written):
    """An Ed25519 public key."""

    kid: str = Field(min_length=1)
    x: str = Field(pattern=r"^[A-Za-z0-9_-]{43}$")
    """The key, base64url without padding (RFC 8037 `x`)."""
    not_before: AwareDatetime = datetime(2020, 1, 1, tzinfo=UTC)
    not_after: AwareDatetime | None = None
    revoked: bool = False
    """A revoked key is void for everything it ever signed that is not yet used."""

    @field_validator("x")
    @classmethod
    def _one_form(cls, x: str) -> str:
        # The last digit has spare bits: another text for the same key would be a second name for it.
        key = base64.urlsafe_b64decode(x + "=")
        if base64.urlsafe_b64encode(key).decode().rstrip("=") != x or not any(key):
            raise ValueError("is not the base64url form of an Ed25519 key")
        return x

    def trouble(self, at: datetime) -> str | None:
        """Why the key is not good at *at*, or None."""
        if self.revoked:
            return f"key `{self.kid}` is revoked"
        if at < self.not_before:
            return f"key `{self.kid}` is not valid before {self.not_before.isoformat()}"
        if self.not_after is not None and at >= self.not_after:
            return f"key `{self.kid}` is not valid since {self.not_after.isoformat()}"
        return None
