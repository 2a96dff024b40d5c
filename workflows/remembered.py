"""What a mission read that is of a data class: it goes along with every question in which it occurs, to be masked there."""

from __future__ import annotations

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from pydantic import JsonValue

    from policies.classes import Sensitives, united
    from policies.finder import Finder, TooMuchError, pieces

MAX_CHARACTERS = 1_000_000
"""Of all values together: they must fit into a question, and into what a mission carries to its next run."""
MAX_SEARCHED = 200_000
"""Characters that are looked through: a workflow may not think for long."""
MAX_COMPARED = 1_000_000


class Remembered:
    """Values by data class, of all that a mission read so far."""

    def __init__(self, sensitive: Sensitives | None = None) -> None:
        """
        Args:
            sensitive: What an earlier run remembered.
        """
        self._sensitive: dict[str, tuple[str, ...]] = united(sensitive or {})

    @property
    def sensitive(self) -> dict[str, tuple[str, ...]]:
        """All of it, to be carried on."""
        return self._sensitive

    @property
    def overfull(self) -> bool:
        """Whether it is more than a question can carry. Then nobody may be asked: something would leave in clear."""
        return sum(len(value) for values in self._sensitive.values() for value in values) > MAX_CHARACTERS

    def add(self, sensitive: Sensitives) -> None:
        """Remembers *sensitive* too; of what makes it overfull, no more than that it does."""
        if self.overfull or not any(sensitive.values()):
            return
        self._sensitive = united(self._sensitive, sensitive)
        if self.overfull:
            # Nobody is asked any more, so what it is does not matter; it is still carried on, and has to fit there.
            self._sensitive = {next(iter(self._sensitive)): ("?" * (MAX_CHARACTERS + 1),)}

    def occurring(self, value: JsonValue) -> dict[str, tuple[str, ...]]:
        """
        What of it occurs in *value*: a leaf, part of a text, or in JSON that is in a text. All of it, where looking would
        take too long: more than occurs does no harm, less would.
        """
        if not self._sensitive or sum(len(piece) for piece in pieces(value)) > MAX_SEARCHED:
            return self._sensitive
        try:
            return Finder(self._sensitive, MAX_COMPARED).occurring(value)
        except TooMuchError:
            return self._sensitive
