"""
MCP resources as they are listed and read. A resource is read by the URI that a person's pinned template gives, and what
comes back is taken only where it is text, of that very URI, and not too large.
"""

from __future__ import annotations

from mcp import Client, MCPError
from mcp_types import (
    CONNECTION_CLOSED,
    METHOD_NOT_FOUND,
    REQUEST_TIMEOUT,
    PaginatedRequestParams,
    ReadResourceResult,
    TextResourceContents,
)
from pydantic import JsonValue

from activities.ports import ToolAnswer
from policies.canonical import parse
from policies.contract import Contract, of_resource
from policies.errors import CanonicalError

MAX_PAGES = 100
MAX_TEXT = 256 * 1024
"""Characters of one resource."""
_NO_ANSWER = {CONNECTION_CLOSED, REQUEST_TIMEOUT}
"""Codes that the client makes up itself where no answer came."""


async def templates(client: Client) -> tuple[Contract, ...]:
    """Every resource template that the server lists now, in its order; none where it knows no resources."""
    listed: list[Contract] = []
    cursor: str | None = None
    for _ in range(MAX_PAGES):
        try:
            page = await client.session.list_resource_templates(params=PaginatedRequestParams(cursor=cursor))
        except MCPError as error:
            if error.code == METHOD_NOT_FOUND:
                return ()
            raise
        listed += [of_resource(found.name, found.description or "", found.uri_template) for found in page.resource_templates]
        if not page.next_cursor:
            return tuple(listed)
        cursor = page.next_cursor
    raise ValueError(f"it lists its resource templates on more than {MAX_PAGES} pages")


async def contents(client: Client, uri: str, meta: dict[str, JsonValue]) -> ToolAnswer:
    """What the server has at *uri*; `failed` where it says that it has nothing, or answers with what is not taken."""
    try:
        result = await client.session.read_resource(uri, meta=meta or None)  # type: ignore[arg-type]
    except MCPError as error:
        if error.code in _NO_ANSWER:
            raise
        return ToolAnswer(result=error.message, failed=True)
    trouble = _trouble(uri, result)
    return ToolAnswer(result=trouble, failed=True) if trouble is not None else _taken(result)


def _trouble(uri: str, result: ReadResourceResult) -> str | None:
    """Why *result* is not what is at *uri*, or None. Nothing of it is repeated: a stranger wrote it."""
    if not result.contents:
        return "the server answered with no contents"
    if any(part.uri != uri for part in result.contents):
        return f"the server answered with another resource than `{uri}`"
    texts = [part.text for part in result.contents if isinstance(part, TextResourceContents)]
    if len(texts) != len(result.contents):
        return "the server answered with contents that are no text"
    return f"it is larger than {MAX_TEXT} characters" if sum(map(len, texts)) > MAX_TEXT else None


def _taken(result: ReadResourceResult) -> ToolAnswer:
    """One JSON document as what it holds; anything else as a list of texts."""
    texts = [part for part in result.contents if isinstance(part, TextResourceContents)]
    if len(texts) > 1 or texts[0].mime_type != "application/json":
        parts: list[JsonValue] = [{"mime_type": part.mime_type, "text": part.text} for part in texts]
        return ToolAnswer(result={"contents": parts}, failed=False)
    try:
        return ToolAnswer(result=parse(texts[0].text), failed=False)
    except CanonicalError as error:
        return ToolAnswer(result=f"what is there is said to be JSON, and {error}", failed=True)
