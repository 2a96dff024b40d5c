"""Rulings and findings: answers that explain themselves."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum

from policies.canonical import Digest
from policies.model import Recorded
from policies.requirement import Requirement


class Finding(Recorded):
    """One thing that was checked, whether it holds, and words to show."""

    check: str
    holds: bool
    words: str


class Outcome(StrEnum):
    """Policy's answer for an action."""

    FORBID = "forbid"
    ALLOW = "allow"
    GATE = "gate"


class Ruling(Recorded):
    """Policy's answer with its reasons. `requirement` is there exactly when the outcome is `gate`."""

    outcome: Outcome
    findings: tuple[Finding, ...]
    policies: tuple[str, ...] = ()
    """Ids of the determining policies, sorted."""
    requirement: Requirement | None = None
    bundle: Digest

    def reasons(self) -> Iterator[str]:
        """Why it is not permitted: the words of each finding that does not hold."""
        return (finding.words for finding in self.findings if not finding.holds)
