"""What a scenario expects and what a rehearsal gave, side by side, in words that both are put into."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from approvals.rehearsal import Played
from policies.model import Recorded
from policies.requirement import Requirement, Rule, duration_words
from policies.scenario import Answer


class Difference(Recorded):
    """One thing that came out otherwise than expected."""

    what: str
    expected: str
    got: str


def differences(played: Played) -> tuple[Difference, ...]:
    """Where *played* is not what its scenario expects; empty when all of it is."""
    wanted, got = expected(played), outcome(played)
    return tuple(
        Difference(what=what, expected=words, got=got.get(what, "none"))
        for what, words in wanted.items()
        if words != got.get(what, "none")
    )


def expected(played: Played) -> dict[str, str]:
    """What the scenario states, by name; what it does not state is not there."""
    wanted = played.scenario.expect
    stated: dict[str, str | None] = {"policies": None if wanted.policies is None else names(wanted.policies)}
    if isinstance(wanted, Answer):
        stated |= {
            "ruling": wanted.ruling,
            "requires": None if wanted.requires is None else rules(wanted.requires),
            "expires": None if wanted.expires is None else duration_words(wanted.expires),
            "assurance": wanted.assurance,
            "resolution": wanted.resolution,
            "missing": None if wanted.missing is None else rules(wanted.missing),
        }
    else:
        stated["may"] = _yes(wanted.may)
    return {what: str(words) for what, words in stated.items() if words is not None}


def outcome(played: Played) -> dict[str, str]:
    """Everything that came out, under the same names."""
    found = {"policies": names(played.policies)}
    if played.finding is not None:
        found["may"] = _yes(played.finding.holds)
    if played.ruling is not None:
        found["ruling"] = str(played.ruling.outcome)
        found |= dict(_required(played.ruling.requirement))
    if played.resolution is not None:
        found["resolution"] = str(played.resolution.state)
        found["missing"] = ", ".join(played.resolution.missing) or "none"
    return found


def why(played: Played) -> Iterator[str]:
    """What stands behind a no: findings that do not hold, and decisions that did not count."""
    if played.finding is not None and not played.finding.holds:
        yield played.finding.words
    if played.ruling is not None:
        yield from played.ruling.reasons()
    if played.resolution is not None:
        for vote in played.resolution.votes:
            yield from (f"{vote.verdict} by {vote.who or 'nobody known'} is refused: {reason}" for reason in vote.refused)


def names(policies: Iterable[str]) -> str:
    """Sorted, or `none`."""
    return ", ".join(sorted(policies)) or "none"


def rules(listed: tuple[Rule, ...]) -> str:
    """As `shortfall` words them, or `none`."""
    return ", ".join(f"{rule.count} of {rule.name}" for rule in listed) or "none"


def _required(requirement: Requirement | None) -> Iterator[tuple[str, str]]:
    if requirement is not None:
        yield "requires", rules(requirement.rules)
        yield "expires", duration_words(requirement.expires_seconds)
        yield "assurance", str(requirement.assurance)
        yield "besides", "; ".join(f"{label}: {text}" for label, text in requirement.details()) or "nothing"
        yield "together", requirement.batch.words() if requirement.batch else "alone"


def _yes(holds: bool) -> str:
    return "yes" if holds else "no"
