"""What a person pinned and what a server serves now, tool by tool."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from difflib import unified_diff
from enum import StrEnum

from policies.canonical import Digest
from policies.catalogue import Integration, plain
from policies.contract import Contract
from policies.errors import CanonicalError
from policies.model import Recorded


class Standing(StrEnum):
    """How a tool stands."""

    PINNED = "pinned"
    DRIFTED = "drifted"
    GONE = "gone"
    UNLISTED = "unlisted"
    """Served, and nobody classified it: it cannot be called."""


class Tool(Recorded):
    """One tool of one integration."""

    operation: str
    """Full name."""
    standing: Standing
    parts: tuple[str, ...] = ()
    """What drifted: `name`, `description`, `input schema`, or `contract file` where only that is not what was pinned."""
    pinned: Contract | None = None
    served: Contract | None = None
    words: str = ""
    """What a person should know besides."""


def compared(name: str, integration: Integration, kept: Iterable[Contract], served: Sequence[Contract]) -> tuple[Tool, ...]:
    """
    Every tool of *integration*, which is called *name*: listed ones first, then those that only the server knows.

    Args:
        kept: What `contracts/` holds.
        served: What the server lists, in its order.
    """
    known = {contract.name: contract for contract in kept}
    offered: dict[str, Contract] = {}
    for contract in served:
        offered.setdefault(contract.name, contract)
    twice = {contract.name for contract in served if sum(other.name == contract.name for other in served) > 1}
    tools = [
        _listed(f"{name}.{tool}", operation.contract, known.get(tool), offered.get(tool), served)
        for tool, operation in integration.operations.items()
    ]
    tools += [
        Tool(operation=f"{name}.{tool}", standing=Standing.UNLISTED, served=contract)
        for tool, contract in offered.items()
        if tool not in integration.operations
    ]
    return tuple(_warned(tool, twice) for tool in tools)


def parts(pinned: Contract, served: Contract) -> tuple[str, ...]:
    """Which parts of a contract differ."""
    pairs = (
        ("name", pinned.name, served.name),
        ("description", pinned.description, served.description),
        # As text, since True equals 1 in Python and not in a schema.
        ("input schema", _text(pinned.input_schema), _text(served.input_schema)),
    )
    return tuple(part for part, was, now in pairs if was != now)


def difference(pinned: Contract | None, served: Contract) -> list[str]:
    """The lines that a person compares: both contracts as indented JSON, in the manner of `diff -u`, unescaped."""
    was = _lines(pinned) if pinned else []
    return list(unified_diff(was, _lines(served), "pinned", "served", lineterm="", n=3))


def _listed(operation: str, pin: Digest, kept: Contract | None, served: Contract | None, offered: Sequence[Contract]) -> Tool:
    if served is None:
        twin = next((other.name for other in offered if kept is not None and parts(kept, other) == ("name",)), None)
        words = f"the server lists the same tool as `{twin}`" if twin else ""
        renamed = ("name",) if twin else ()
        return Tool(operation=operation, standing=Standing.GONE, parts=renamed, pinned=kept, words=words)
    if _digest(served) == pin and kept is not None and _digest(kept) == pin:
        return Tool(operation=operation, standing=Standing.PINNED, pinned=kept, served=served)
    changed: tuple[str, ...] = parts(kept, served) if kept is not None else ("contract file",)
    if kept is not None and (not changed or _digest(kept) != pin):
        changed = (*changed, "contract file")
    return Tool(operation=operation, standing=Standing.DRIFTED, parts=changed, pinned=kept, served=served)


def _warned(tool: Tool, twice: set[str]) -> Tool:
    name = tool.operation.partition(".")[2]
    if name in twice:
        return tool.model_copy(update={"words": "the server lists it more than once"})
    if not plain(name):
        words = "its name is not one that the catalogue takes: lower-case letters, digits and single underscores"
        return tool.model_copy(update={"words": words})
    if tool.served is not None and _digest(tool.served) is None:
        return tool.model_copy(update={"words": "what the server says of it has no canonical form, so it cannot be pinned"})
    return tool


def _digest(contract: Contract) -> Digest | None:
    try:
        return contract.digest
    except CanonicalError:
        return None


def _lines(contract: Contract) -> list[str]:
    return _text(contract.model_dump(mode="json")).split("\n")


def _text(value: object) -> str:
    return json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False)
