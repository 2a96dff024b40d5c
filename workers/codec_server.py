"""
The codec server: Temporal's protocol by which its UI and command line have payloads opened and encrypted.

`POST /decode` and `POST /encode` take and give `{"payloads": […]}` as JSON. Whoever asks needs a token, in the header or, since
the UI of `temporal server start-dev` can send none, as the first part of the path. A browser is answered for the UI's own
origins alone, and only for the namespace that is served. Each request is one line in the log, written before the answer:
who, and digests of what was opened or fetched. The path, the token and what payloads hold are never in it.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import socket
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import structlog
import uvicorn
from google.protobuf.json_format import MessageToDict, ParseDict, ParseError
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from temporalio.api.common.v1 import Payload, Payloads

from activities.errors import StoreSilent
from audit.payloads import ENCRYPTED, SEALED
from audit.references import named_by
from workers.codec_access import Access
from workers.encryption import RingCodec
from workers.errors import WrongUse
from workers.keyring import KeyRing, key_id_of
from workers.storing import NO_STORE, PayloadTooLarge, Storing, StoringCodec

MAX_BODY = 8 * 1024 * 1024
MAX_PAYLOADS = 10_000
MAX_LISTED = 100
"""So many digests stand in one line of the log; beyond it they are counted."""
MAX_WORD = 200
HEADERS = ("content-type", "x-namespace", "authorization")
SHUTDOWN_SECONDS = 1
UNCACHED = {"Cache-Control": "no-store"}

_log = structlog.stdlib.get_logger("sayso.codec")


@dataclass(frozen=True)
class _Refused(Exception):
    status: int
    reason: str
    who: str | None = None


class CodecServer:
    """The endpoints over one key ring and one payload store."""

    def __init__(
        self, ring: KeyRing, access: Access, namespace: str, origins: Sequence[str], storing: Storing = NO_STORE
    ) -> None:
        """
        Args:
            origins: Of the Temporal UIs whose pages may ask, exactly.
            storing: Where large payloads are; what it does not know of stays closed.
        """
        self._codec = StoringCodec(RingCodec(ring), storing.store, storing.threshold)
        self._access = access
        self._namespace = namespace
        self._origins = frozenset(origins)

    def application(self) -> Starlette:
        """The server as an ASGI app."""
        cors = Middleware(
            CORSMiddleware,
            allow_origins=sorted(self._origins),
            allow_methods=["POST"],
            allow_headers=list(HEADERS),
        )
        work = [
            Route(f"{token}/{verb}", self._endpoint(verb), methods=["POST"])
            for token in ("", "/{token}")
            for verb in ("decode", "encode")
        ]
        return Starlette(routes=[Route("/healthz", _healthy), *work], middleware=[cors])

    def _endpoint(self, verb: str) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            try:
                return await self._answered(request, verb)
            except _Refused as refused:
                _log.warning("codec.refused", status=refused.status, reason=refused.reason, **_asked(request, refused.who))
                return JSONResponse({"message": refused.reason}, status_code=refused.status, headers=UNCACHED)
            except ClientDisconnect:
                return Response(status_code=400)
            except Exception as error:  # the top of a request: what is wrong here may hold what must not be told
                _log.error("codec.failed", kind=type(error).__name__, **_asked(request, None))
                return JSONResponse({"message": "this could not be done"}, status_code=500, headers=UNCACHED)

        return endpoint

    async def _answered(self, request: Request, verb: str) -> Response:
        who = self._who(request)
        if who is None:
            raise _Refused(401, "no token of somebody who may ask")
        origin = request.headers.get("origin")
        if origin is not None and origin not in self._origins:
            raise _Refused(403, "a page of this origin may not ask", who)
        if request.headers.get("x-namespace") != self._namespace:
            raise _Refused(403, "X-Namespace is not the namespace that is served here", who)
        given = await asyncio.to_thread(_parsed, await _body(request, who), who)
        try:
            done = await (self._codec.decode(given) if verb == "decode" else self._codec.encode(given))
        except PayloadTooLarge as error:
            raise _Refused(413, str(error), who) from error
        except StoreSilent as error:
            raise _Refused(503, "the payload store does not answer", who) from error
        _log.info(f"codec.{verb}d", **_asked(request, who), **_told(given if verb == "decode" else done, done))
        payloads = await asyncio.to_thread(MessageToDict, Payloads(payloads=done))
        return JSONResponse({"payloads": [], **payloads}, headers=UNCACHED)

    def _who(self, request: Request) -> str | None:
        scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
        named = self._access.who(bearer.strip()) if scheme.lower() == "bearer" else None
        return named or self._access.who(request.path_params.get("token"))


def run(server: CodecServer, host: str, port: int) -> None:
    """
    Serves until SIGTERM or SIGINT.

    Raises:
        WrongUse: The port cannot be had.
    """
    listener = _listen(host, port)
    # What uvicorn would say of a request holds its path, and that may hold a token.
    logging.getLogger("uvicorn").setLevel(logging.CRITICAL)
    config = uvicorn.Config(
        server.application(),
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
    )
    _log.info("codec.started", host=host, port=port)
    uvicorn.Server(config).run(sockets=[listener])


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        # The protocol is named because asyncio sets TCP_NODELAY on such sockets only; without it each answer waits 40 ms.
        listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except (OSError, OverflowError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise WrongUse(f"cannot listen on `{host}:{port}` ({reason}): choose another `--port`") from error
    return listener


async def _body(request: Request, who: str) -> bytes:
    """At most MAX_BODY bytes and one part are ever held, whatever the request says of its length."""
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > MAX_BODY:
            raise _Refused(413, f"more than {MAX_BODY} bytes", who)
    return bytes(body)


def _parsed(body: bytes, who: str) -> list[Payload]:
    try:
        value = json.loads(body)
        listed = value["payloads"]
        if len(listed) > MAX_PAYLOADS:
            raise _Refused(413, f"more than {MAX_PAYLOADS} payloads", who)
        return list(ParseDict({"payloads": listed}, Payloads()).payloads)
    except (ValueError, KeyError, TypeError, RecursionError, ParseError):
        pass
    raise _Refused(400, 'the body is not `{"payloads": […]}` in the JSON of Temporal\'s payloads', who)


def _asked(request: Request, who: str | None) -> dict[str, object]:
    """What may be told of any request."""
    namespace, origin = (request.headers.get(name, "")[:MAX_WORD] for name in ("x-namespace", "origin"))
    return {"who": who, "namespace": namespace, "origin": origin}


def _told(sealed: Sequence[Payload], done: Sequence[Payload]) -> dict[str, object]:
    """What may be told of payloads: *sealed* before they were opened, or after they were encrypted."""
    encrypted = [payload for payload in sealed if payload.metadata.get("encoding") == ENCRYPTED]
    stored = [address for payload in sealed if (address := named_by(payload)) is not None]
    return {
        "payloads": len(sealed),
        "encrypted": len(encrypted),
        "stored": stored[:MAX_LISTED],
        "unopened": sum(payload.metadata.get("encoding") == SEALED for payload in done),
        "key_ids": sorted({key_id_of(payload) for payload in encrypted})[:MAX_LISTED],
        "ciphertexts": [hashlib.sha256(payload.data).hexdigest() for payload in encrypted[:MAX_LISTED]],
    }


async def _healthy(_: Request) -> Response:
    return PlainTextResponse("ok")
