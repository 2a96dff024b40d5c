"""
The door of a resource server: what a tool call must carry before the tool runs.

A middleware sees the raw parameters, before anything coerces them. It knows each tool's requirement and its closed
argument model; a tool without an offer does not exist. Whatever is refused is a tool error of one sentence.
"""

from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import anyio.to_thread
from mcp.server.auth.middleware.auth_context import get_access_token
from mcp.server.auth.provider import AccessToken
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.server.mcpserver.tools import Tool
from mcp.server.mcpserver.utilities.func_metadata import ArgModelBase, FuncMetadata
from mcp_types import CallToolResult, TextContent
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.json_schema import GenerateJsonSchema


class Refusal(Exception):
    """The call is not carried out; the text tells the caller why and what to do next."""


class Arguments(ArgModelBase):
    """The closed arguments of a tool: no unknown key, no coercion."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Result(BaseModel):
    """What a tool answers with."""

    model_config = ConfigDict(frozen=True)


@dataclass(frozen=True)
class Call:
    """One inbound tool call as it came over the wire, and the verified token it came with."""

    tool: str
    arguments: Mapping[str, Any]
    meta: Mapping[str, Any]
    token: AccessToken


A = TypeVar("A", bound=Arguments)
R = TypeVar("R", bound=Result)

Requirement = Callable[[Call], None]
"""Raises `Refusal` unless the call may be carried out."""


@dataclass(frozen=True)
class Offer:
    """A tool, its closed arguments, and what a call must carry."""

    tool: Tool
    arguments: type[Arguments]
    requirement: Requirement


_ADMITTED: ContextVar[Call] = ContextVar("admitted_call")


def admitted_call() -> Call:
    """The call that the door let through. Outside of one, a LookupError: no tool body runs unguarded."""
    return _ADMITTED.get()


def needs_scope(scope: str) -> Requirement:
    """Lets through any call whose token carries *scope*."""

    def requirement(call: Call) -> None:
        if scope not in call.token.scopes:
            raise Refusal(f"`{call.tool}` needs a token with scope `{scope}`; ask the issuer for one")

    return requirement


def offer(
    function: Callable[[A], R], *, name: str, description: str, arguments: type[A], result: type[R], needs: Requirement
) -> Offer:
    """The tool *name*, whose *function* runs in a worker thread and may raise `Refusal`."""

    async def run(**values: Any) -> R | CallToolResult:
        try:
            return await anyio.to_thread.run_sync(partial(function, arguments(**values)))
        except Refusal as refusal:
            return refused(refusal)

    tool = Tool(
        fn=run,
        name=name,
        description=description,
        parameters=arguments.model_json_schema(schema_generator=_UntitledSchema),
        fn_metadata=FuncMetadata(arg_model=arguments, output_model=result),
        is_async=True,
    )
    return Offer(tool, arguments, needs)


def refused(refusal: Refusal) -> CallToolResult:
    """The tool error that carries *refusal*."""
    return CallToolResult(content=[TextContent(type="text", text=str(refusal))], is_error=True)


class Door:
    """Middleware that admits a tool call, or answers it with a refusal. Listing and handshakes pass."""

    def __init__(self, offers: Sequence[Offer]) -> None:
        self._offers = {each.tool.name: each for each in offers}

    async def __call__(self, ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
        """Runs the rest of the chain with the admitted call in reach of the tool."""
        if ctx.method != "tools/call":
            return await call_next(ctx)
        try:
            call = self._admit(ctx.params or {})
        except Refusal as refusal:
            return refused(refusal)
        mark = _ADMITTED.set(call)
        try:
            return await call_next(ctx)
        finally:
            _ADMITTED.reset(mark)

    def _admit(self, params: Mapping[str, Any]) -> Call:
        name, raw, meta = params.get("name"), params.get("arguments"), params.get("_meta")
        known = self._offers.get(name) if isinstance(name, str) else None
        if known is None:
            raise Refusal(f"no tool is called `{name}`; the tools are {_listed(self._offers)}")
        token = get_access_token()
        if token is None:
            raise Refusal(f"`{name}` needs an access token; ask the issuer for one")
        if not isinstance(raw, dict):
            raise Refusal(f"`{name}` needs an object of arguments; see its input schema")
        call = Call(known.tool.name, raw, meta if isinstance(meta, dict) else {}, token)
        known.requirement(call)
        _check_arguments(known, call)
        return call


def _check_arguments(known: Offer, call: Call) -> None:
    try:
        known.arguments.model_validate(call.arguments)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        reason = first["msg"][:1].lower() + first["msg"][1:]
        raise Refusal(f"argument `{where}` of `{call.tool}`: {reason}; see its input schema") from error


def _listed(names: Mapping[str, object]) -> str:
    return ", ".join(f"`{name}`" for name in names)


class _UntitledSchema(GenerateJsonSchema):
    """Schemas without titles: what callers pin holds only what was written on purpose."""

    def generate(self, schema: Any, mode: Any = "validation") -> dict[str, Any]:
        made = super().generate(schema, mode)
        made.pop("title", None)
        made.pop("description", None)
        return made

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False
