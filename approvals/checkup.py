"""What is wrong with a bundle although it loads: scenarios that fail, policies that none reaches, people who cannot sign."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import StrEnum

from approvals.expectation import differences
from approvals.rehearsal import Played
from policies.bundle import Bundle
from policies.directory import Directory
from policies.model import Recorded
from policies.source import sources


class Level(StrEnum):
    """A failure stops a bundle; a warning is for a person to look at."""

    FAILURE = "failure"
    WARNING = "warning"


class Remark(Recorded):
    """One thing that was found."""

    level: Level
    where: str
    """``policy `refund-small` ``, ``scenario `a small refund` ``, `directory.yaml`."""
    words: str


def remarks(bundle: Bundle, played: Sequence[Played]) -> tuple[Remark, ...]:
    """
    Everything that is wrong, failures first.

    Args:
        played: All scenarios of *bundle*, as they came out.
    """
    return (*_failing(played), *_unreached(bundle, played), *_unsigned(bundle.directory))


def _failing(played: Sequence[Played]) -> Iterator[Remark]:
    for each in played:
        found = differences(each)
        if found:
            words = "; ".join(f"{one.what} is {one.got}, expected {one.expected}" for one in found)
            yield _failure(f"scenario `{each.scenario.name}`", words)


def _unreached(bundle: Bundle, played: Sequence[Played]) -> Iterator[Remark]:
    reached = frozenset[str]().union(*(each.reached for each in played))
    for policy in sources(bundle.rulebook.text):
        if policy.name not in reached:
            words = f"this {policy.effect} decides no scenario: add one that it decides, or take it out"
            yield _failure(f"policy `{policy.name}`", words)


def _unsigned(directory: Directory) -> Iterator[Remark]:
    if not directory.gates:
        words = "no gate key is pinned under `gates`: no proposal can be believed; see `sayso keys new gate`"
        yield Remark(level=Level.WARNING, where="directory.yaml", words=words)
    for who, person in directory.people.items():
        if not any(not key.revoked for key in person.keys):
            words = f"`{who}` has no key that is not revoked and cannot sign; see `sayso keys new {who}`"
            yield Remark(level=Level.WARNING, where="directory.yaml", words=words)


def _failure(where: str, words: str) -> Remark:
    return Remark(level=Level.FAILURE, where=where, words=words)
