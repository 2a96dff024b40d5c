"""
What a client may get a token for.

A client asks either for scopes at a resource, or for one operation at a resource with exact arguments: never both in
one token, and nothing that its entry in the clients file does not name.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from examples.refund.canonical import parse_unambiguous
from examples.refund.clients import Client

OPERATION_TYPE = "sayso_operation"
SCOPE_TOKEN_SECONDS = 300
OPERATION_TOKEN_SECONDS = 30
DETAILS_LENGTH_LIMIT = 16_384
"""The token travels in a header, and HTTP servers bound those."""


class TokenError(Exception):
    """A token request is refused; `code` is the error of RFC 6749, 8707 or 9396."""

    def __init__(self, code: str, description: str, status: int = 400) -> None:
        super().__init__(description)
        self.code, self.description, self.status = code, description, status


@dataclass(frozen=True)
class Grant:
    """What a token is for."""

    resource: str
    seconds: int
    scope: str | None = None
    authorization_details: list[dict[str, Any]] | None = None


class _Operation(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    type: Literal["sayso_operation"]
    locations: list[str]
    actions: list[str]
    arguments: dict[str, Any]


def grant(client: Client, form: Mapping[str, str]) -> Grant:
    """
    What *client* gets for this token request.

    Args:
        form: The request's parameters; each at most once.

    Raises:
        TokenError: The request asks for what the client may not have, or does not say what it asks for.
    """
    if form.get("grant_type") != "client_credentials":
        raise TokenError("unsupported_grant_type", "the only grant type here is client_credentials")
    resource = form.get("resource", "")
    if resource not in client.scopes and resource not in client.operations:
        raise TokenError("invalid_target", f"no resource `{resource}` for this client; name one it is registered for")
    scope, details = form.get("scope", "").split(), form.get("authorization_details")
    if details is not None and scope:
        raise TokenError("invalid_request", "ask for scope or for authorization_details, not for both")
    if details is not None:
        return _operation_grant(client, resource, details)
    return _scope_grant(client, resource, scope)


def _scope_grant(client: Client, resource: str, scope: list[str]) -> Grant:
    if not scope:
        raise TokenError("invalid_scope", "no scope asked for; name scope or authorization_details")
    for each in scope:
        if each not in client.scopes.get(resource, ()):
            raise TokenError("invalid_scope", f"scope `{each}` is not for this client at `{resource}`")
    return Grant(resource, SCOPE_TOKEN_SECONDS, scope=" ".join(dict.fromkeys(scope)))


def _operation_grant(client: Client, resource: str, text: str) -> Grant:
    operation = _parse_operation(text)
    if operation.locations != [resource]:
        raise _bad_details(f"locations are not exactly the resource `{resource}`")
    if len(operation.actions) != 1:
        raise _bad_details("actions do not name exactly one operation")
    if operation.actions[0] not in client.operations.get(resource, ()):
        raise _bad_details(f"operation `{operation.actions[0]}` is not for this client at `{resource}`")
    return Grant(resource, OPERATION_TOKEN_SECONDS, authorization_details=[operation.model_dump()])


def _parse_operation(text: str) -> _Operation:
    if len(text) > DETAILS_LENGTH_LIMIT:
        raise _bad_details(f"longer than {DETAILS_LENGTH_LIMIT} characters")
    try:
        entries = parse_unambiguous(text)
    except ValueError as error:
        raise _bad_details(f"no unambiguous JSON: {error}") from error
    if not isinstance(entries, list) or len(entries) != 1:
        raise _bad_details("not a list of exactly one entry")
    try:
        return _Operation.model_validate(entries[0])
    except ValidationError as error:
        fields = ", ".join(".".join(str(part) for part in each["loc"]) or "entry" for each in error.errors())
        raise _bad_details(f"these fields are not as they must be: {fields}") from error


def _bad_details(reason: str) -> TokenError:
    return TokenError("invalid_authorization_details", reason)
