"""The passages that a recorded read says it brought. Anybody may have completed it, so nothing in them is taken on trust."""

from __future__ import annotations

import re

from pydantic import JsonValue, ValidationError

from approvals.citation import Passage
from policies.canonical import Digest

MAX_PASSAGES = 50
"""So many are told of one read; a read worker brings no more."""
MAX_SHOWN = 120
"""Characters of one name."""
_HEX = re.compile(r"[0-9a-f]{64}")


def passages_in(result: JsonValue) -> tuple[Passage, ...]:
    """The passages in what a read answered, in its order; what has another form is none."""
    listed = result.get("passages") if isinstance(result, dict) else None
    found: list[Passage] = []
    for item in listed[:MAX_PASSAGES] if isinstance(listed, list) else []:
        try:
            passage = Passage.model_validate(item)
        except ValidationError:
            continue
        if _HEX.fullmatch(passage.digest):
            found.append(passage)
    return tuple(found)


def passage_words(passages: tuple[Passage, ...]) -> str:
    """What is told of *passages* on one line: source, version and the beginning of each digest."""
    if not passages:
        return ""
    each = (f"{_clipped(one.source)} version {_clipped(one.version)} ({one.digest[:8]})" for one in passages)
    return f": passages {', '.join(each)}"


def passage_digests(passages: tuple[Passage, ...]) -> dict[str, Digest]:
    """The whole digest of each, as an observation names it."""
    return {f"passage.{number}" if number else "passage": passage.digest for number, passage in enumerate(passages)}


def _clipped(name: str) -> str:
    return name if len(name) <= MAX_SHOWN else f"{name[:MAX_SHOWN]}..."
