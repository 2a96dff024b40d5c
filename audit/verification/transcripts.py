"""What models were told and said in dialogues: each transcript is what the history says was asked and answered, in order."""

from __future__ import annotations

from pydantic import Field, ValidationError

from approvals.dialogue import Dialogue, Message, Speaker, ToolCall, TranscriptRef, chained
from audit.record import Completed
from audit.verification.material import Material
from audit.verification.result import Found, fails, holds, missing, of
from audit.verification.runs import sealed_in
from policies.errors import CanonicalError
from policies.model import Recorded

Told = tuple[str, int]
"""A transcript by digest and length."""


class _Asked(Recorded):
    dialogue: Dialogue | None = None


class _Answered(Recorded):
    text: str = ""
    calls: tuple[ToolCall, ...] = Field(default=())
    transcript: TranscriptRef | None = None


def check_transcripts(material: Material) -> list[Found]:
    """
    Whether each transcript that a model's worker names is made of what was said, from a beginning in this mission.

    The transcript itself is not here and need not be: the worker that signed the answer had it, and its digest follows from
    what the histories hold.
    """
    known: set[Told] = set()
    for run in reversed(material.course.before):
        for done in run.completed:
            known |= _left(done)
    count, found = 0, list[Found]()
    for done in material.record.completed:
        if done.activity != "reason" or not _named(done):
            continue
        count += 1
        trouble = _trouble(done, material, known)
        if trouble is not None:
            found.append(trouble)
        known |= _left(done)
    return found or [holds("transcripts", f"made of what was said and answered: {of(count, 'turn')}")]


def _named(done: Completed) -> bool:
    """Whether *done* is an answer in a dialogue that names a transcript."""
    asked, answered = done.input, done.result
    return (
        isinstance(asked, dict)
        and isinstance(answered, dict)
        and asked.get("dialogue") is not None
        and answered.get("transcript") is not None
    )


def _left(done: Completed) -> set[Told]:
    """The transcript that *done* left, whoever answered."""
    if done.activity != "reason" or not _named(done):
        return set()
    try:
        left = TranscriptRef.model_validate(done.result["transcript"] if isinstance(done.result, dict) else None)
    except ValidationError:
        return set()
    return {(left.digest, left.length)}


def _trouble(done: Completed, material: Material, known: set[Told]) -> Found | None:
    event = done.event_id
    try:
        dialogue = _Asked.model_validate(done.input).dialogue
        answered = _Answered.model_validate(done.result)
        if dialogue is None or answered.transcript is None:
            return None
        before, said = (
            dialogue.transcript,
            [*dialogue.said, Message(speaker=Speaker.MODEL, text=answered.text, calls=answered.calls)],
        )
        digest = chained(before.digest if before is not None else None, said)
    except (ValidationError, CanonicalError, ValueError):
        return fails("transcripts", "what was said and answered here has no transcript, and one is named", event)
    if (answered.transcript.digest, answered.transcript.length) != (digest, (before.length if before else 0) + len(said)):
        return fails("transcripts", "the transcript that was named is not made of what was said and answered", event)
    if before is None or (before.digest, before.length) in known:
        return None
    sealed = material.sealed_events - material.heard_events or any(map(sealed_in, material.course.before))
    if material.course.doubt is not None or sealed:
        return missing("transcripts", "it goes on from a transcript that cannot be told here", event)
    return fails("transcripts", "it goes on from a transcript that no answer in this mission left", event)
