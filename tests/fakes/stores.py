"""A payload store in memory, and models that say what they were made to say."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

from activities.errors import Unreachable
from activities.prompted import ModelAnswer, Prompted, RawCall
from policies.canonical import Digest


@dataclass
class MemoryStore:
    """Bytes by their address."""

    kept: dict[Digest, bytes] = field(default_factory=dict)
    down: bool = False

    async def put(self, content: bytes) -> Digest:
        """Keeps them."""
        self._answers()
        address = Digest(hashlib.sha256(content).hexdigest())
        self.kept[address] = content
        return address

    async def get(self, address: Digest) -> bytes | None:
        """Whatever lies there, without a look at it: a store is not trusted."""
        self._answers()
        return self.kept.get(address)

    def _answers(self) -> None:
        if self.down:
            raise Unreachable("the payload store", "memory", "down")


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
