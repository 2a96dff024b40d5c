"""The example enterprise as real processes, and its two clients, for tests."""

import json
import os
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast
from uuid import uuid4

import httpx2
from mcp import Client, ClientSession, MCPError
from mcp.client.streamable_http import streamable_http_client
from mcp_types import CallToolResult, ListResourceTemplatesResult, ListToolsResult, RequestParamsMeta, TextResourceContents

from examples.refund.clients import Resources, read_credential, write_clients
from examples.refund.operations import operation_details
from examples.refund.signing import Claims, sign, signing_key

ROOT = Path(__file__).parents[2]
MODERN = "2026-07-28"
PLAIN: dict[str, Any] = {"trust_env": False, "verify": ssl.create_default_context()}
"""No proxy, and one TLS context for all: making one takes longer than a call."""
REFUND: dict[str, Any] = {"order_id": "ORD-2001", "amount_minor": 4200, "currency": "EUR", "reason": "broken"}


def free_port() -> int:
    """A port that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def process(module: str, port: int, *options: str, fault: str = "") -> Iterator[subprocess.Popen[str]]:
    """A running process of the enterprise that answers `/healthz`; ended on the way out."""
    command = [sys.executable, "-m", f"examples.refund.{module}", "--port", str(port), *options]
    started = subprocess.Popen(
        command, cwd=ROOT, text=True, stderr=subprocess.PIPE, env={**os.environ, "PAYMENTS_FAULT": fault}
    )
    try:
        yield started
    finally:
        started.terminate()
        started.communicate(timeout=5)


def wait_healthy(port: int) -> None:
    """Returns when the process on *port* answers; fails after 30 s."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            if httpx2.get(f"http://127.0.0.1:{port}/healthz", **PLAIN).is_success:
                return
        except httpx2.TransportError:
            time.sleep(0.01)
    raise AssertionError(f"nothing healthy on port {port}")


@dataclass(frozen=True)
class Enterprise:
    """Where everything runs."""

    data: Path
    issuer: str
    resources: Resources

    def request_token(self, role: str, **form: str) -> httpx2.Response:
        """The issuer's answer to *role*, which is `read` or `commit`."""
        who = read_credential(self.data / f"{role}-client.json")
        return httpx2.post(
            f"{self.issuer}/token",
            data={"grant_type": "client_credentials", **form},
            auth=(who.client_id, who.client_secret),
            **PLAIN,
        )

    def scope_token(self, role: str, resource: str, scope: str) -> str:
        """A token for *scope*."""
        return str(self.request_token(role, resource=resource, scope=scope).raise_for_status().json()["access_token"])

    def operation_token(self, arguments: Mapping[str, Any], tool: str = "issue_refund") -> str:
        """A token for one *tool* with *arguments*."""
        resource = self.resources.parcels if tool == "track" else self.resources.payments
        details = json.dumps(operation_details(resource, tool, arguments))
        answer = self.request_token("commit", resource=resource, authorization_details=details)
        return str(answer.raise_for_status().json()["access_token"])

    def signed(self, resource: str, **claims: object) -> str:
        """A token of the issuer's own key with claims that the issuer might never put together."""
        now = int(time.time())
        usual: Claims = {"iss": self.issuer, "aud": resource, "sub": "t", "client_id": "t", "jti": uuid4().hex}
        return sign(signing_key(self.data), {**usual, "iat": now, "exp": now + 30, **claims})


@contextmanager
def running_enterprise(data: Path) -> Iterator[Enterprise]:
    """The five processes, all healthy."""
    issuer_port, *ports = (free_port() for _ in range(5))
    orders, payments, knowledge, parcels = ports
    issuer = f"http://127.0.0.1:{issuer_port}"
    enterprise = Enterprise(data, issuer, Resources(*(f"http://127.0.0.1:{port}/mcp" for port in ports)))
    write_clients(data, enterprise.resources)
    common = ("--data", str(data), "--issuer", issuer)
    with (
        process("issuer", issuer_port, "--data", str(data), "--clients", str(data / "clients.json")),
        process("orders", orders, *common),
        process("payments", payments, *common),
        process("knowledge", knowledge, *common),
        process("parcels", parcels, *common),
    ):
        for port in (issuer_port, *ports):
            wait_healthy(port)
        yield enterprise


async def call(
    resource: str,
    token: str,
    tool: str,
    arguments: dict[str, Any],
    *,
    key: str | None = None,
    mode: str = MODERN,
    timeout_seconds: float = 5,
) -> CallToolResult:
    """One tool call, sent once."""
    meta = cast(RequestParamsMeta, {"idempotency-key": key}) if key is not None else None
    async with (
        httpx2.AsyncClient(headers={"Authorization": f"Bearer {token}"}, **PLAIN) as http,
        Client(streamable_http_client(resource, http_client=http), mode=mode, cache=None) as client,
    ):
        return await client.session.call_tool(tool, arguments, read_timeout_seconds=timeout_seconds, meta=meta)


@asynccontextmanager
async def session(resource: str, token: str) -> AsyncIterator[ClientSession]:
    """An open session with *resource* under *token*."""
    async with (
        httpx2.AsyncClient(headers={"Authorization": f"Bearer {token}"}, **PLAIN) as http,
        Client(streamable_http_client(resource, http_client=http), mode=MODERN, cache=None) as client,
    ):
        yield client.session


async def tools(resource: str, token: str) -> ListToolsResult:
    """What the resource lists for *token*."""
    async with session(resource, token) as opened:
        return await opened.list_tools()


async def documents(resource: str, token: str) -> ListResourceTemplatesResult:
    """The templates of documents that the resource lists for *token*."""
    async with session(resource, token) as opened:
        return await opened.list_resource_templates()


async def document(resource: str, token: str, uri: str) -> str:
    """The text at *uri*, or what the server says instead."""
    async with session(resource, token) as opened:
        try:
            (part,) = (await opened.read_resource(uri)).contents
        except MCPError as error:
            return f"error: {error}"
    assert isinstance(part, TextResourceContents) and (part.uri, part.mime_type) == (uri, "application/json")
    return part.text


def text(result: CallToolResult) -> str:
    """The sentence of a tool error."""
    assert result.is_error
    return str(getattr(result.content[0], "text", ""))
