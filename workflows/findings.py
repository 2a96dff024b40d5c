"""
Findings that cite: what a model concludes, with the ids of the passages that it rests on.

A mission may cite what it has read, and nothing else. Whether a passage really was read is for the gate to say, from signed
reads; here a mission only refuses to go on with what it cannot have read itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import Field, JsonValue

from approvals.citation import MAX_CITES, Passage
from policies.model import Recorded
from workflows.errors import Misunderstood, Uncited

_T = TypeVar("_T")

MAX_REMEMBERED = 1000
"""So many passages a mission can cite: of more, those that it read last."""
MAX_NAMED = 24 * 1024
"""Characters of ids that are named to a model as those it may cite; of more, it is told by the passages alone."""


class Cited(Recorded):
    """A passage as a knowledge system gave it, with the id to cite it by."""

    id: str = ""
    """Empty where it came from what is no knowledge operation: then nothing cites it."""
    source: str
    version: str
    text: str


class Passages(Recorded):
    """What a knowledge operation answered."""

    passages: tuple[Cited, ...]


class Finding(Recorded):
    """What a model made of what it was given. Extend it; `self.reason` refuses one that cites what was not read."""

    cites: tuple[str, ...] = Field(default=(), max_length=MAX_CITES)
    """Ids of passages."""


def numbered(result: JsonValue, passages: tuple[Passage, ...]) -> JsonValue:
    """*result* of a read with each passage's id in it; as it is where the two do not fit, so that nothing gets another's id."""
    items = result.get("passages") if isinstance(result, dict) else None
    if not isinstance(result, dict) or not isinstance(items, list) or not passages or len(items) != len(passages):
        return result
    with_ids: list[JsonValue] = []
    for item, passage in zip(items, passages, strict=True):
        if not isinstance(item, dict) or (item.get("source"), item.get("version")) != (passage.source, passage.version):
            return result
        with_ids.append({**item, "id": passage.id})
    return {**result, "passages": with_ids}


def remembered(known: Mapping[str, Passage], passages: tuple[Passage, ...], operation: str) -> dict[str, Passage]:
    """
    The passages read so far, by id, and those of one more read.

    Raises:
        Misunderstood: One has the id of another, with another text: nobody could tell which is cited.
    """
    found = dict(known)
    for passage in passages:
        if found.setdefault(passage.id, passage).digest != passage.digest:
            raise Misunderstood(f"`{operation}` answered with a passage that has the id of another, with another text")
    return dict(list(found.items())[-MAX_REMEMBERED:])


def cited(finding: _T, passages: Mapping[str, Passage], purpose: str) -> _T:
    """
    *finding*, which cites nothing but *passages*.

    Raises:
        Uncited: It cites something else.
    """
    unread = uncited(finding, passages)
    if unread:
        raise Uncited(purpose, unread)
    return finding


def uncited(finding: object, passages: Mapping[str, Passage]) -> tuple[str, ...]:
    """What *finding* cites and *passages* does not hold, in its order; nothing where it is no finding."""
    return tuple(cite for cite in finding.cites if cite not in passages) if isinstance(finding, Finding) else ()


def shape(kind: object, schema: dict[str, JsonValue], passages: Mapping[str, Passage]) -> dict[str, JsonValue]:
    """*schema* of *kind*; of a finding, with the ids that it may cite, so that a reason worker already refuses any other."""
    properties: Any = schema.get("properties")
    if not isinstance(kind, type) or not issubclass(kind, Finding) or not isinstance(properties, dict):
        return schema
    ids = list(passages)
    if sum(map(len, ids)) > MAX_NAMED:
        return schema
    allowed: dict[str, JsonValue] = {"items": {"type": "string", "enum": [*ids]}} if ids else {"maxItems": 0}
    return {**schema, "properties": {**properties, "cites": {**properties.get("cites", {}), **allowed}}}
