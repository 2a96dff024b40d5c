"""
Testimony: a read or reason worker's signature over what it answered, so that a read can be told from a mission's claim.

It is over the question and the answer, in one activity of one run: an answer that was signed for another question, run or
service, or by a person, is nobody's word here. `CHECKS` is the whole list; gate, rail and command line use this one. A
testimony says who answered, not that it is true: a tool may lie to its worker, and a model may say anything.

Source: docs/decisions/0011-lineage.md
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from pydantic import JsonValue, ValidationError

from approvals.errors import SignatureError
from approvals.jws import Signer, Token, take_apart, verify
from policies.canonical import Digest, digest
from policies.directory import Directory, Service
from policies.keys import PublicKey
from policies.model import Recorded

TYP = "sayso-testimony+jws"
ASKED = {"read": ("operation", "arguments"), "reason": ("purpose", "inputs", "result_schema")}
"""By kind, what of a request is the question; what else a request holds, its worker did not heed."""
ALSO = {"read": (), "reason": ("sensitive", "fallback", "dialogue")}
"""By kind, what is of the question too where a request has it: older ones had not."""
SIGNATURE = "signature"
"""The field of an answer that holds the testimony; all its other fields are what was answered."""


class Testimony(Recorded):
    """The payload of a testimony."""

    kind: str
    """`read` or `reason`."""
    namespace: str
    mission_id: str
    run_id: str
    activity: str
    """The id of the activity in its run."""
    request: Digest
    result: Digest


@dataclass(frozen=True)
class Deposition:
    """A testimony taken apart, with what it must say; not yet believed."""

    token: Token
    given: Testimony
    expected: Testimony
    service: Service | None
    """Whose key it names; None where that is no service's."""
    key: PublicKey | None
    at: datetime


def testimony(
    kind: str, *, namespace: str, mission_id: str, run_id: str, activity: str, request: JsonValue, result: JsonValue
) -> Testimony:
    """
    What a service says by answering *request* with *result*.

    Raises:
        CanonicalError: One of them has no single canonical form, or is too large for one; then nothing can be said of it.
    """
    asked = _asked(kind, request) if isinstance(request, dict) else request
    answered = {name: value for name, value in result.items() if name != SIGNATURE} if isinstance(result, dict) else result
    return Testimony(
        kind=kind,
        namespace=namespace,
        mission_id=mission_id,
        run_id=run_id,
        activity=activity,
        request=digest("request", asked),
        result=digest("answer", answered),
    )


def _asked(kind: str, request: dict[str, JsonValue]) -> dict[str, JsonValue]:
    question = {name: request.get(name) for name in ASKED[kind]}
    return question | {name: request[name] for name in ALSO[kind] if name in request}


def sign(given: Testimony, signer: Signer) -> str:
    """*given* as a compact JWS."""
    return signer.sign(TYP, given.model_dump(mode="json"))


def witness(text: str, expected: Testimony, at: datetime, directory: Directory) -> str:
    """
    The service whose testimony *text* is that *expected* was asked and answered.

    Args:
        at: When the answer entered the history.

    Raises:
        SignatureError: It is no such testimony; says why.
    """
    token = take_apart(text)
    try:
        given = Testimony.model_validate(token.payload)
    except ValidationError as error:
        raise SignatureError("is no testimony") from error
    holder = directory.holder(token.kid)
    service = directory.services.get(holder[0]) if holder else None
    deposition = Deposition(token, given, expected, service, holder[1] if holder else None, at)
    for check in CHECKS.values():
        trouble = check(deposition)
        if trouble is not None:
            raise SignatureError(trouble)
    return holder[0] if holder else ""


def _service(deposition: Deposition) -> str | None:
    return "is signed by nobody who is a service of the directory" if deposition.service is None else None


def _signs(deposition: Deposition) -> str | None:
    signs = deposition.service.signs if deposition.service else ()
    kind = deposition.expected.kind
    return None if kind in signs else f"is signed by one whose entry in the directory does not say `signs: [{kind}]`"


def _key(deposition: Deposition) -> str | None:
    trouble = deposition.key.trouble(deposition.at) if deposition.key else "it is nobody's"
    return f"is signed with a key that is not good: {trouble}" if trouble else None


def _signature(deposition: Deposition) -> str | None:
    if deposition.key is None:
        return "is signed with nobody's key"
    try:
        verify(deposition.token, TYP, deposition.key)
    except SignatureError as error:
        return str(error)
    return None


def _run(deposition: Deposition) -> str | None:
    given, expected = deposition.given, deposition.expected
    where = (given.namespace, given.mission_id, given.run_id)
    return None if where == (expected.namespace, expected.mission_id, expected.run_id) else "is about another mission run"


def _activity(deposition: Deposition) -> str | None:
    given, expected = deposition.given, deposition.expected
    same = (given.kind, given.activity) == (expected.kind, expected.activity)
    return None if same else "is about another activity"


def _request(deposition: Deposition) -> str | None:
    return None if deposition.given.request == deposition.expected.request else "is about another request"


def _result(deposition: Deposition) -> str | None:
    return None if deposition.given.result == deposition.expected.result else "is about another result"


Check = Callable[[Deposition], str | None]
"""Why it is no testimony, or None."""

CHECKS: dict[str, Check] = {
    "service": _service,
    "signs": _signs,
    "key": _key,
    "signature": _signature,
    "run": _run,
    "activity": _activity,
    "request": _request,
    "result": _result,
}
