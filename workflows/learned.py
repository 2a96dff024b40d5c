"""What a mission learned from what it read: passages that it may cite, and values of a data class."""

from __future__ import annotations

from collections.abc import Mapping

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from pydantic import BaseModel, JsonValue

    from activities.read import ReadResult
    from approvals.citation import Passage
    from policies.classes import annotated
    from workflows.carried import Carried
    from workflows.errors import NoAnswer
    from workflows.findings import remembered
    from workflows.outcome import Outcome
    from workflows.remembered import Remembered


class Learned:
    """Of all runs of a mission."""

    def __init__(self) -> None:
        self._passages: dict[str, Passage] = {}
        self._remembered = Remembered()

    @property
    def passages(self) -> Mapping[str, Passage]:
        """By id, what knowledge was read: all that a finding may cite."""
        return self._passages

    @property
    def sensitive(self) -> dict[str, tuple[str, ...]]:
        """All values of a data class, by class."""
        return self._remembered.sensitive

    def take_up(self, carried: Carried) -> None:
        """Learns what earlier runs learned."""
        self._passages = {passage.id: passage for passage in carried.passages}
        self._remembered.add(carried.sensitive)

    def from_read(self, answer: ReadResult, operation: str) -> None:
        """Learns from what *operation* answered. Raises Misunderstood: a passage has the id of another."""
        self._remembered.add(answer.sensitive)
        if not answer.failed:
            self._passages = remembered(self._passages, answer.passages, operation)

    def from_outcome(self, outcome: Outcome) -> None:
        """Learns from what a commit brought."""
        self._remembered.add(outcome.sensitive)

    def from_models(self, *values: object) -> None:
        """Learns what the fields of models among *values* mark as being of a data class."""
        for value in values:
            if isinstance(value, BaseModel):
                self._remembered.add(annotated(value))

    def sensitive_in(self, value: JsonValue, purpose: str) -> dict[str, tuple[str, ...]]:
        """What of it occurs in *value*, by class. Raises NoAnswer: it is too much to go along with a question."""
        if self._remembered.overfull:
            raise NoAnswer(purpose, "this mission read more that is of a data class than a question can carry")
        return self._remembered.occurring(value)
