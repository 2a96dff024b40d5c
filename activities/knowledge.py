"""
What a knowledge operation answered, as passages that can be cited.

A knowledge system is a stranger: its documents are other people's words, and whoever can write into it writes to every mission
that reads it. So a result that is not passages, too much of it, names that hide or reorder what is printed, and two texts that
one id would stand for are no answer at all. The texts themselves may say anything; they are data.

Source: docs/decisions/0025-knowledge.md
"""

from __future__ import annotations

import unicodedata

from pydantic import JsonValue

from activities.errors import Misanswered
from approvals.citation import Passage, passage_id
from policies.canonical import canonical, digest
from policies.errors import CanonicalError

MAX_PASSAGES = 50
MAX_BYTES = 128 * 1024
"""Of a whole answer in canonical form: with its passages and signature it must stay what can be signed."""
MAX_SOURCE = 200
MAX_VERSION = 100
_HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
"""Categories of characters that are not seen, or change how others are."""


def passages(operation: str, arguments: dict[str, JsonValue], result: JsonValue) -> tuple[Passage, ...]:
    """
    The passages in what *operation* answered, in its order, one for each.

    Raises:
        Misanswered: It is not passages, or not such as can be cited; says why and repeats nothing of it.
    """
    collection = arguments.get("collection")
    if not isinstance(collection, str):
        raise Misanswered(operation, "it was asked with no `collection`")
    trouble = _name_trouble(collection, MAX_SOURCE)
    if trouble is not None:
        raise Misanswered(operation, f"the `collection` it was asked with {trouble}")
    found = tuple(
        _passage(operation, number, collection, item) for number, item in enumerate(_items(operation, result), start=1)
    )
    texts: dict[str, str] = {}
    for number, passage in enumerate(found, start=1):
        if texts.setdefault(passage.id, passage.digest) != passage.digest:
            raise Misanswered(operation, f"passage {number} has the id of another, with another text")
    return found


def _items(operation: str, result: JsonValue) -> list[JsonValue]:
    """The entries of *result*, which is bounded before anything of it is looked at."""
    items = result.get("passages") if isinstance(result, dict) else None
    if not isinstance(items, list):
        raise Misanswered(operation, "it answered with no list `passages`")
    if len(items) > MAX_PASSAGES:
        raise Misanswered(operation, f"it answered with more than {MAX_PASSAGES} passages")
    try:
        size = len(canonical(result))
    except CanonicalError as error:
        raise Misanswered(operation, f"what it answered has no form to be digested: it {error.reason}") from error
    if size > MAX_BYTES:
        raise Misanswered(operation, f"it answered with more than {MAX_BYTES} bytes")
    return items


def _passage(operation: str, number: int, collection: str, item: JsonValue) -> Passage:
    source, version, text = (item.get(name) if isinstance(item, dict) else None for name in ("source", "version", "text"))
    if not isinstance(source, str) or not isinstance(version, str) or not isinstance(text, str):
        raise Misanswered(operation, f"passage {number} has no `source`, `version` and `text`, each a text")
    for name, value, bound in (("source", source, MAX_SOURCE), ("version", version, MAX_VERSION)):
        trouble = _name_trouble(value, bound)
        if trouble is not None:
            raise Misanswered(operation, f"the `{name}` of passage {number} {trouble}")
    words = digest("passage", text)
    return Passage(id=passage_id(source, version, words), collection=collection, source=source, version=version, digest=words)


def _name_trouble(name: str, bound: int) -> str | None:
    """Why *name* is none that people can be shown, or None."""
    if not name.strip() or len(name) > bound:
        return f"is empty or longer than {bound} characters"
    hidden = next((char for char in name if unicodedata.category(char) in _HIDDEN), None)
    return f"holds U+{ord(hidden):04X}, which does not show" if hidden is not None else None
