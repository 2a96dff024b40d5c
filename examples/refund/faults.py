"""
Faults to inject into the payment system, for tests only: the reply is lost after the ledger has the refund.

The environment variable `PAYMENTS_FAULT` of the payments process names one of

- `crash-after-commit-once`: the process dies at once, exit status 137;
- `hang-after-commit-once`: the reply never comes; the connection stays open;
- `drop-response-once`: the connection is reset.

Each happens once, right after the first refund that was committed and before its reply. The file `fault-done` in the
data directory remembers that, so that a restarted process answers normally under the same environment.
"""

import os
from asyncio import Transport
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any, assert_never

import anyio
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from starlette.requests import Request
from uvicorn.protocols.http.h11_impl import H11Protocol

VARIABLE = "PAYMENTS_FAULT"


class FaultKind(StrEnum):
    """What happens instead of a reply."""

    CRASH = "crash-after-commit-once"
    HANG = "hang-after-commit-once"
    DROP = "drop-response-once"


class Fault:
    """Middleware inside the door: lets the call happen, then loses its reply, once."""

    def __init__(self, kind: FaultKind, data: Path) -> None:
        self._kind, self._done = kind, data / "fault-done"

    async def __call__(self, ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
        """The result of the call, unless this is the one whose reply is lost."""
        result = await call_next(ctx)
        request: Request | None = ctx.request
        if request is not None and _is_refund(ctx, result) and self._first_time():
            await self._happen(request.state.transport)
        return result

    def _first_time(self) -> bool:
        try:
            os.close(os.open(self._done, os.O_WRONLY | os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            return False
        return True

    async def _happen(self, transport: Transport) -> None:
        match self._kind:
            case FaultKind.CRASH:
                os._exit(137)
            case FaultKind.HANG:
                await anyio.sleep_forever()
            case FaultKind.DROP:
                transport.abort()
            case _:
                assert_never(self._kind)


class FaultProtocol(H11Protocol):
    """uvicorn's protocol that lets a request reach its own connection, as `scope["state"]["transport"]`."""

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        """Remembers the connection for the requests that come over it."""
        super().connection_made(transport)
        self.app_state = {**self.app_state, "transport": transport}


def fault_from_environment(environment: Mapping[str, str], data: Path) -> Fault | None:
    """
    The fault that `PAYMENTS_FAULT` names, or None when it is not set.

    Raises:
        ValueError: It names no fault.
    """
    named = environment.get(VARIABLE)
    return Fault(FaultKind(named), data) if named else None


def _is_refund(ctx: ServerRequestContext[Any, Any], result: HandlerResult) -> bool:
    called = ctx.method == "tools/call" and (ctx.params or {}).get("name") == "issue_refund"
    return called and isinstance(result, dict) and not result.get("isError")
