"""The operations that a model may ask for, as tools: each with the contract that a person classified."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence

from pydantic import JsonValue

from activities.prompted import ChatMessage
from policies.catalogue import Catalogue, Effect

MAX_NAME = 64
"""Characters of a function's name; providers refuse a request with a longer one, or one of other characters."""
MAX_FOREIGN = 100
"""Characters that are kept of a name that names no operation."""
_FOREIGN = re.compile(r"[^a-zA-Z0-9_-]")


class Toolbox:
    """What one dialogue offers, out of all that a bundle knows."""

    def __init__(self, catalogue: Catalogue, operations: Sequence[str]) -> None:
        """
        Args:
            operations: Full names. What the catalogue does not have is not offered: nobody knows its arguments.
        """
        self._catalogue = catalogue
        self._offered = tuple(dict.fromkeys(name for name in operations if name in catalogue.contracts))
        self._named = {function(name): name for name in catalogue.contracts}

    def tools(self) -> tuple[ChatMessage, ...]:
        """As the OpenAI API has them, in the order of the operations."""
        return tuple(self._tool(name) for name in self._offered)

    def called(self, name: str) -> tuple[str, Effect | None]:
        """The operation that a model means by *name*, and its effect; *name* itself and None where it means none."""
        operation = self._named.get(name, name)
        found = self._catalogue.find(operation)
        return (operation, found[2].effect) if found else (operation[:MAX_FOREIGN], None)

    def _tool(self, name: str) -> ChatMessage:
        contract = self._catalogue.contracts[name]
        told: dict[str, JsonValue] = {
            "name": function(name),
            "description": contract.description,
            "parameters": contract.input_schema,
        }
        return {"type": "function", "function": told}


def function(operation: str) -> str:
    """`payments__issue_refund`; for whatever a model called, a name that any provider takes back."""
    name = _FOREIGN.sub("_", operation.replace(".", "__")) or "_"
    if len(name) <= MAX_NAME:
        return name
    # Two long names that begin alike stay two.
    mark = hashlib.sha256(operation.encode("utf-8", "replace")).hexdigest()[:8]
    return f"{name[: MAX_NAME - 9]}_{mark}"
