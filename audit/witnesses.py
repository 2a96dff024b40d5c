"""Who answered the reads and questions of a mission, as far as signatures prove it."""

from __future__ import annotations

from approvals.errors import SignatureError
from approvals.testimony import ASKED, SIGNATURE, testimony, witness
from audit.record import Completed, MissionRecord
from policies.directory import Directory
from policies.errors import CanonicalError


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
