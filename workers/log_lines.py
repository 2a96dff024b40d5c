"""
What a log line says: ids that lead to a mission, and no word of what the mission is about.

An exception's message may quote arguments, a tool's answer or what a model wrote; so may a line that a library wrote. Of an
exception its kinds and places are told, and of ours what kind of trouble that is: which server does not answer, which file is
not there. A line of the SDK is told up to where values begin; a line of another library is named, not told. Whoever asks for
`debug` gets everything.

Source: docs/decisions/0015-telemetry.md
"""

from __future__ import annotations

import re
import sys
import traceback
from collections.abc import Iterator, Mapping, Sequence
from logging import LogRecord
from pathlib import Path
from typing import Any

from structlog.typing import EventDict, WrappedLogger
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError

from activities.errors import Forgotten, Unreachable
from approvals.display import escaped
from policies.errors import BundleError
from workers.errors import CommandError

OURS = "sayso"
_READ = ("temporalio", "opentelemetry", "asyncio")
"""Loggers whose lines were read: what they say before the first sign of a value is fixed text."""
_PACKAGES = frozenset({"policies", "approvals", "audit", "activities", "workflows", "workers"})
_VALUES = re.compile(r"""[:('"`{\[<=\n]""")
_PLAIN = re.compile(r"[A-Za-z0-9_.@/-]{1,200}")
MAX_TEXT = 120
MAX_CAUSES = 8
MAX_WORDS = 500
SAFE = (BundleError, CommandError, Forgotten, OSError, RPCError)
"""What these say is about our servers and files, and never about a case."""


def trace_ids() -> dict[str, str]:
    """Trace and span of whatever runs now; nothing where nothing is traced."""
    api = sys.modules.get("opentelemetry.trace")
    context = api.get_current_span().get_span_context() if api is not None else None
    if context is None or not context.is_valid:
        return {}
    return {"trace_id": f"{context.trace_id:032x}", "span_id": f"{context.span_id:016x}"}


def with_ids(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Adds mission, run and trace to a line, where it is known whose it is."""
    record = event.get("_record")
    ids = _of_temporal(record) if isinstance(record, LogRecord) else {}
    for name, value in {**ids, **trace_ids()}.items():
        if value:
            event[name] = value
    return event


def without_text(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Takes from a line of a library what may be a value."""
    record, args = event.get("_record"), event.pop("positional_args", ())
    if isinstance(record, LogRecord) and record.name.partition(".")[0] != OURS:
        event["event"] = _told(record, args)
    return event


def without_messages(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Tells an exception by its kinds."""
    given = event.pop("exc_info", None)
    error = given if isinstance(given, BaseException) else given[1] if isinstance(given, tuple) else None
    if given is True:
        error = sys.exception()
    if isinstance(error, BaseException):
        chain = list(_chain(error))
        event["error"] = [_kind(each) for each in chain]
        # The innermost says most: which server, which file.
        words = next((fixed for fixed in map(_words, reversed(chain)) if fixed), None)
        if words:
            event["trouble"] = words
        event["raised"] = _places(chain)
    event.pop("exception", None)
    event.pop("stack_info", None)
    event.pop("stack", None)
    return event


def shown(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Escapes what a terminal would obey instead of showing it; the lines of a traceback stay lines."""
    return {name: _shown(value) for name, value in event.items()}


def _shown(value: object) -> object:
    if isinstance(value, list):
        return [_shown(each) for each in value]
    return "\n".join(map(escaped, value.split("\n"))) if isinstance(value, str) else value


def _of_temporal(record: LogRecord) -> dict[str, str]:
    """Whose line it is, as the SDK says beside it."""
    core = getattr(record, "temporal_log", None)
    found = getattr(core, "fields", None) if core is not None else None
    for name in ("temporal_workflow", "temporal_activity"):
        found = getattr(record, name, found)
    if not isinstance(found, Mapping):
        return {}
    ids = {"mission_id": found.get("workflow_id"), "run_id": found.get("run_id") or found.get("workflow_run_id")}
    return {name: value for name, value in ids.items() if isinstance(value, str)}


def _told(record: LogRecord, given: object) -> str:
    if not record.name.startswith(_READ):
        return f"a line of {record.name} at {record.filename}:{record.lineno}, told at debug only"
    args, text = given if isinstance(given, tuple) else (), str(record.msg)
    if args and all(isinstance(arg, int | float) or (isinstance(arg, str) and _PLAIN.fullmatch(arg)) for arg in args):
        text = text % args
    return _VALUES.split(text, maxsplit=1)[0].strip()[:MAX_TEXT]


def _chain(error: BaseException) -> Iterator[BaseException]:
    found: BaseException | None = error
    for _ in range(MAX_CAUSES):
        if found is None:
            return
        yield found
        found = found.__cause__ or found.__context__


def _kind(error: BaseException) -> str:
    name = type(error).__name__
    return f"{name}/{error.type}" if isinstance(error, ApplicationError) and error.type else name


def _words(error: BaseException) -> str | None:
    """What kind of trouble it is: in its words where those are of servers and files, else as its class says, if it is ours."""
    if isinstance(error, Unreachable):
        return f"{error.what} at {error.where} cannot be reached"
    if isinstance(error, SAFE):
        return str(error)[:MAX_WORDS]
    if type(error).__module__.partition(".")[0] not in _PACKAGES or not type(error).__doc__:
        return None
    return str(type(error).__doc__).strip().splitlines()[0]


def _places(chain: Sequence[BaseException]) -> list[str]:
    """Where each of *chain* was raised: file, line and function, and no line of code."""
    frames = (traceback.extract_tb(error.__traceback__)[-1:] for error in chain)
    return [f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for found in frames for frame in found]


def keeps_all(level: str, environment: Mapping[str, Any]) -> bool:
    """Whether lines are to hold everything: for whoever looks for a mistake, on a machine of their own."""
    return level.lower() == "debug" or bool(environment.get("SAYSO_DEBUG"))
