"""
MissionError (ApplicationError)      ends a mission that does not catch it, with a sentence
 ├── ReadFailed                      a tool says that it cannot do what was asked: often a value worth catching
 ├── Misunderstood                   an answer is not of the shape the mission expects
 └── NoAnswer                        no model of the route gave an answer of use: a value worth catching
"""

from __future__ import annotations

from temporalio.exceptions import ApplicationError


class MissionError(ApplicationError):
    """Final for the mission unless it catches it; the workflow task goes on."""

    def __init__(self, message: str) -> None:
        super().__init__(message, type=type(self).__name__, non_retryable=True)


class ReadFailed(MissionError):
    """What the tool said."""

    def __init__(self, operation: str, said: str) -> None:
        super().__init__(f"`{operation}` failed: {said}")
        self.said = said


class Misunderstood(MissionError):
    """An answer of another shape."""


class NoAnswer(MissionError):
    """No model answered a question about *purpose*; *said* is why, one for each that was asked."""

    def __init__(self, purpose: str, *said: str) -> None:
        super().__init__(f"no model answered `{purpose}`: {'; '.join(said) or 'none was asked'}")
        self.purpose = purpose
        self.said = said
