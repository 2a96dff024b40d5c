"""
The activity of the reason worker: one question to a model, one answer of a given shape, or the next turn of a dialogue. It
decides nothing.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from jsonschema import Draft202012Validator
from pydantic import JsonValue
from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.dialogues import Dialogues, reasoned
from activities.heartbeat import beating
from activities.patience import misshapen, patient
from activities.prompted import ModelAnswer, Models, Prompted
from activities.question import Reasoned, ReasonRequest
from activities.transcripts import Transcripts
from activities.witness import Witness
from approvals.jws import Signer
from policies.bundle import NOTHING_ELSE
from policies.canonical import parse
from policies.catalogue import Catalogue
from policies.errors import CanonicalError
from policies.expansion import endless

MAX_SCHEMA = 64 * 1024
MAX_ANSWER = 64 * 1024
PROMPTS = Path(__file__).parent / "prompts"
_PURPOSE = re.compile(r"[a-z][a-z0-9_]*(/[a-z][a-z0-9_]*)*")


class ReasonActivities:
    """Runs on task queue `reasoning`, with model credentials and no others."""

    def __init__(
        self,
        models: Models,
        signer: Signer | None = None,
        *,
        tools: Catalogue | None = None,
        transcripts: Transcripts | None = None,
    ) -> None:
        """
        Args:
            signer: The reason worker's own key; without one, answers are not signed.
            tools: The operations that a dialogue may offer; without them there are no dialogues.
            transcripts: Where dialogues are kept; without them there are none either.
        """
        self._models = models
        self._witness = Witness("reason", signer)
        self._dialogues = Dialogues(models, tools, transcripts)

    @activity.defn
    async def reason(self, request: ReasonRequest) -> Reasoned:
        """
        The model's answer, of the shape asked for; in a dialogue, what it says next.

        Raises:
            ApplicationError: `UnknownPurpose`, `UnfitSchema`, `NoTools`, `TranscriptGone`, `TranscriptTooLong` and
                `ProviderRefused` (final); `Unreachable` and `Misshapen` (retried, see `activities.patience`). The last two and
                `ProviderRefused` tell a `Setback`.
        """
        prompt = _prompt(request.purpose)
        if request.dialogue is not None:
            with patient():
                async with beating():
                    return self._witness.signed(request, await self._dialogues.turn(prompt, request, request.dialogue))
        _check_schema(request.result_schema)
        with patient():
            async with beating():
                answer = await self._models.complete(_prompted(prompt, request))
                # In a thread: heartbeats go on, whatever schema and answer make of it.
                result = await asyncio.to_thread(_shaped, answer, request.result_schema)
        return self._witness.signed(request, reasoned(request, answer, result))


def _prompted(prompt: str, request: ReasonRequest) -> Prompted:
    info = activity.info()
    return Prompted(
        purpose=request.purpose,
        messages=(
            {"role": "system", "content": prompt},
            {"role": "user", "content": json.dumps(request.inputs, ensure_ascii=False)},
        ),
        schema=request.result_schema,
        sensitive=request.sensitive,
        mission=info.workflow_run_id or "",
        fallback=request.fallback,
    )


def _prompt(purpose: str) -> str:
    path = PROMPTS / f"{purpose}.md"
    if not _PURPOSE.fullmatch(purpose) or not path.is_file():
        raise ApplicationError(f"there is no prompt for purpose `{purpose}`", type="UnknownPurpose", non_retryable=True)
    return path.read_text(encoding="utf-8")


def _check_schema(schema: dict[str, JsonValue]) -> None:
    """A mission names the shape it wants; it does not make this worker fetch, or work for ever."""
    text = json.dumps(schema)
    outside = [ref for ref in re.findall(r'"\$(?:dynamicR|r)ef": "([^"]*)"', text) if not ref.startswith("#")]
    if outside or '"pattern' in text or len(text) > MAX_SCHEMA or endless(schema):
        words = "the result schema refers elsewhere or to itself, holds patterns, or is too large"
        raise ApplicationError(words, type="UnfitSchema", non_retryable=True)


def _shaped(answer: ModelAnswer, schema: dict[str, JsonValue]) -> JsonValue:
    if len(answer.text) > MAX_ANSWER:
        raise misshapen(answer, f"answered with more than {MAX_ANSWER} characters")
    try:
        value = parse(_inner(answer.text))
    except CanonicalError as error:
        # Where and why, never what: an answer may quote what was masked.
        raise misshapen(answer, "did not answer with JSON") from error
    errors = list(Draft202012Validator(schema, registry=NOTHING_ELSE).iter_errors(value))
    if errors:
        raise misshapen(answer, f"answered another shape at `{_where(errors[0].absolute_path, schema)}`")
    return value


def _where(path: Iterable[str | int], schema: JsonValue) -> str:
    """*path* in an answer, in names that the mission gave: a key that the model made may be a value."""
    known = frozenset(_properties(schema))
    steps = (f"[{step}]" if isinstance(step, int) else f".{step}" if step in known else ".*" for step in path)
    return "$" + "".join(steps)


def _properties(schema: JsonValue) -> Iterator[str]:
    match schema:
        case dict():
            named = schema.get("properties")
            yield from named if isinstance(named, dict) else ()
            for inner in schema.values():
                yield from _properties(inner)
        case list():
            for inner in schema:
                yield from _properties(inner)


def _inner(text: str) -> str:
    """The JSON in *text*: models like to fence it."""
    fenced = re.search(r"```(?:json)?\s*(.*?)```", text, re.DOTALL)
    return fenced[1] if fenced else text
