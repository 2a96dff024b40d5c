"""The checks in order, and their verdict: section 7."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from tests.audit.independent import checks, container, deeds, enclosed
from tests.audit.independent.archive import FAILS, HOLDS, MISSING, Archive, Trouble
from tests.audit.independent.strict import Trust, Unreadable

Check = Callable[[Archive], Iterator[Trouble]]
OUTSIDE: tuple[Check, ...] = (checks.members, checks.checkpoint)
INSIDE: tuple[Check, ...] = (
    *(checks.chain, checks.run, enclosed.runs, enclosed.payloads, checks.contents, checks.start, checks.witnesses),
    *(enclosed.transcripts, checks.answers),
    *(deeds.policies, deeds.decisions, deeds.uses, deeds.receipts, deeds.ends, checks.rail),
)
UNTOLD = (AttributeError, LookupError, OverflowError, TypeError, ValueError)
"""What a signed body of another form than the page's makes fail. Then the check could not be made."""


@dataclass(frozen=True)
class Finding:
    """What one check found at one place."""

    check: str
    result: str
    words: str = ""
    event: int | None = None


def verify(data: bytes, trust: Trust, ring: Mapping[str, bytes] | None = None) -> tuple[str, list[Finding]]:
    """The verdict over an archive, and every finding. *ring*: keys of sealed payloads by id."""
    try:
        members = container.unpack(data)
        archive = Archive(members, container.manifest(members.get("manifest.json", b"")), trust, ring or {})
    except Unreadable as error:
        return "FAILED", [Finding("container", FAILS, str(error))]
    findings = [finding for check in OUTSIDE for finding in _made(check, archive)]
    try:
        archive.read()
        findings += [finding for check in INSIDE for finding in _made(check, archive)]
    except Unreadable as error:
        findings.append(Finding("run", FAILS, str(error)))
    except UNTOLD as error:
        findings.append(Finding("chain", MISSING, str(error)))
    results = {finding.result for finding in findings}
    return "FAILED" if FAILS in results else "INCOMPLETE" if MISSING in results else "VERIFIED", findings


def _made(check: Check, archive: Archive) -> list[Finding]:
    name = check.__name__
    try:
        return [Finding(name, *trouble) for trouble in check(archive)] or [Finding(name, HOLDS)]
    except UNTOLD as error:
        return [Finding(name, MISSING, str(error))]
