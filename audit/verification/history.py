"""The history itself: its chain, its run, its start, and what of it could be opened."""

from __future__ import annotations

from approvals.errors import SignatureError
from approvals.jws import take_apart
from audit.earlier import resets
from audit.errors import AuditError, NotAMissionError
from audit.payloads import key_id
from audit.principals import principals_of
from audit.verification import sequence
from audit.verification.material import Material
from audit.verification.result import Found, fails, holds, missing, of


def check_chain(material: Material) -> list[Found]:
    """Whether every event is the one that was exported, in its place."""
    expected = material.manifest.chain
    try:
        found = material.record.chain
    except NotAMissionError as error:
        return [fails("chain", str(error))]
    except AuditError as error:
        return [missing("chain", str(error))]
    for index, (here, there) in enumerate(zip(found, expected, strict=False), start=1):
        if here != there:
            return [fails("chain", f"event {index} is not the one that was exported", index)]
    if len(found) != len(expected):
        words = f"the history has {len(found)} settled events, and {len(expected)} were exported"
        return [fails("chain", words, min(len(found), len(expected)) + 1)]
    return [holds("chain", f"{of(len(found), 'event')}, chained to `{found[-1][:12]}`")]


def check_run(material: Material) -> list[Found]:
    """Whether it is the run the manifest names, whole in itself, and over."""
    record, mission = material.record, material.manifest.mission
    attributes = record.raw[0].workflow_execution_started_event_attributes
    if record.started.mission != mission or attributes.workflow_id not in ("", mission.mission_id):
        return [fails("run", "the history is of another mission than the manifest names", 1)]
    if mission.run_id not in {attributes.original_execution_run_id, *resets(record)}:
        return [fails("run", "the history is of another run than the manifest names", 1)]
    broken = sequence.trouble(record.raw)
    if broken is not None:
        return [fails("run", f"no server wrote this history: {broken[0]}", broken[1])]
    if record.closed != material.manifest.closed:
        return [fails("run", "the manifest tells another end of the run than the history", record.head)]
    if material.repeats is not None:
        words = f"this run repeats run `{material.repeats}`: what it took over was said in that one, and it commits nothing"
        return [missing("run", words, 1)]
    if not record.closed:
        return [missing("run", f"the run was still open at event {record.head}: what came after is not here", record.head)]
    return [holds("run", f"the run ended at event {record.head}", record.head)]


def check_start(material: Material) -> list[Found]:
    """Whether the owner is proven by a signed start: that of the mission's first run."""
    if material.unbegun is not None:
        return [missing("start", material.unbegun, 1)]
    principals, trouble = principals_of(material.record, material.trust)
    if principals.owner is not None:
        return [holds("start", f"{principals.owner} signed the start", 1)]
    signed = material.beginning.signed_start
    if signed is None:
        return [missing("start", "nobody signed the start", 1)]
    try:
        kid = take_apart(signed).kid
    except SignatureError:
        return [fails("start", f"the owner is not proven: {trouble}", 1)]
    if kid and material.trust.holder(kid) is None:
        return [missing("start", f"the start is signed by `{kid}`, which is nobody's key among those you pin", 1)]
    return [fails("start", f"the owner is not proven: {trouble}", 1)]


def check_contents(material: Material) -> list[Found]:
    """Whether every payload can be opened here. A stranger's sealed signal is what it is: the gate could not open it either."""
    if material.manifest.sealed != (key_id(material.record.raw) is not None):
        return [fails("contents", "the manifest tells otherwise than the history whether payloads are encrypted")]
    signals = material.heard_events
    closed = sorted(material.sealed_events - signals)
    if not closed:
        strange = len(material.sealed_events & signals)
        also = f"; {of(strange, 'signal')} cannot be opened, and count for nothing" if strange else ""
        return [holds("contents", f"all that workers recorded can be read{also}")]
    words = f"sealed: {of(len(closed), 'event')}; a key of the ring that encrypted them is needed to read their contents"
    return [missing("contents", words, closed[0])]
