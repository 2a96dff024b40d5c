"""Requirements: whose say-so an action needs. Written as annotations of Cedar permits, frozen into each proposal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import StrEnum

from pydantic import Field

from policies.model import Recorded

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


class Assurance(StrEnum):
    """How sure the gate is who decided. `claimed` never approves."""

    CLAIMED = "claimed"
    ATTESTED = "attested"
    SIGNED = "signed"

    @property
    def rank(self) -> int:
        """Higher is surer."""
        return list(Assurance).index(self)


class Escalation(Recorded):
    """From a time on, people of further groups may fill a rule's places too."""

    after_seconds: int = Field(gt=0)
    """Since the proposal."""
    groups: tuple[str, ...]


class Rule(Recorded):
    """So many different people of one group, or of any of several."""

    group: str
    count: int = Field(ge=1)
    others: tuple[str, ...] = ()
    """Further groups whose people may fill the same places."""
    escalations: tuple[Escalation, ...] = ()

    def groups(self, seconds: float = 0) -> frozenset[str]:
        """The groups whose people may fill a place of this rule, so long after the proposal."""
        later = (group for step in self.escalations if seconds >= step.after_seconds for group in step.groups)
        return frozenset((self.group, *self.others, *later))

    @property
    def name(self) -> str:
        """`finance`, or `finance or audit`."""
        return " or ".join((self.group, *self.others))


class Amendable(Recorded):
    """One argument that an approver may change, and within which bounds; without bounds, to whatever fits the contract."""

    path: str
    """Keys joined by dots."""
    low: int | float | None = None
    high: int | float | None = None
    not_above: bool = False
    """Not above what was proposed."""

    def words(self) -> str:
        """As it is written in a policy."""
        if self.low is None and self.high is None and not self.not_above:
            return self.path
        low = "" if self.low is None else self.low
        return f"{self.path}: {low}..{'proposed' if self.not_above else '' if self.high is None else self.high}"


class Total(Recorded):
    """What one numeric argument may add up to over all items of a batch."""

    path: str
    most: int


class BatchLimit(Recorded):
    """How many actions may stand before an approver as one card, and what they may add up to."""

    items: int = Field(ge=2)
    totals: tuple[Total, ...] = ()

    def words(self) -> str:
        """As it is written in a policy."""
        return ", ".join([str(self.items), *(f"{total.path}: {total.most}" for total in self.totals)])


class Requirement(Recorded):
    """All rules are to be met by different people, before the proposal expires."""

    rules: tuple[Rule, ...]
    expires_seconds: int = Field(gt=0)
    assurance: Assurance = Assurance.SIGNED
    denies: int = Field(default=1, ge=1)
    """So many people saying no end it while it is open. Once approved, one is enough."""
    reason: bool = False
    """An approval says why."""
    vote_seconds: int | None = None
    """So long an approval holds; None: as long as the proposal."""
    excludes: tuple[str, ...] = ()
    """Groups whose people do not approve, whatever other groups they are in."""
    amendable: tuple[Amendable, ...] = ()
    batch: BatchLimit | None = None
    """None: it is put before an approver alone."""
    budget: int | None = None
    """So many approvals a person may give in an hour; beyond, one more person is needed for each rule."""
    open_per_mission: int | None = None
    open_per_owner: int | None = None
    """So many proposals may be open at once."""

    def words(self) -> str:
        """One line for a person: `1 of support-lead and 1 of finance, signed, within 24h`."""
        rules = " and ".join(f"{rule.count} of {rule.name}" for rule in self.rules)
        return f"{rules}, {self.assurance}, within {duration_words(self.expires_seconds)}"

    def details(self) -> Iterator[tuple[str, str]]:
        """What `words` leaves out, as label and text; nothing where a policy asks for nothing special."""
        yield from (("escalates", line) for line in dict.fromkeys(_escalations(self.rules)))
        if self.denies > 1:
            yield "noes", f"{self.denies} people who deny it end it; once it is approved, one does"
        if self.reason:
            yield "reason", "an approval must say why"
        if self.vote_seconds is not None:
            yield "each approval", f"holds for {duration_words(self.vote_seconds)}"
        if self.excludes:
            yield "not by", f"people of {', '.join(self.excludes)}"
        if self.amendable:
            yield "may be amended", "; ".join(entry.words() for entry in self.amendable)
        if self.budget is not None:
            yield "budget", f"beyond {self.budget} approvals of one person in an hour, one more is needed for each rule"

    def groups(self, seconds: float = 0) -> frozenset[str]:
        """Every group whose say-so is asked for, so long after the proposal."""
        return frozenset[str]().union(*(rule.groups(seconds) for rule in self.rules))

    def escalations(self) -> tuple[int, ...]:
        """Seconds after the proposal at which further groups are asked, in order."""
        return tuple(sorted({step.after_seconds for rule in self.rules for step in rule.escalations}))


def duration_words(seconds: int) -> str:
    """The shortest exact form: 86400 is `1d`, 5400 is `90m`."""
    unit = next(unit for unit in "dhms" if seconds % _SECONDS[unit] == 0)
    return f"{seconds // _SECONDS[unit]}{unit}"


def _escalations(rules: Iterable[Rule]) -> Iterator[str]:
    for rule in rules:
        for step in rule.escalations:
            yield f"after {duration_words(step.after_seconds)} {' or '.join(step.groups)} may stand in"
