"""
Where an argument's value can be found: in the case, in a signed read, in a model's answer.

It says that the same value stands there, not that it was taken from there; and of a read that a service signed it, not that
it is true.
"""

from __future__ import annotations

from enum import StrEnum

from policies.model import Recorded


class OriginKind(StrEnum):
    """Whose words hold the value."""

    CASE = "case"
    """The input that the mission's starter signed."""
    READ = "read"
    """A read that a service signed. Untrusted: a stranger may have written it."""
    MODEL = "model"
    """A model's answer. Untrusted."""


class Origin(Recorded):
    """One place that holds the value of one argument."""

    item: int = 0
    """Which action of the proposal."""
    path: str
    """Of the argument."""
    kind: OriginKind
    event_id: int
    run_id: str = ""
    """The earlier run whose event that is; empty for the run itself."""
    what: str = ""
    """The operation that was read or the purpose that was asked; empty for the case."""
    at: str
    """The path there."""
    within: bool = False
    """Whether the value only stands within a longer text there."""
