"""
The token issuer: an OAuth authorization server for machines, on loopback.

It knows one grant, client credentials (RFC 6749, 4.4), and issues signed access tokens (RFC 9068) for one resource
each (RFC 8707). A scope token lives 300 s; an operation token (RFC 9396) names one operation with exact arguments and
lives 30 s. The clients file is read at every request: who is taken out of it gets no more tokens.
"""

import binascii
import time
from base64 import b64decode
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qsl, unquote_plus
from uuid import uuid4

from joserfc.jwk import OKPKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from examples.refund import process
from examples.refund.clients import Client, authenticated, load_clients
from examples.refund.grants import OPERATION_TYPE, Grant, TokenError, grant
from examples.refund.signing import Claims, sign, signing_key

BODY_LIMIT_BYTES = 65_536
NO_STORE = {"Cache-Control": "no-store"}


class Issuer:
    """The endpoints, over one key and one clients file."""

    def __init__(self, url: str, key: OKPKey, clients: Path, now: Callable[[], float] = time.time) -> None:
        self._url, self._key, self._clients, self._now = url, key, clients, now

    def application(self) -> Starlette:
        """The issuer as an ASGI app."""
        return Starlette(
            routes=[
                Route("/.well-known/oauth-authorization-server", self._metadata),
                Route("/jwks", self._jwks),
                Route("/token", self._token, methods=["POST"]),
                Route("/healthz", _healthy),
            ]
        )

    async def _metadata(self, _: Request) -> Response:
        """RFC 8414."""
        return JSONResponse(
            {
                "issuer": self._url,
                "token_endpoint": f"{self._url}/token",
                "jwks_uri": f"{self._url}/jwks",
                "response_types_supported": [],
                "grant_types_supported": ["client_credentials"],
                "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
                "authorization_details_types_supported": [OPERATION_TYPE],
            }
        )

    async def _jwks(self, _: Request) -> Response:
        return JSONResponse({"keys": [self._key.as_dict(private=False)]})

    async def _token(self, request: Request) -> Response:
        try:
            form = await _form(request)
            client = self._authenticate(request, form)
            return JSONResponse(self._issue(client, grant(client, form)), headers=NO_STORE)
        except TokenError as error:
            challenge = {"WWW-Authenticate": 'Basic realm="issuer"'} if error.status == 401 else {}
            body = {"error": error.code, "error_description": error.description}
            return JSONResponse(body, status_code=error.status, headers=NO_STORE | challenge)

    def _authenticate(self, request: Request, form: dict[str, str]) -> Client:
        try:
            clients = load_clients(self._clients)
        except (OSError, ValueError) as error:
            raise TokenError("server_error", "the clients file cannot be read", status=500) from error
        found = authenticated(clients, *_credentials(request, form))
        if found is None:
            raise TokenError("invalid_client", "unknown client or wrong secret", status=401)
        return found

    def _issue(self, client: Client, granted: Grant) -> dict[str, object]:
        now = int(self._now())
        named: Claims = {"scope": granted.scope, "authorization_details": granted.authorization_details}
        said = {name: value for name, value in named.items() if value is not None}
        claims: Claims = {
            "iss": self._url,
            "aud": granted.resource,
            "sub": client.client_id,
            "client_id": client.client_id,
            "jti": uuid4().hex,
            "iat": now,
            "exp": now + granted.seconds,
            **said,
        }
        token = sign(self._key, claims)
        return {"access_token": token, "token_type": "Bearer", "expires_in": granted.seconds, **said}


async def _form(request: Request) -> dict[str, str]:
    """The parameters of the body; a parameter that comes twice is an error (RFC 6749, 3.2)."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise TokenError("invalid_request", "the body is not application/x-www-form-urlencoded")
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > BODY_LIMIT_BYTES:
            raise TokenError("invalid_request", f"the body is longer than {BODY_LIMIT_BYTES} bytes")
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, strict_parsing=True, errors="strict", max_num_fields=16)
    except ValueError as error:
        raise TokenError("invalid_request", "the body cannot be parsed") from error
    form = dict(pairs)
    if len(form) != len(pairs):
        raise TokenError("invalid_request", "a parameter comes twice")
    return form


def _credentials(request: Request, form: dict[str, str]) -> tuple[str, str]:
    """The client's id and secret, from the header or the body, but not from both."""
    header = request.headers.get("authorization")
    if header is None:
        if "client_id" not in form or "client_secret" not in form:
            raise TokenError("invalid_client", "no client id and secret", status=401)
        return form["client_id"], form["client_secret"]
    if "client_secret" in form:
        raise TokenError("invalid_request", "the client proves itself twice; use the header or the body")
    scheme, _, encoded = header.partition(" ")
    try:
        client_id, colon, secret = b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        colon = ""
    if scheme.lower() != "basic" or not colon:
        raise TokenError("invalid_client", "the authorization header is no Basic credential", status=401)
    return unquote_plus(client_id), unquote_plus(secret)


async def _healthy(_: Request) -> Response:
    return PlainTextResponse("ok")


def main() -> None:
    """Runs the issuer."""
    parser = process.arguments("issuer", "The token issuer of the example enterprise.")
    parser.add_argument("--clients", required=True, metavar="FILE", help="clients file, see examples.refund.clients")
    found = parser.parse_args()
    listener = process.listen("issuer", found.port)
    try:
        load_clients(Path(found.clients))
    except (OSError, ValueError) as error:
        process.fail(f"issuer: clients file `{found.clients}`: {str(error).splitlines()[0]}", 2)
    issuer = Issuer(f"http://{process.HOST}:{found.port}", signing_key(Path(found.data)), Path(found.clients))
    process.serve(issuer.application(), listener)


if __name__ == "__main__":
    main()
