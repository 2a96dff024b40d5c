"""
Documents of a resource server, read by URI (`resources/read`), and their door: a token with the scope for them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from mcp import MCPError
from mcp.server.auth.middleware.auth_context import get_access_token
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.server.mcpserver import MCPServer
from mcp_types import INVALID_REQUEST

JSON = "application/json"


@dataclass(frozen=True)
class Documents:
    """All documents of one URI template, and the scope that reads them."""

    template: str
    name: str
    description: str
    scope: str
    read: Callable[..., str]
    """Takes the template's variables and gives JSON; raises ResourceError with a sentence."""

    def add_to(self, server: MCPServer[None]) -> None:
        """Serves them."""
        server.resource(self.template, name=self.name, description=self.description, mime_type=JSON)(self.read)


class DocumentsDoor:
    """Middleware that lets a document be read with a token for it. Listing passes."""

    def __init__(self, documents: Sequence[Documents]) -> None:
        # One scope a server is enough here: who may read one of its documents may read all.
        self._scopes = {each.scope for each in documents}

    async def __call__(self, ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
        """Runs the rest of the chain, or answers with what is missing."""
        token = get_access_token()
        if ctx.method == "resources/read" and (token is None or not self._scopes & set(token.scopes)):
            wanted = " or ".join(f"`{scope}`" for scope in sorted(self._scopes)) or "that no token has"
            raise MCPError(INVALID_REQUEST, f"reading needs a token with scope {wanted}; ask the issuer for one")
        return await call_next(ctx)
