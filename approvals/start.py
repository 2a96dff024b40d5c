"""The signed start of a mission: who owns it, proven to the gate. It travels in the memo of the started workflow."""

from __future__ import annotations

from datetime import datetime, timedelta

from pydantic import Field, JsonValue, ValidationError

from approvals.decision import CLOCK_SKEW, moment
from approvals.errors import SignatureError
from approvals.jws import Signer, take_apart, verify
from policies.canonical import Digest, digest
from policies.directory import Directory
from policies.model import Written

TYP = "sayso-start+jws"
MEMO = "sayso_start"
LIFETIME = timedelta(minutes=5)


class Predecessor(Written):
    """The run that a mission succeeds."""

    mission_id: str = Field(min_length=1)
    run_id: str = Field(min_length=1)


class Start(Written):
    """The payload of a signed start."""

    namespace: str
    mission_type: str
    mission_id: str
    input: Digest
    on_behalf_of: str | None = None
    predecessor: Predecessor | None = None
    """What that run did is shown to whoever decides about this mission."""
    iat: int
    exp: int
    jti: str


def input_digest(value: JsonValue) -> Digest:
    """Digest of a mission's input."""
    return digest("input", value)


def sign(start: Start, signer: Signer) -> str:
    """*start* as a compact JWS."""
    # What was not said is left out: a gate that knows no predecessors still reads a start without one.
    return signer.sign(TYP, start.model_dump(mode="json", exclude_none=True))


def predecessor(text: str) -> Predecessor | None:
    """
    The predecessor that the start *text* names, whoever signed it; None where it names none or is no start.

    Following a link that is not proven can only add to what an approver is shown, or stop the mission.
    """
    try:
        return Start.model_validate(take_apart(text).payload).predecessor
    except (SignatureError, ValidationError):
        return None


def owner(text: str, expected: Start, at: datetime, directory: Directory) -> tuple[str, str | None]:
    """
    Who signed the start *text*, and whom the mission acts for.

    Args:
        expected: Namespace, type, id and input digest as the server recorded them; its other fields do not count.
        at: When the server recorded the start.

    Raises:
        SignatureError: Not signed by anyone of the directory for exactly this start.
    """
    token = take_apart(text)
    holder = directory.holder(token.kid)
    if holder is None:
        raise SignatureError(f"is signed by `{token.kid}`, which is nobody's key in the directory")
    who, key = holder
    trouble = key.trouble(at)
    if trouble:
        raise SignatureError(f"is signed with a key that is not good: {trouble}")
    verify(token, TYP, key)
    try:
        start = Start.model_validate(token.payload)
    except ValidationError as error:
        raise SignatureError("does not hold a start") from error
    for field in ("namespace", "mission_type", "mission_id", "input"):
        if getattr(start, field) != getattr(expected, field):
            raise SignatureError(f"is for another {field.replace('_', ' ')}")
    if moment(start.exp) - moment(start.iat) > LIFETIME:
        raise SignatureError(f"claims to be valid for longer than {LIFETIME}")
    if not moment(start.iat) - CLOCK_SKEW <= at < moment(start.exp):
        raise SignatureError("was not valid when the mission started")
    return who, start.on_behalf_of
