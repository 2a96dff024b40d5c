"""What a mission read that is of a data class: it goes along with every question in which it occurs, to be masked there."""

from __future__ import annotations

import re
from collections.abc import Sequence

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from pydantic import JsonValue

    from policies.classes import Sensitives
    from policies.finder import WITHIN, Finder, TooMuchError, pieces

MAX_CHARACTERS = 1_000_000
"""Of all values together: they must fit into a question, and into what a mission carries to its next run."""
MAX_SEARCHED = 500_000
"""Characters that are looked through: a workflow may not think for long."""
MAX_COMPARED = 1_000_000
MAX_LIKELY = 20_000
"""Values that are looked for."""
_PLAIN = re.compile(rf"[ !#-\[\]-~]{{{WITHIN}}}")
"""What JSON writes as it is."""


class Remembered:
    """Values by data class, of all that a mission read so far."""

    def __init__(self, sensitive: Sensitives | None = None) -> None:
        """
        Args:
            sensitive: What an earlier run remembered.
        """
        self._values: dict[str, dict[str, None]] = {}
        self._characters = 0
        self.add(sensitive or {})

    @property
    def sensitive(self) -> dict[str, tuple[str, ...]]:
        """All of it, to be carried on."""
        return {data_class: tuple(self._values[data_class]) for data_class in sorted(self._values)}

    @property
    def overfull(self) -> bool:
        """Whether it is more than a question can carry. Then nobody may be asked: something would leave in clear."""
        return self._characters > MAX_CHARACTERS

    def add(self, sensitive: Sensitives) -> None:
        """
        Remembers *sensitive* too; of what makes it overfull, no more than that it does. The work is that of what is new: thirty
        reads may come at once, and a workflow may not think for long.
        """
        for data_class, values in sensitive.items():
            for value in values:
                if self.overfull:
                    return
                known = self._values.setdefault(data_class, {})
                if value not in known:
                    known[value] = None
                    self._characters += len(value)
                if self.overfull:
                    # Nobody is asked any more, so what it is does not matter; it is carried on, and has to fit there.
                    self._values = {data_class: {"?" * (MAX_CHARACTERS + 1): None}}

    def occurring(self, value: JsonValue) -> dict[str, tuple[str, ...]]:
        """
        What of it occurs in *value*: a leaf, part of a text, or in JSON that is in a text. All of it, where looking would
        take too long: more than occurs does no harm, less would.
        """
        texts = list(pieces(value)) if self._values else []
        if sum(map(len, texts)) > MAX_SEARCHED:
            return self.sensitive
        likely = self._likely(texts)
        if sum(map(len, likely.values())) > MAX_LIKELY:
            return self.sensitive
        try:
            return Finder(likely, MAX_COMPARED).occurring(value)
        except TooMuchError:
            return self.sensitive

    def _likely(self, texts: Sequence[str]) -> dict[str, list[str]]:
        """The values that may occur in *texts*: those that are one of them, or whose beginning stands in one, or is escaped."""
        wholes = frozenset(texts)
        begun = {text[at : at + WITHIN] for text in wholes for at in range(len(text) - WITHIN + 1)}
        return {
            data_class: [
                value
                for value in values
                if value in wholes or (len(value) >= WITHIN and (value[:WITHIN] in begun or not _PLAIN.match(value)))
            ]
            for data_class, values in self._values.items()
        }
