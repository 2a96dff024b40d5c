"""
Whether everything is frozen: what each thaw is worth, and where that leaves the namespace.

A freeze holds until its run completed with a thaw that passes `CHECKS`, all of them. It is judged anew each time, with the
directory and the policies of that moment. What the server no longer has, a gate remembers: a freeze that is gone without a
thaw is a freeze that somebody deleted.

Source: docs/decisions/0010-freeze.md
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from pydantic import ValidationError

from approvals.decision import CLOCK_SKEW, Heard, moment
from approvals.errors import SignatureError, UnreadableError
from approvals.freeze import COMPLETED, MAX_REASON, THAW_TYP, FreezeRecord, Remembered, Thaw, beginning
from approvals.jws import Token, take_apart, verify
from policies.canonical import parse, readable
from policies.directory import Directory
from policies.errors import CanonicalError
from policies.rulebook import Rulebook
from policies.ruling import Finding

FREEZE_CHECK = "freeze"
"""The name of the finding. A mission's history that names it says that there was a freeze."""
MAX_THAWS = 100
"""So many thaws of one run are judged, the last ones: a flood may keep everything frozen, and thaw nothing."""
AGAIN = "`sayso thaw` freezes again and thaws that"
DELETED = "freeze again and thaw that: `sayso freeze`, then `sayso thaw`"


@dataclass(frozen=True)
class Court:
    """What a thaw is judged by: one namespace, with directory and policies as they are at this moment."""

    namespace: str
    directory: Directory
    rulebook: Rulebook


@dataclass(frozen=True)
class Submission:
    """A readable thaw with whoever holds its key, before it is believed."""

    heard: Heard
    token: Token
    thaw: Thaw
    who: str | None


@dataclass(frozen=True)
class Worth:
    """What one `thaw` signal is worth: it counts exactly when `refused` is empty."""

    who: str | None
    at: datetime
    reason: str
    refused: tuple[str, ...]


@dataclass(frozen=True)
class Standing:
    """Whether everything is frozen, in words to show, and what to remember of it."""

    frozen: bool
    words: str
    remember: Remembered | None = None
    """None where there is nothing new to remember."""

    @property
    def finding(self) -> Finding:
        """As the gate puts it into a settlement."""
        return Finding(check=FREEZE_CHECK, holds=not self.frozen, words=self.words)


Check = Callable[[Submission, FreezeRecord, Court], str | None]
"""Why the thaw is refused, or None."""


def standing(
    found: FreezeRecord | None, seen: Remembered | None, court: Court, now: datetime, told_at: datetime | None = None
) -> Standing:
    """
    Whether everything is frozen at *now*.

    Args:
        found: The latest freeze that the server has.
        seen: The last freeze that this gate remembers.
        told_at: When the gate last said, in the mission that asks, that everything is frozen; None where it did not, or
            sent something since.
    """
    if found is not None and (seen is None or seen.run_id == found.run_id or seen.began_at <= found.began_at):
        return _judged(found, seen, court, now)
    if seen is not None and not seen.thawed:
        return Standing(True, f"the freeze `{seen.run_id}` of {_time(seen.began_at)} was deleted without a thaw: {DELETED}")
    if told_at is not None and (seen is None or seen.at < told_at):
        return Standing(True, f"the freeze that this mission was told of at {_time(told_at)} was deleted: {DELETED}")
    return Standing(False, "nothing is frozen")


def _judged(found: FreezeRecord, seen: Remembered | None, court: Court, now: datetime) -> Standing:
    worths = [worth(heard, found, court) for heard in found.thaws[-MAX_THAWS:]]
    good = next((each for each in worths if not each.refused), None)
    known = seen is not None and (seen.run_id, seen.thawed) == (found.run_id, good is not None)
    fresh = Remembered(run_id=found.run_id, began_at=found.began_at, thawed=good is not None, at=now)
    remember = None if known else fresh
    if good is not None:
        return Standing(False, f"the freeze of {_time(found.began_at)} was thawed by {good.who}", remember)
    return Standing(True, _why(found, worths, court), remember)


def _why(found: FreezeRecord, worths: list[Worth], court: Court) -> str:
    begun = beginning(found, court.directory)
    reason = f", with the reason: {begun.reason}" if begun.reason else ""
    words = f"everything is frozen since {_time(found.began_at)} by {begun.who or 'somebody unnamed'}{reason}"
    if found.ended is None:
        return f"{words}; `sayso thaw` ends it"
    refused = f", and its last thaw does not count: {'; '.join(worths[-1].refused)}" if worths else " without a thaw"
    return f"{words}; its run was {found.ended}{refused}; {AGAIN}"


def worth(heard: Heard, record: FreezeRecord, court: Court) -> Worth:
    """What the `thaw` signal *heard* is worth for the freeze *record*."""
    try:
        token, thaw = _read(heard)
    except UnreadableError as error:
        return Worth(None, heard.at, "", (readable(str(error)[:MAX_REASON]),))
    holder = court.directory.holder(token.kid)
    submission = Submission(heard, token, thaw, holder[0] if holder else None)
    reasons = (check(submission, record, court) for check in CHECKS.values())
    refused = tuple(readable(reason[:MAX_REASON]) for reason in reasons if reason is not None)
    return Worth(submission.who, heard.at, readable(thaw.reason[:MAX_REASON]), refused)


def _read(heard: Heard) -> tuple[Token, Thaw]:
    if len(heard.values) != 1 or heard.values[0] is None:
        raise UnreadableError("it does not carry one value that can be read")
    try:
        value = parse(heard.values[0])
        if not isinstance(value, str):
            raise UnreadableError("it is not signed")
        token = take_apart(value)
        return token, Thaw.model_validate(token.payload)
    except (CanonicalError, SignatureError) as error:
        raise UnreadableError(f"it {error}") from error
    except ValidationError as error:
        raise UnreadableError("its signed payload is not a thaw") from error


def _completed(submission: Submission, record: FreezeRecord, court: Court) -> str | None:
    if record.ended == COMPLETED:
        return None
    return "the freeze still runs" if record.ended is None else f"the freeze was {record.ended}"


def _person(submission: Submission, record: FreezeRecord, court: Court) -> str | None:
    if submission.who is None:
        return f"key `{submission.token.kid}` is nobody's in the directory"
    return None if submission.who in court.directory.people else f"`{submission.who}` is a service; only people thaw"


def _signature(submission: Submission, record: FreezeRecord, court: Court) -> str | None:
    holder = court.directory.holder(submission.token.kid)
    if holder is None:
        return None
    try:
        verify(submission.token, THAW_TYP, holder[1])
    except SignatureError as error:
        return f"its token {error}"
    return None


def _key(submission: Submission, record: FreezeRecord, court: Court) -> str | None:
    holder = court.directory.holder(submission.token.kid)
    return holder[1].trouble(submission.heard.at) if holder else None


def _namespace(submission: Submission, record: FreezeRecord, court: Court) -> str | None:
    same = submission.thaw.namespace == record.namespace == court.namespace
    return None if same else f"it is for namespace `{submission.thaw.namespace}`"


def _run(submission: Submission, record: FreezeRecord, court: Court) -> str | None:
    same = submission.thaw.freeze == record.run_id
    return None if same else f"it is for the freeze `{submission.thaw.freeze}`, which is not this one"


def _when(submission: Submission, record: FreezeRecord, court: Court) -> str | None:
    begins, ends = moment(submission.thaw.iat), moment(submission.thaw.exp)
    if begins > submission.heard.at + CLOCK_SKEW:
        return f"it is signed for the future ({_time(begins)}); check the signer's clock"
    return None if submission.heard.at < ends else f"its signature lapsed at {_time(ends)}"


def _permitted(submission: Submission, record: FreezeRecord, court: Court) -> str | None:
    if submission.who is None or submission.who not in court.directory.people:
        return None
    finding = court.rulebook.may_thaw(submission.who, court.namespace, court.directory)
    return None if finding.holds else finding.words


CHECKS: dict[str, Check] = {
    "completed": _completed,
    "person": _person,
    "signature": _signature,
    "key": _key,
    "namespace": _namespace,
    "run": _run,
    "time": _when,
    "permitted": _permitted,
}
"""All that must hold of a thaw."""


def _time(at: datetime) -> str:
    return at.isoformat(timespec="seconds")
