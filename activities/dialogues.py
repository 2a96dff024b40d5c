"""
The next turn of a dialogue: what was said before, what is new, and what the model says to it.

The transcript with the answer is kept before the answer is given: a turn that is lost on the way leaves an object that nobody
names, and nothing else.
"""

from __future__ import annotations

from pydantic import JsonValue
from temporalio import activity

from activities.conversation import chat, sensitive
from activities.dialogue import Dialogue, Message, Speaker
from activities.errors import NoTools
from activities.hearing import calls, heard
from activities.patience import misshapen
from activities.prompted import ModelAnswer, Models, Prompted
from activities.question import Reasoned, ReasonRequest, Usage
from activities.toolbox import Toolbox
from activities.transcripts import Transcripts
from policies.catalogue import Catalogue

STORE, POLICIES = "SAYSO_PAYLOAD_STORE", "SAYSO_POLICIES"


class Dialogues:
    """All dialogues of a reason worker; it remembers none of them."""

    def __init__(self, models: Models, tools: Catalogue | None, transcripts: Transcripts | None) -> None:
        """
        Args:
            tools: None where the worker has no bundle.
            transcripts: None where it has no store.
        """
        self._models = models
        self._tools = tools
        self._transcripts = transcripts

    async def turn(self, prompt: str, request: ReasonRequest, dialogue: Dialogue) -> Reasoned:
        """
        What the model says to what is new in *dialogue*.

        Raises:
            Misshapen: It said nothing at all.
            NoTools: The worker was not set up for dialogues.
            TranscriptGone, TranscriptTooLong, Unreachable.
        """
        if self._transcripts is None:
            raise NoTools("a payload store for its transcript", STORE)
        if self._tools is None:
            raise NoTools("a policy bundle for its tools", POLICIES)
        toolbox, mission = Toolbox(self._tools, dialogue.operations), _mission()
        before = await self._transcripts.fetch(dialogue.transcript, mission) if dialogue.transcript is not None else ()
        messages = (*before, *dialogue.said)
        answer = await self._models.complete(_prompted(prompt, request, messages, toolbox))
        said = Message(speaker=Speaker.MODEL, text=heard(answer.text), calls=calls(answer.calls, toolbox))
        if not said.text.strip() and not said.calls:
            raise misshapen(answer, "said nothing")
        transcript = await self._transcripts.keep(dialogue.transcript, (*messages, said), (*dialogue.said, said), mission)
        told = {"text": said.text, "calls": said.calls, "unread": len(answer.calls) - len(said.calls), "transcript": transcript}
        return reasoned(request, answer, None).model_copy(update=told)


def reasoned(request: ReasonRequest, answer: ModelAnswer, result: JsonValue) -> Reasoned:
    """*answer* with *result*, and what it cost."""
    usage = Usage(
        input_tokens=answer.input_tokens or 0, output_tokens=answer.output_tokens or 0, cost_micros=answer.cost_micros
    )
    return Reasoned(
        purpose=request.purpose,
        model=answer.model,
        rule_based=answer.rule_based,
        result=result,
        usage=usage,
        departure=answer.departure,
    )


def _prompted(prompt: str, request: ReasonRequest, messages: tuple[Message, ...], toolbox: Toolbox) -> Prompted:
    first = request.dialogue.first_run if request.dialogue is not None else ""
    return Prompted(
        purpose=request.purpose,
        messages=chat(prompt, messages),
        tools=toolbox.tools(),
        sensitive=sensitive(messages, request.sensitive),
        mission=first or activity.info().workflow_run_id or "",
        fallback=request.fallback,
    )


def _mission() -> str:
    """Whose transcripts may be read here: as the server says. All runs of a mission have one id."""
    info = activity.info()
    return f"{info.namespace}/{info.workflow_id}"
