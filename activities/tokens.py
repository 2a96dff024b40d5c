"""
Access tokens from the issuer, by client credentials.

A commit's token names one operation with its exact arguments (RFC 9396), one resource (RFC 8707), and lives for seconds.
Scope tokens are kept for a minute, or until shortly before they lapse; operation tokens never are.
"""

from __future__ import annotations

import json
import time
from pathlib import Path

import httpx2

from activities.errors import TokenRefused, Unreachable
from policies.action import Action
from policies.catalogue import Integration

TIMEOUT_SECONDS = 5.0
SPARE_SECONDS = 30.0
KEPT_SECONDS = 60.0
"""So long at most: what the issuer took back, or a server no longer takes, is asked for anew soon."""


class IssuerTokens:
    """One client of one issuer."""

    def __init__(self, issuer_url: str, client_file: Path) -> None:
        """
        Args:
            client_file: JSON with `client_id` and `client_secret`.
        """
        content = json.loads(client_file.read_text())
        self._issuer = issuer_url.rstrip("/")
        self._auth = (str(content["client_id"]), str(content["client_secret"]))
        self._http = httpx2.AsyncClient(timeout=TIMEOUT_SECONDS, trust_env=False)
        self._kept: dict[tuple[str, str], tuple[float, str]] = {}

    async def close(self) -> None:
        """Closes the connections to the issuer."""
        await self._http.aclose()

    async def for_scope(self, integration: Integration, scope: str) -> str:
        """A token for reading or describing. Raises Unreachable, TokenRefused."""
        kept = self._kept.get((integration.resource, scope))
        if kept is not None and time.monotonic() < kept[0]:
            return kept[1]
        token, seconds = await self._ask({"scope": scope, "resource": integration.resource})
        self._kept[(integration.resource, scope)] = (time.monotonic() + min(seconds - SPARE_SECONDS, KEPT_SECONDS), token)
        return token

    async def for_action(self, integration: Integration, action: Action) -> str:
        """A token for exactly *action*, once, for seconds. Raises Unreachable, TokenRefused."""
        details = {
            "type": "sayso_operation",
            "locations": [integration.resource],
            "actions": [action.tool],
            "arguments": dict(action.arguments),
        }
        form = {"resource": integration.resource, "authorization_details": json.dumps([details], ensure_ascii=False)}
        return (await self._ask(form))[0]

    async def _ask(self, form: dict[str, str]) -> tuple[str, float]:
        try:
            answer = await self._http.post(
                f"{self._issuer}/token", data={"grant_type": "client_credentials", **form}, auth=self._auth
            )
        except httpx2.HTTPError as error:
            raise Unreachable("the token issuer", self._issuer, type(error).__name__) from error
        if answer.status_code >= 500:
            raise Unreachable("the token issuer", self._issuer, f"it answers {answer.status_code}")
        try:
            content = answer.json()
            if answer.status_code == 200:
                return str(content["access_token"]), float(content.get("expires_in", 0))
            why = f"{content.get('error')}: {content.get('error_description', '')}"
        except (ValueError, KeyError, AttributeError) as error:
            raise Unreachable("the token issuer", self._issuer, "its answer is not a token answer") from error
        raise TokenRefused(f"the issuer gives no token for {integration_words(form)} ({why})")


def integration_words(form: dict[str, str]) -> str:
    """What was asked for, without arguments."""
    return f"`{form['scope']}`" if "scope" in form else f"an operation at {form['resource']}"
