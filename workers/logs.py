"""
Logs of a process: one JSON object a line on stderr, key-values on a terminal. Temporal's own lines look the same.

What a line holds is in `workers.log_lines`. Ids, headers and kinds of errors in it are strangers' text: whatever could move a
terminal's cursor or hide what stands beside it is escaped.
"""

from __future__ import annotations

import logging
import os
import sys

import structlog
import temporalio.activity
import temporalio.workflow

from workers.log_lines import keeps_all, shown, with_ids, without_messages, without_text

_SHARED: list[structlog.typing.Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    with_ids,
]
_CHATTY = ("httpx2", "httpx", "httpcore2", "mcp", "LiteLLM")


def set_up(level: str) -> None:
    """Sends structlog and the standard library's loggers to stderr from *level* on."""
    everything = keeps_all(level, os.environ)
    told: list[structlog.typing.Processor] = [] if everything else [without_text]
    errors = structlog.processors.format_exc_info if everything else without_messages
    chain: list[structlog.typing.Processor] = [
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
        errors,
        *_renderers(),
    ]
    handler = logging.StreamHandler(sys.stderr)
    lines = structlog.stdlib.ProcessorFormatter(
        processors=chain, foreign_pre_chain=[*_SHARED, *told], pass_foreign_args=not everything
    )
    handler.setFormatter(lines)
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
    # A line that cannot be put together would be printed with all its values.
    logging.raiseExceptions = everything
    for chatty in _CHATTY:
        logging.getLogger(chatty).setLevel(logging.WARNING)
    # Both would repeat in the text what stands beside it.
    temporalio.activity.logger.activity_info_on_message = False
    temporalio.workflow.logger.workflow_info_on_message = False
    structlog.configure(
        processors=[*_SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )


def _renderers() -> list[structlog.typing.Processor]:
    if sys.stderr.isatty():
        return [shown, structlog.dev.ConsoleRenderer()]
    # Everything but ASCII is escaped: a terminal obeys control characters beyond it too.
    return [structlog.processors.JSONRenderer()]
