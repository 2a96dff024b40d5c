"""Who answered the reads and questions of a mission, as far as signatures prove it."""

from __future__ import annotations

from pydantic import JsonValue

from approvals.errors import SignatureError
from approvals.proposal import Seen
from approvals.testimony import ASKED, SIGNATURE, testimony, witness
from audit.record import Completed, MissionRecord
from policies.canonical import readable
from policies.directory import Directory
from policies.errors import CanonicalError

MAX_SEEN = 50
"""So many results are on a card, the last ones."""


def seen(record: MissionRecord, directory: Directory) -> tuple[Seen, ...]:
    """What a mission had read and been told before it proposes."""
    return tuple(
        Seen(
            event_id=done.event_id,
            what=_what(done.activity, done.input),
            digest=done.result_digest,
            by=witness_of(done, record, directory) or "",
        )
        for done in record.completed[-MAX_SEEN:]
        if done.activity in ("read", "reason")
    )


def _what(activity: str, given: JsonValue) -> str:
    name = given.get("operation") or given.get("purpose") if isinstance(given, dict) else None
    return f"{activity} {readable(str(name))[:200]}"


def witness_of(done: Completed, record: MissionRecord, directory: Directory) -> str | None:
    """The service that signed the answer of *done* to exactly its request in this run; None where it is a claim."""
    signature = done.result.get(SIGNATURE) if isinstance(done.result, dict) else None
    if done.activity not in ASKED or not isinstance(signature, str):
        return None
    try:
        expected = testimony(
            done.activity,
            namespace=record.namespace,
            mission_id=record.mission_id,
            run_id=record.run_id,
            activity=done.activity_id,
            request=done.input,
            result=done.result,
        )
        return witness(signature, expected, done.at, directory)
    except (CanonicalError, SignatureError):
        return None
