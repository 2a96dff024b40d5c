"""
Errors as a log may tell them. The words of an error often quote what it was given, such as an argument that does not fit. So
only errors that are known to speak of servers and files are told in their words, and any other by its kind and where it was
raised. On the rail, where payloads are encrypted, all have their words.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from types import TracebackType

from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError

from activities.errors import Forgotten, TokenRefused, Unreachable
from policies.errors import BundleError
from workers.errors import CommandError

PLAIN = (BundleError, CommandError, Forgotten, OSError, RPCError, TokenRefused, Unreachable)
"""What these say is about our servers and files, and never about a case."""
MOST = 20
"""So many errors of a chain are told."""

_Raised = tuple[type[BaseException], BaseException, TracebackType | None]


def told(exc_info: _Raised) -> str:
    """The chain of errors, innermost first, with their places in the code."""
    chain = list(_chain(exc_info[1]))[:MOST]
    return "\n".join("".join([*traceback.format_tb(error.__traceback__), _words(error)]) for error in reversed(chain))


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def _words(error: BaseException) -> str:
    kind = type(error).__name__
    if isinstance(error, ApplicationError) and error.type:
        return f"{kind} ({error.type})"
    return f"{kind}: {error}" if isinstance(error, PLAIN) else kind
