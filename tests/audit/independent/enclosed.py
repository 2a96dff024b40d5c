"""The checks of earlier runs, of stored payloads and of transcripts: section 7."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

from tests.audit.independent.archive import FAILS, MISSING, Archive, Trouble
from tests.audit.independent.history import Done, Run
from tests.audit.independent.saying import evidence
from tests.audit.independent.strict import Unreadable, canonical, get, need

SIGNAL = "WORKFLOW_EXECUTION_SIGNALED"
SPEAKERS, EFFECTS = ("user", "model", "tool"), ("read", "egress", "commit")


def runs(archive: Archive) -> Iterator[Trouble]:
    """They are here, unbroken, and those that gates answered for."""
    lineage, there = archive.course, dict(archive.course.before)
    if lineage.result is not None:
        yield lineage.result, lineage.words, None
    first = archive.run.events[0].says.first_execution_run_id
    for run_id, run in archive.runs.items():
        same = lineage.result == MISSING and run.events[0].says.first_execution_run_id == first
        if run_id not in there and not same and lineage.result != FAILS:
            yield FAILS, f"nothing goes on from run `{run_id}`", None
    if any(event.sealed and event.type != SIGNAL for run in archive.runs.values() for event in run.events):
        yield MISSING, "an earlier run is sealed", None
    for event, body in archive.proposals.values():
        told = [(head["run_id"], evidence(head, "head")) for head in body.get("earlier", []) if _own(head, archive)]
        for run_id, head in told:
            if run_id not in there:
                yield MISSING if lineage.result == MISSING else FAILS, f"it was proposed after run `{run_id}`", event
            elif head != (len(there[run_id].events), there[run_id].events[-1].link):
                yield FAILS, f"it was proposed after another run `{run_id}`", event
        for run_id in there.keys() - {name for name, _ in told}:
            yield FAILS, f"it was proposed without run `{run_id}`", event


def _own(head: Any, archive: Archive) -> bool:
    return bool(get(head, "mission_id", str) == archive.mission["mission_id"] and get(head, "run_id", str))


def payloads(archive: Archive) -> Iterator[Trouble]:
    """Each is what its name says, is recorded somewhere, and all that is recorded is here."""
    events = [event for run in (archive.run, *archive.used.values(), *archive.runs.values()) for event in run.events]
    for name in archive.contents.keys() - {address for event in events for address in event.names}:
        yield FAILS, f"nothing refers to payload `{name[:12]}`", None
    for name, content in archive.contents.items():
        if hashlib.sha256(content).hexdigest() != name:
            yield FAILS, f"payload `{name[:12]}` is another one", None
    for name in {address for event in events if event.type != SIGNAL for address in event.names} - archive.contents.keys():
        yield MISSING, f"payload `{name[:12]}` is not here", None


def transcripts(archive: Archive) -> Iterator[Trouble]:
    """Each is made of what was said and answered."""
    before = [run for _, run in archive.course.before]
    known = {left for run in before for done in run.done if (left := _left(done)) is not None}
    for done in archive.run.done:
        left = _left(done)
        if _turn(done):
            yield from _made_well(archive, done, left, known)
        if left is not None:
            known.add(left)


def _made_well(archive: Archive, done: Done, left: tuple[str, int] | None, known: set[tuple[str, int]]) -> Iterator[Trouble]:
    try:
        given, made = _made(done)
    except (Unreadable, KeyError, TypeError, AttributeError):
        return (yield FAILS, "nothing could be said like this", done.id)
    if left != made:
        yield FAILS, "it is another transcript", done.id
    elif given is not None and given not in known:
        events = [event for run in _all(archive) for event in run.events if event.type != SIGNAL]
        unsure = archive.course.result or any(event.sealed for event in events)
        yield MISSING if unsure else FAILS, "no answer left the transcript that it goes on from", done.id


def _all(archive: Archive) -> Iterator[Run]:
    yield archive.run
    yield from (run for _, run in archive.course.before)


def _turn(done: Done) -> bool:
    asked, answered = done.asked, done.result
    if done.name != "reason" or not isinstance(asked, dict) or not isinstance(answered, dict):
        return False
    return asked.get("dialogue") is not None and answered.get("transcript") is not None


def _left(done: Done) -> tuple[str, int] | None:
    """The transcript that an answer names."""
    try:
        return _reference(done.result["transcript"]) if _turn(done) else None
    except (Unreadable, KeyError):
        return None


def _reference(value: Any) -> tuple[str, int]:
    need(isinstance(value, dict), "is no reference")
    get(value, "address", str)
    length = get(value, "length", int)
    need(length >= 0, "is no length")
    return get(value, "digest", str), length


def _made(done: Done) -> tuple[tuple[str, int] | None, tuple[str, int]]:
    """What it goes on from, and what it comes to."""
    dialogue = get(done.asked, "dialogue", dict)
    for name in get(dialogue, "operations", list):
        need(isinstance(name, str), "is no operation")
    before = None if dialogue.get("transcript") is None else _reference(dialogue["transcript"])
    answer = {"speaker": "model", "text": done.result.get("text", ""), "calls": done.result.get("calls", [])}
    said = [_message(each) for each in [*get(dialogue, "said", list), answer]]
    try:
        link = bytes.fromhex(before[0]) if before else hashlib.sha256(b"sayso:transcript:v1\n").digest()
    except ValueError as error:
        raise Unreadable("is no digest") from error
    for each in said:
        link = hashlib.sha256(link + hashlib.sha256(canonical(each)).digest()).digest()
    return before, (link.hex(), (before[1] if before else 0) + len(said))


def _message(value: Any) -> dict[str, Any]:
    """Its form: what is as it is where nothing is said is left out."""
    need(isinstance(value, dict) and value["speaker"] in SPEAKERS, "is no message")
    sensitive = get(value, "sensitive", dict, {})
    need(all(isinstance(each, list) and all(isinstance(one, str) for one in each) for each in sensitive.values()), "sensitive")
    found = {
        "text": get(value, "text", str, ""),
        "calls": [_call(each) for each in get(value, "calls", list, [])],
        "answers": get(value, "answers", (str, type(None)), None),
        "sensitive": sensitive,
    }
    return {"speaker": value["speaker"], **{name: each for name, each in found.items() if each not in ("", [], None, {})}}


def _call(value: Any) -> dict[str, Any]:
    need(isinstance(value, dict), "is no call")
    found = {"id": get(value, "id", str), "operation": get(value, "operation", str), "arguments": get(value, "arguments", dict)}
    effect, trouble = value.get("effect"), get(value, "trouble", str, "")
    need(effect is None or effect in EFFECTS, "is no effect")
    return {**found, **({"effect": effect} if effect is not None else {}), **({"trouble": trouble} if trouble else {})}
