"""Models that say what they were made to say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from activities.prompted import ModelAnswer, Prompted, RawCall


@dataclass
class SayingModel:
    """Says one thing after the other, and remembers what it was asked."""

    answers: Sequence[tuple[str, Sequence[RawCall]]]
    asked: list[Prompted] = field(default_factory=list)

    async def complete(self, prompted: Prompted) -> ModelAnswer:
        """The next answer; the last one again and again."""
        text, calls = self.answers[min(len(self.asked), len(self.answers) - 1)]
        self.asked.append(prompted)
        return ModelAnswer(text=text, model="a/model", rule_based=False, calls=tuple(calls), input_tokens=7, output_tokens=5)
