"""What a person pinned and what a server serves now, tool by tool and resource by resource."""

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
from policies.uri_template import TemplateError, variables


class Standing(StrEnum):
    """How a tool or resource stands."""

    PINNED = "pinned"
    DRIFTED = "drifted"
    GONE = "gone"
    UNLISTED = "unlisted"
    """Served, and nobody classified it: it cannot be called."""


class Tool(Recorded):
    """One tool or resource of one integration."""

    operation: str
    """Full name."""
    standing: Standing
    parts: tuple[str, ...] = ()
    """
    What drifted: `name`, `description`, `input schema`, `URI template`, or `contract file` where only that is not what was
    pinned.
    """
    pinned: Contract | None = None
    served: Contract | None = None
    words: str = ""
    """What a person should know besides."""


def compared(name: str, integration: Integration, kept: Iterable[Contract], served: Sequence[Contract]) -> tuple[Tool, ...]:
    """
    Every tool and resource of *integration*, which is called *name*: listed ones first, then those that only the server knows.

    Args:
        kept: What `contracts/` holds.
        served: What the server lists, in its order. A tool and a resource may have one name: they are two things.
    """
    known = {contract.name: contract for contract in kept}
    offered: dict[_Key, Contract] = {}
    for contract in served:
        offered.setdefault(_key(contract), contract)
    twice = {key for key in offered if sum(_key(other) == key for other in served) > 1}
    listed = {(tool, operation.resource is not None): operation.contract for tool, operation in integration.operations.items()}
    tools = [
        (key, _listed(f"{name}.{key[0]}", pin, known.get(key[0]), offered.get(key), served)) for key, pin in listed.items()
    ]
    tools += [
        (key, Tool(operation=f"{name}.{key[0]}", standing=Standing.UNLISTED, served=contract))
        for key, contract in offered.items()
        if key not in listed
    ]
    return tuple(_warned(tool, key in twice, tool.operation.partition(".")[2] in integration.operations) for key, tool in tools)


def parts(pinned: Contract, served: Contract) -> tuple[str, ...]:
    """Which parts of a contract differ."""
    pairs = (
        ("name", pinned.name, served.name),
        ("description", pinned.description, served.description),
        # As text, since True equals 1 in Python and not in a schema.
        ("input schema", _text(pinned.input_schema), _text(served.input_schema)),
        ("URI template", pinned.uri_template, served.uri_template),
    )
    return tuple(part for part, was, now in pairs if was != now)


def difference(pinned: Contract | None, served: Contract) -> list[str]:
    """The lines that a person compares: both contracts as indented JSON, in the manner of `diff -u`, unescaped."""
    was = _lines(pinned) if pinned else []
    return list(unified_diff(was, _lines(served), "pinned", "served", lineterm="", n=3))


def _listed(operation: str, pin: Digest, kept: Contract | None, served: Contract | None, offered: Sequence[Contract]) -> Tool:
    if served is None:
        twin = next((other.name for other in offered if kept is not None and parts(kept, other) == ("name",)), None)
        words = f"the server lists the same as `{twin}`" if twin else ""
        renamed = ("name",) if twin else ()
        return Tool(operation=operation, standing=Standing.GONE, parts=renamed, pinned=kept, words=words)
    if _digest(served) == pin and kept is not None and _digest(kept) == pin:
        return Tool(operation=operation, standing=Standing.PINNED, pinned=kept, served=served)
    changed: tuple[str, ...] = parts(kept, served) if kept is not None else ("contract file",)
    if kept is not None and (not changed or _digest(kept) != pin):
        changed = (*changed, "contract file")
    return Tool(operation=operation, standing=Standing.DRIFTED, parts=changed, pinned=kept, served=served)


def _warned(tool: Tool, twice: bool, taken: bool) -> Tool:
    """*tool* with what keeps it from being pinned; *taken*: the catalogue has its name."""
    words = _words(tool, twice, taken)
    return tool if words is None else tool.model_copy(update={"words": words})


def _words(tool: Tool, twice: bool, taken: bool) -> str | None:
    if twice:
        return "the server lists it more than once"
    if not plain(tool.operation.partition(".")[2]):
        return "its name is not one that the catalogue takes: lower-case letters, digits and single underscores"
    if tool.standing is Standing.UNLISTED and taken:
        return "the catalogue has another of this name: one is a tool, and one a resource"
    if tool.served is not None and _digest(tool.served) is None:
        return "what the server says of it has no canonical form, so it cannot be pinned"
    return _template_words(tool.served.uri_template) if tool.served is not None else None


def _template_words(template: str | None) -> str | None:
    try:
        if template is not None:
            variables(template)
    except TemplateError as error:
        return f"its URI template {error}"
    return None


_Key = tuple[str, bool]
"""A name, and whether it is a resource's."""


def _key(contract: Contract) -> _Key:
    return contract.name, contract.uri_template is not None


def _digest(contract: Contract) -> Digest | None:
    try:
        return contract.digest
    except CanonicalError:
        return None


def _lines(contract: Contract) -> list[str]:
    return _text(contract.form()).split("\n")


def _text(value: object) -> str:
    return json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False)
