"""The tool servers as they are now, asked with this machine's own credentials."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from activities.errors import TokenRefused, Unreachable
from policies.catalogue import Catalogue, Effect, Integration
from policies.contract import Contract
from workers.errors import WrongUse
from workers.settings import Role

if TYPE_CHECKING:
    from activities.mcp_tools import McpTools
    from activities.tokens import IssuerTokens

Offer = tuple[Contract, ...] | str
"""What a server lists, or why it could not be asked."""


async def offers(catalogue: Catalogue, clients: Mapping[Role, Path]) -> dict[str, Offer]:
    """
    What each integration's server lists now.

    Args:
        clients: The credential files of the read and the commit role.

    Raises:
        WrongUse: A credential file that is there does not hold a credential.
    """
    from activities.mcp_tools import McpTools

    tokens = {role: _tokens(catalogue.issuer, path) for role, path in clients.items() if path.is_file()}
    tools = McpTools()
    try:
        names = list(catalogue.integrations)
        found = await asyncio.gather(*(_offer(catalogue.integrations[name], tools, tokens) for name in names))
    finally:
        for each in tokens.values():
            await each.close()
    return dict(zip(names, found, strict=True))


async def _offer(integration: Integration, tools: McpTools, tokens: Mapping[Role, IssuerTokens]) -> Offer:
    role, scope = _scope(integration)
    if scope is None:
        return "none of its operations names a scope, and it has no `describe_scope`"
    if role not in tokens:
        return f"there is no credential of the {role} role on this machine"
    try:
        token = await tokens[role].for_scope(integration, scope)
        async with tools.open(integration, token) as session:
            return await session.contracts()
    except (Unreachable, TokenRefused) as error:
        return str(error)


def _scope(integration: Integration) -> tuple[Role, str | None]:
    """With which role and scope its tools are listed: as the commit worker does it, else as the read worker does."""
    if integration.describe_scope is not None:
        return Role.COMMIT, integration.describe_scope
    read = (entry.scope for entry in integration.operations.values() if entry.effect is not Effect.COMMIT and entry.scope)
    return Role.READ, next(read, None)


def _tokens(issuer: str, path: Path) -> IssuerTokens:
    from activities.tokens import IssuerTokens

    try:
        return IssuerTokens(issuer, path)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise WrongUse(f"`{path}` does not hold a `client_id` and a `client_secret`") from error
