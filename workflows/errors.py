"""
MissionError (ApplicationError)      ends a mission that does not catch it, with a sentence
 ├── ReadFailed                      a tool says that it cannot do what was asked: often a value worth catching
 ├── NoAnswer                        no model of the route gave an answer of use: a value worth catching
 ├── StillOpen                       the mission would go on in another run while something waits for people
 ├── Misunderstood                   an answer is not of the shape the mission expects
 └── Uncited                         a finding rests on what the mission has not read
"""

from __future__ import annotations

from temporalio.exceptions import ApplicationError

from approvals.display import visible


class MissionError(ApplicationError):
    """Final for the mission unless it catches it; the workflow task goes on."""

    def __init__(self, message: str) -> None:
        super().__init__(message, type=type(self).__name__, non_retryable=True)


class ReadFailed(MissionError):
    """What the tool said."""

    def __init__(self, operation: str, said: str) -> None:
        super().__init__(f"`{operation}` failed: {said}")
        self.said = said


class StillOpen(MissionError):
    """Whatever waits for people belongs to the run that proposed it."""

    def __init__(self) -> None:
        super().__init__("a mission goes on in another run only while nothing of it waits for people")


class Misunderstood(MissionError):
    """An answer of another shape."""


class Uncited(MissionError):
    """A finding for *purpose* that cites *ids*, which no read of the mission brought."""

    def __init__(self, purpose: str, ids: tuple[str, ...]) -> None:
        named = ", ".join(f"`{visible(each[:100])}`" for each in ids[:3])
        more = f" and {len(ids) - 3} more" if len(ids) > 3 else ""
        super().__init__(f"the finding for `{purpose}` cites {named}{more}, which this mission has not read")
        self.ids = ids


class NoAnswer(MissionError):
    """No model answered a question about *purpose*; *said* is why, one for each that was asked."""

    def __init__(self, purpose: str, *said: str) -> None:
        super().__init__(f"no model answered `{purpose}`: {'; '.join(said) or 'none was asked'}")
        self.purpose = purpose
        self.said = said
