"""
No redirects: what is sent to a model arrives at the place that its route names, or nowhere.

The libraries that ask models follow redirects by default, and a 307 has the whole question sent again, to wherever the answer
says: out of a perimeter that a person declared. They make their clients themselves, so the one thing that all of them use is
told not to.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

_STRAIGHT: ContextVar[bool] = ContextVar("straight", default=False)


@contextmanager
def straight() -> Iterator[None]:
    """While it lasts, no HTTP client that is used here follows a redirect."""
    _install()
    before = _STRAIGHT.set(True)
    try:
        yield
    finally:
        _STRAIGHT.reset(before)


@functools.cache
def _install() -> None:
    """Once in a process. Outside of `straight` the clients are as they were."""
    import aiohttp
    import httpx

    for kind in (httpx.AsyncClient, httpx.Client):
        setattr(kind, "send", _without(kind.send, "follow_redirects"))  # noqa: B010 (mypy allows no other way)
    requested = "_request"
    setattr(aiohttp.ClientSession, requested, _without(aiohttp.ClientSession._request, "allow_redirects"))


def _without(sending: Callable[..., Any], following: str) -> Callable[..., Any]:
    @functools.wraps(sending)
    def sent(*args: Any, **kwargs: Any) -> Any:
        return sending(*args, **(kwargs | {following: False} if _STRAIGHT.get() else kwargs))

    return sent
