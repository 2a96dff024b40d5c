"""
MCP servers over streamable HTTP.

`client.session.call_tool` sends once and raises; `Client.call_tool` re-sends by itself and is not used. Tools are listed in
the session before the call: that shows drift, and spares the SDK a listing after the call that could hide its answer. No
response cache: a contract is what the server says now. Anything that goes wrong once a call may have left is `Lost`.

A session lives in a task of its own: the SDK reports a broken connection by cancelling whoever is inside its context and
raising outside of it, and only this task may be cancelled so.

Source: docs/decisions/0007-mcp-client.md
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp_types import CallToolResult, PaginatedRequestParams, TextContent
from pydantic import JsonValue

from activities.errors import Lost, Unreachable
from activities.mcp_resources import MAX_PAGES, contents, templates
from activities.ports import ToolAnswer
from policies.catalogue import Integration
from policies.contract import Contract

CALL_SECONDS = 30.0
CONNECT_SECONDS = 5.0

_T = TypeVar("_T")
_Job = tuple[Callable[[Client], Awaitable[Any]], "asyncio.Future[Any]"]


class McpSession:
    """One open session under one token, run by its own task."""

    def __init__(self, url: str, http: httpx2.AsyncClient, token: str) -> None:
        self._url = url
        self._token = token
        self._http = http
        self._jobs: asyncio.Queue[_Job | None] = asyncio.Queue()
        self._task = asyncio.create_task(self._run())

    async def opened(self) -> None:
        """Returns when the server has answered. Raises Unreachable."""
        try:
            await self._ask(_nothing)
        except Exception as error:
            raise Unreachable("the MCP server", self._url, self._reason(error)) from error

    async def contract(self, tool: str) -> Contract | None:
        """What the server says the tool is now; None where it has none. Raises Unreachable."""

        async def listed(client: Client) -> Contract | None:
            cursor: str | None = None
            while True:
                page = await client.session.list_tools(params=PaginatedRequestParams(cursor=cursor))
                for found in page.tools:
                    if found.name == tool:
                        description = found.description or ""
                        return Contract(name=tool, description=description, input_schema=found.input_schema)
                if not page.next_cursor:
                    return None
                cursor = page.next_cursor

        try:
            return await self._ask(listed)
        except Exception as error:
            raise Unreachable("the MCP server", self._url, self._reason(error)) from error

    async def template(self, resource: str) -> Contract | None:
        """What the server says the resource template is now; None where it has none. Raises Unreachable."""
        try:
            return next((found for found in await self._ask(templates) if found.name == resource), None)
        except Exception as error:
            raise Unreachable("the MCP server", self._url, self._reason(error)) from error

    async def contracts(self) -> tuple[Contract, ...]:
        """Every tool and every resource template the server lists now, in its order. Raises Unreachable."""
        try:
            return await self._ask(_contracts) + await self._ask(templates)
        except Exception as error:
            raise Unreachable("the MCP server", self._url, reason(error)) from error

    async def call(self, tool: str, arguments: dict[str, JsonValue], meta: dict[str, JsonValue]) -> ToolAnswer:
        """Sends the call once. Raises Lost."""

        async def called(client: Client) -> CallToolResult:
            return await client.session.call_tool(tool, arguments, meta=meta or None)  # type: ignore[arg-type]

        try:
            result = await self._ask(called)
        except Exception as error:
            raise Lost(f"`{tool}` at {self._url}", self._reason(error)) from error
        return ToolAnswer(result=without(self._token, _content(result)), failed=bool(result.is_error))

    async def read(self, uri: str, meta: dict[str, JsonValue]) -> ToolAnswer:
        """Reads the resource once, its text alone. Raises Lost."""

        async def found(client: Client) -> ToolAnswer:
            return await contents(client, uri, meta)

        try:
            answer = await self._ask(found)
        except Exception as error:
            raise Lost(f"`{uri}` at {self._url}", self._reason(error)) from error
        return ToolAnswer(result=without(self._token, answer.result), failed=answer.failed)

    async def close(self) -> None:
        """Ends the session. What was answered stays answered, whatever the connection does on its way out."""
        self._jobs.put_nowait(None)
        await asyncio.wait([self._task], timeout=CONNECT_SECONDS)
        self._task.cancel()
        await asyncio.wait([self._task], timeout=CONNECT_SECONDS)

    def _reason(self, error: BaseException) -> str:
        return str(without(self._token, reason(error)))

    async def _ask(self, work: Callable[[Client], Awaitable[_T]]) -> _T:
        if self._task.done():
            raise ConnectionError("the session is over")
        answer: asyncio.Future[_T] = asyncio.get_running_loop().create_future()
        self._jobs.put_nowait((work, answer))
        return await asyncio.wait_for(answer, CALL_SECONDS)

    async def _run(self) -> None:
        current: _Job | None = None
        ended: BaseException = ConnectionError("the session ended")
        try:
            async with Client(streamable_http_client(self._url, http_client=self._http), cache=None) as client:
                while (current := await self._jobs.get()) is not None:
                    await _do(current, client)
        except Exception as error:
            ended = error
        finally:
            # Whoever waits learns of it, also of a connection that broke before the first job was taken.
            while current is not None or not self._jobs.empty():
                if current is not None and not current[1].done():
                    current[1].set_exception(ended)
                current = self._jobs.get_nowait() if not self._jobs.empty() else None


async def _contracts(client: Client) -> tuple[Contract, ...]:
    listed: list[Contract] = []
    cursor: str | None = None
    for _ in range(MAX_PAGES):
        page = await client.session.list_tools(params=PaginatedRequestParams(cursor=cursor))
        listed += [
            Contract(name=found.name, description=found.description or "", input_schema=found.input_schema)
            for found in page.tools
        ]
        if not page.next_cursor:
            return tuple(listed)
        cursor = page.next_cursor
    raise ValueError(f"it lists its tools on more than {MAX_PAGES} pages")


async def _nothing(client: Client) -> None:
    return None


async def _do(job: _Job, client: Client) -> None:
    work, answer = job
    try:
        result = await work(client)
    except Exception as error:
        if not answer.done():
            answer.set_exception(error)
    else:
        if not answer.done():
            answer.set_result(result)


class McpTools:
    """Opens sessions; holds none."""

    def __init__(self) -> None:
        # Building a context reads all certificate authorities and takes 20 ms; it is the same for every session.
        self._tls = ssl.create_default_context()

    @asynccontextmanager
    async def open(self, integration: Integration, token: str) -> AsyncIterator[McpSession]:
        """A session under *token*. Entering raises Unreachable; leaving raises nothing."""
        async with httpx2.AsyncClient(
            headers={"Authorization": f"Bearer {token}"},
            timeout=httpx2.Timeout(CALL_SECONDS, connect=CONNECT_SECONDS),
            trust_env=False,
            verify=self._tls,
        ) as http:
            session = McpSession(integration.url, http, token)
            try:
                await session.opened()
                yield session
            finally:
                await session.close()


def reason(error: BaseException) -> str:
    """The innermost cause, in a few words."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    text = str(error).strip().splitlines()
    return f"{type(error).__name__}: {text[0][:200]}" if text else type(error).__name__


def without(token: str, value: JsonValue) -> JsonValue:
    """*value* with `[token]` wherever a server gave *token* back: no secret is ever recorded."""
    match value:
        case str():
            return value.replace(token, "[token]") if token else value
        case list():
            return [without(token, item) for item in value]
        case dict():
            return {str(without(token, key)): without(token, item) for key, item in value.items()}
    return value


def _content(result: CallToolResult) -> JsonValue:
    if result.structured_content is not None:
        structured: JsonValue = result.structured_content
        return structured
    return "\n".join(part.text for part in result.content if isinstance(part, TextContent))
