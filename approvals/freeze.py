"""
Freezes and thaws: what a person signs who stops everything, or lets it go on, and a freeze as its run's history tells it.

A freeze is a running workflow `freeze`, one a namespace. Anybody may begin one, with or without a key: a signature only says
who it was. Nothing but a thaw, signed over exactly that run, undoes it; what a thaw is worth is judged in `approvals.thaw`.

Source: docs/decisions/0010-freeze.md
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from pydantic import AwareDatetime, JsonValue, ValidationError

from approvals.decision import Heard, moment
from approvals.errors import SignatureError
from approvals.jws import Signer, take_apart, verify
from policies.canonical import parse, readable
from policies.directory import Directory
from policies.errors import CanonicalError
from policies.model import Recorded, Written

FREEZE_TYP = "sayso-freeze+jws"
THAW_TYP = "sayso-thaw+jws"
FREEZE = "freeze"
"""The workflow's id and its type."""
THAW = "thaw"
"""The signal that ends it, whatever it carries."""
COMPLETED = "completed"
"""How a freeze ends that heard a thaw."""
LIFETIME = timedelta(minutes=5)
MAX_REASON = 500


class Freeze(Written):
    """The payload of a signed freeze."""

    namespace: str
    reason: str
    iat: int
    """Seconds since 1970."""
    jti: str


class Thaw(Written):
    """The payload of a signed thaw: of one freeze, and of no other."""

    namespace: str
    freeze: str
    """Run id of the freeze."""
    reason: str
    iat: int
    """Seconds since 1970, as is the next."""
    exp: int
    jti: str


@dataclass(frozen=True)
class FreezeRecord:
    """The latest freeze of a namespace, as its run's history says; nothing in it is believed yet."""

    namespace: str
    run_id: str
    began_at: datetime
    said: bytes | None
    """Its input; None where it is not one value that could be opened."""
    ended: str | None
    """How its run closed: `completed`, `terminated` and the like; None while it runs."""
    thaws: tuple[Heard, ...]
    """Its `thaw` signals, in order, by whomever."""


class Remembered(Recorded):
    """What a gate keeps of the last freeze it saw: the server forgets a run that is deleted."""

    run_id: str
    began_at: AwareDatetime
    thawed: bool
    at: AwareDatetime
    """When that was first seen so."""


@dataclass(frozen=True)
class Beginning:
    """Who began a freeze, and why."""

    who: str | None
    """A person or service of the directory who signed it; None where nobody of it did."""
    reason: str


def sign_freeze(freeze: Freeze, signer: Signer) -> str:
    """*freeze* as a compact JWS."""
    return signer.sign(FREEZE_TYP, freeze.model_dump(mode="json"))


def sign_thaw(thaw: Thaw, signer: Signer) -> str:
    """*thaw* as a compact JWS."""
    return signer.sign(THAW_TYP, thaw.model_dump(mode="json"))


def beginning(record: FreezeRecord, directory: Directory) -> Beginning:
    """Who began *record*, as far as a signature tells. Nothing depends on it: a freeze of a stranger holds as well."""
    value = _value(record.said)
    if isinstance(value, str):
        try:
            return _signed(value, record, directory)
        except (SignatureError, ValidationError):
            return Beginning(None, "")
    reason = value.get("reason") if isinstance(value, dict) else None
    return Beginning(None, _short(reason) if isinstance(reason, str) else "")


def _signed(text: str, record: FreezeRecord, directory: Directory) -> Beginning:
    token = take_apart(text)
    freeze = Freeze.model_validate(token.payload)
    holder = directory.holder(token.kid)
    if holder is None:
        return Beginning(None, _short(freeze.reason))
    verify(token, FREEZE_TYP, holder[1])
    # An old statement that a stranger sends again is the stranger's freeze.
    fresh = abs(record.began_at - moment(freeze.iat)) <= LIFETIME and freeze.namespace == record.namespace
    good = fresh and holder[1].trouble(record.began_at) is None
    return Beginning(holder[0] if good else None, _short(freeze.reason))


def _value(data: bytes | None) -> JsonValue:
    try:
        return parse(data) if data is not None else None
    except CanonicalError:
        return None


def _short(text: str) -> str:
    return readable(text[:MAX_REASON])
