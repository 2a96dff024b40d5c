"""Waiting for a mission's end and telling its verdict."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from pydantic import JsonValue
from temporalio.client import WorkflowExecutionDescription, WorkflowFailureError, WorkflowHandle
from temporalio.converter import PayloadCodec
from temporalio.exceptions import ApplicationError, FailureError

from approvals.display import visible, visible_json
from approvals.proposal import proposal_id
from approvals.queue import named, waits
from audit.payloads import SEALED_WORDS
from policies.canonical import Digest
from workers.cli.pursuit_lines import pursuit_lines
from workers.cli.trouble import troubles
from workers.errors import Refused

_LOOK_SECONDS = 0.5


async def watched(handle: WorkflowHandle[Any, Any], codec: PayloadCodec | None, say: Callable[[str], None]) -> JsonValue:
    """
    The mission's verdict; until then *say* gets a line whenever something else is waited for, opened by *codec*.

    Raises:
        Refused: The mission ended without a verdict.
    """
    ending = asyncio.ensure_future(handle.result())
    last: tuple[str, ...] = ()
    try:
        while not ending.done():
            lines = await _lines(await handle.describe(), codec)
            for line in lines:
                if line not in last:
                    say(line)
            last = lines
            await asyncio.wait({ending}, timeout=_LOOK_SECONDS)
        verdict: JsonValue = await ending
    except WorkflowFailureError as error:
        raise Refused(f"mission `{visible(handle.id)}` ended without a verdict: {visible(_innermost(error))}") from error
    except ApplicationError as error:
        raise Refused(f"mission `{visible(handle.id)}` ended, and what it ended with is {SEALED_WORDS}") from error
    except asyncio.CancelledError:
        say(f"the mission goes on without you: `sayso rail {visible(handle.id)}` shows it")
        raise
    finally:
        ending.cancel()
    return verdict


def committed(verdict: JsonValue) -> bool:
    """Whether *verdict* tells of a commit that was done. What a model says was done counts for nothing."""
    if not isinstance(verdict, dict):
        return False
    outcome, executed = verdict.get("outcome"), verdict.get("executed")
    return (isinstance(outcome, dict) and outcome.get("kind") == "committed") or (isinstance(executed, int) and executed > 0)


def verdict_text(verdict: JsonValue) -> str:
    """The verdict, its reasons, and what was done; what a model says of it last, and marked."""
    if not isinstance(verdict, dict):
        return f"verdict: {visible_json(verdict)}"
    lines = [f"verdict: {visible(str(verdict.get('verdict', visible_json(verdict))))}"]
    reasons, outcome = verdict.get("reasons"), verdict.get("outcome")
    lines += [f"  because {visible(str(reason))}" for reason in (reasons if isinstance(reasons, list) else [])]
    if isinstance(outcome, dict):
        result = f": {visible_json(outcome['result'])}" if outcome.get("result") is not None else ""
        lines.append(f"  outcome {visible(str(outcome.get('kind')))}{result}")
    return "\n".join([*lines, *pursuit_lines(verdict)])


async def _lines(description: WorkflowExecutionDescription, codec: PayloadCodec | None) -> tuple[str, ...]:
    proposal = named(description.typed_search_attributes)
    lines = []
    if proposal and waits(description.typed_search_attributes):
        name = proposal_id(Digest(visible(proposal)))
        lines.append(f"waits for a decision on proposal {name}: `sayso review {name}`, then `sayso approve {name}` or `deny`")
    lines += [f"trouble: {trouble.words()}" for trouble in await troubles(description, codec, datetime.now(UTC))]
    return tuple(lines)


def _innermost(error: BaseException) -> str:
    """The message at the bottom of a chain of Temporal failures."""
    while isinstance(error, WorkflowFailureError | FailureError) and error.cause is not None:
        error = error.cause
    return str(error)
