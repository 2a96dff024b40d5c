"""What a mission takes with it from one run to the next."""

from __future__ import annotations

from pydantic import Field

from approvals.citation import Passage
from policies.model import Recorded
from workflows.pursuit import Underway


class Carried(Recorded):
    """The state of a mission's verbs between two of its runs."""

    step: int
    """Of the last commit. It counts on: the same step with the same arguments would be the same action again."""
    pursuit: Underway | None = None
    """The one that goes on."""
    passages: tuple[Passage, ...] = ()
    """What knowledge was read."""
    sensitive: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """What was read that is of a data class, by class."""


class Continued(Recorded):
    """The input of a mission that may go on in further runs: extend it."""

    carried: Carried | None = None
    """Set by a run that goes on in another; never by who starts a mission."""
