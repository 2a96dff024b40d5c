"""A knowledge server of the test's own, over real HTTP: what it lists and what it answers is as the test says."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.server.mcpserver import MCPServer
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from tests.examples.enterprise import free_port, wait_healthy

TEMPLATE = "knowledge://{collection}/{document}"
DESCRIPTION = "A document of the shop's terms, with all its passages."
URI = "knowledge://refunds/refund-terms"
PASSAGES = '{"passages": [{"source": "refund-terms#window", "version": "2026-09", "text": "30 days."}]}'


@dataclass
class Library:
    """What it says, and what it was asked."""

    template: str = TEMPLATE
    description: str = DESCRIPTION
    contents: list[dict[str, Any]] | None = None
    """In place of an honest answer."""
    asked: list[str] = field(default_factory=list)
    url: str = ""

    async def __call__(self, ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
        """Notes what is read, and answers what it was told to."""
        result = await call_next(ctx)
        if ctx.method != "resources/read":
            return result
        self.asked.append(str((ctx.params or {})["uri"]))
        return {**result, "contents": self.contents} if self.contents is not None and isinstance(result, dict) else result


def _read(collection: str, document: str) -> str:
    return PASSAGES


@contextmanager
def serving(library: Library) -> Iterator[Library]:
    """The server, while the test runs."""
    server: MCPServer[None] = MCPServer("library", middleware=[library], log_level="CRITICAL")
    server.resource(library.template, name="document", description=library.description, mime_type="application/json")(_read)
    port = free_port()
    app = server.streamable_http_app(stateless_http=True, json_response=True)
    app.add_route("/healthz", _healthy, methods=["GET"])
    running = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_config=None, ws="none"))
    thread = threading.Thread(target=running.run)
    thread.start()
    library.url = f"http://127.0.0.1:{port}/mcp"
    try:
        wait_healthy(port)
        yield library
    finally:
        running.should_exit = True
        thread.join()


async def _healthy(_: Request) -> Response:
    return PlainTextResponse("ok")
