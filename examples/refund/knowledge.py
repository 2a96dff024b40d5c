"""The knowledge system: passages of the shop's terms, found by full text. It only reads."""

import re
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from pydantic import Field

from examples.refund import database
from examples.refund.passages import COLLECTIONS, seed_passages
from examples.refund.resource_server import parse_settings, run
from examples.refund.tools import Arguments, Offer, Refusal, Result, needs_scope, offer

SCOPE = "knowledge:read"
PASSAGE_LIMIT = 5
WORD_LIMIT = 32


class Search(Arguments):
    """The arguments of `search`."""

    query: str = Field(description="Words to look for")
    collection: str = Field(description="Where to look: refunds, shipping or warranty")


class Passage(Result):
    """One passage, the document it stands in and that document's version."""

    source: str
    version: str
    text: str


class Passages(Result):
    """The passages found, best first; none when nothing fits."""

    passages: list[Passage]


def search(data: Path, asked: Search) -> Passages:
    """
    The passages that hold any of the words.

    Raises:
        Refusal: Unknown collection, or no word to look for.
    """
    if asked.collection not in COLLECTIONS:
        raise Refusal(f"no collection is called `{asked.collection}`; the collections are {', '.join(COLLECTIONS)}")
    words = re.findall(r"\w+", asked.query)[:WORD_LIMIT]
    if not words:
        raise Refusal(f"query `{asked.query}` holds no word; name what to look for")
    wanted = " OR ".join(f'"{word}"' for word in words)
    with database.connection(_path(data)) as opened:
        found = opened.execute(
            "SELECT source, version, text FROM passages WHERE passages MATCH ? AND collection = ? ORDER BY rank, rowid LIMIT ?",
            (f"text : ({wanted})", asked.collection, PASSAGE_LIMIT),
        )
        return Passages(passages=[Passage(**row) for row in found])


def offers(data: Path) -> Sequence[Offer]:
    """The tools of the knowledge system over *data*; an empty database is seeded."""
    with database.connection(_path(data)) as opened:
        seed_passages(opened)
    return (
        offer(
            partial(search, data),
            name="search",
            description="Finds passages of the shop's terms by words.",
            arguments=Search,
            result=Passages,
            needs=needs_scope(SCOPE),
        ),
    )


def _path(data: Path) -> Path:
    return data / "knowledge.db"


def main() -> None:
    """Runs the knowledge system."""
    settings = parse_settings("knowledge", "The knowledge system, an MCP server.")
    run("knowledge", settings, partial(offers, settings.data))


if __name__ == "__main__":
    main()
