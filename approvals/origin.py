"""
Where an argument's value can be found: in the case, in a signed read, in a model's answer, or nowhere.

It says that the same value stands there, not that it was taken from there; and of a read that a service signed it, not that
it is true.

Source: docs/decisions/0026-provenance.md
"""

from __future__ import annotations

from enum import StrEnum

from policies.model import Recorded


class OriginKind(StrEnum):
    """Whose words hold the value."""

    PERSON = "person"
    """An amendment: somebody who may change it did."""
    CASE = "case"
    """The input that the mission's starter signed."""
    READ = "read"
    """A read that a service signed. Untrusted: a stranger may have written it."""
    RECEIPT = "receipt"
    """What a tool answered to a commit, as the gate signed it. Untrusted likewise."""
    MODEL = "model"
    """A model's answer that the worker who asked it signed. Untrusted."""
    COMMON = "common"
    """So common a value that finding it somewhere tells nothing."""
    NOWHERE = "nowhere"
    """None of these holds it."""
    UNSURE = "unsure"
    """It was not found, and not all of them were searched."""


class Origin(Recorded):
    """One place that holds the value of one argument, or that there is none."""

    item: int = 0
    """Which action of the proposal."""
    path: str
    """Of the argument, as the card shows it."""
    kind: OriginKind
    event_id: int = 0
    """0 where there is no place."""
    run_id: str = ""
    """The earlier run whose event that is; empty for the run itself."""
    what: str = ""
    """The operation that was called, the purpose that was asked, or the person; empty for the case."""
    at: str = ""
    """The path there, not escaped; empty for the whole of it."""
    within: bool = False
    """Whether the value only stands within a longer text there."""
