"""
What the four systems share: each is an MCP server over stateless HTTP, and an OAuth resource server.

Stateless with plain JSON answers: a restarted process answers the next request as if nothing had happened.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mcp.server.auth.settings import AuthSettings
from mcp.server.context import ServerMiddleware
from mcp.server.mcpserver import MCPServer
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from uvicorn.protocols.http.h11_impl import H11Protocol

from examples.refund import process
from examples.refund.access_tokens import IssuerTokens
from examples.refund.documents import Documents, DocumentsDoor
from examples.refund.faults import Fault, FaultProtocol
from examples.refund.tools import Door, Offer


@dataclass(frozen=True)
class Settings:
    """Where one system listens, keeps its data, and whose tokens it takes."""

    port: int
    data: Path
    issuer: str

    @property
    def resource(self) -> str:
        """The RFC 8707 resource: the URL of the MCP endpoint, to the letter."""
        return f"http://{process.HOST}:{self.port}/mcp"


def parse_settings(name: str, description: str) -> Settings:
    """The settings from the command line."""
    parser = process.arguments(name, description)
    parser.add_argument("--issuer", required=True, metavar="URL", help="base URL of the token issuer")
    found = parser.parse_args()
    return Settings(found.port, Path(found.data), found.issuer.rstrip("/"))


def application(
    name: str,
    settings: Settings,
    offers: Sequence[Offer],
    inner: Sequence[ServerMiddleware[None]] = (),
    documents: Sequence[Documents] = (),
) -> Starlette:
    """The system as an ASGI app: its MCP endpoint behind tokens, and `/healthz` for anyone."""
    server: MCPServer[None] = MCPServer(
        name,
        tools=[each.tool for each in offers],
        middleware=[Door(offers), DocumentsDoor(documents), *inner],
        subscriptions=False,
        log_level="CRITICAL",
        token_verifier=IssuerTokens(settings.issuer, settings.resource),
        auth=_auth(settings),
    )
    for each in documents:
        each.add_to(server)
    app = server.streamable_http_app(stateless_http=True, json_response=True)
    app.add_route("/healthz", _healthy, methods=["GET"])
    return app


def run(
    name: str,
    settings: Settings,
    offers: Callable[[], Sequence[Offer]],
    fault: Fault | None = None,
    documents: Sequence[Documents] = (),
) -> None:
    """Serves the system until it is told to end. The port is taken before any data is touched."""
    listener = process.listen(name, settings.port)
    settings.data.mkdir(parents=True, exist_ok=True)
    app = application(name, settings, offers(), [fault] if fault else [], documents)
    process.serve(app, listener, FaultProtocol if fault else H11Protocol)


def _auth(settings: Settings) -> AuthSettings:
    """Validated from text, which keeps the issuer's URL to the letter: no slash is added (RFC 8414, 3.3)."""
    return AuthSettings.model_validate(
        {
            "issuer_url": settings.issuer,
            "resource_server_url": settings.resource,
            "validate_token_resource": True,
        }
    )


async def _healthy(_: Request) -> Response:
    return PlainTextResponse("ok")
