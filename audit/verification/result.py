"""What a verification found: one finding a check and place, and the verdict over all of them."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from approvals.evidence import Evidence, RunHead
from policies.action import MissionRef
from policies.model import Recorded


class Result(StrEnum):
    """What a check came to."""

    HOLDS = "holds"
    FAILS = "fails"
    """Something is not what it should be."""
    MISSING = "missing"
    """It could not be told: evidence, a pinned key or a policy bundle is not there."""


class Verdict(StrEnum):
    """What a verification came to."""

    VERIFIED = "VERIFIED"
    FAILED = "FAILED"
    INCOMPLETE = "INCOMPLETE"


class Found(Recorded):
    """One finding."""

    check: str
    result: Result
    words: str
    """One line for a person. Not escaped: whoever prints it does that."""
    event: int | None = None
    """The event of the mission's history that it is about."""


class Verification(Recorded):
    """What was found about one archive."""

    verdict: Verdict
    mission: MissionRef | None
    """As the archive says; None where there is no manifest to read."""
    findings: tuple[Found, ...]
    """In the order of the checks."""
    head: Evidence | None = None
    """The whole trail of the run, as the archive says."""
    earlier: tuple[RunHead, ...] = ()
    """The same of the runs that it goes on from, the nearest first, as far as they are in the archive and fit."""
    went_on_as: str = ""
    """The run as which the mission went on; empty where it did not."""

    def reasons(self) -> tuple[Found, ...]:
        """What fails, else what is missing: why the verdict is no better."""
        wanted = Result.FAILS if self.verdict is Verdict.FAILED else Result.MISSING
        return tuple(found for found in self.findings if found.result is wanted)


def verdict_of(findings: Iterable[Found]) -> Verdict:
    """The verdict over *findings*: the worst decides. No finding at all proves nothing."""
    results = {found.result for found in findings}
    if Result.FAILS in results:
        return Verdict.FAILED
    return Verdict.VERIFIED if results == {Result.HOLDS} else Verdict.INCOMPLETE


def holds(check: str, words: str, event: int | None = None) -> Found:
    """A finding that holds."""
    return Found(check=check, result=Result.HOLDS, words=words, event=event)


def fails(check: str, words: str, event: int | None = None) -> Found:
    """A finding that fails."""
    return Found(check=check, result=Result.FAILS, words=words, event=event)


def missing(check: str, words: str, event: int | None = None) -> Found:
    """A finding that could not be told."""
    return Found(check=check, result=Result.MISSING, words=words, event=event)


def of(count: int, noun: str) -> str:
    """`1 event`, `2 events`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
