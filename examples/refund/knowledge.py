"""The knowledge system: passages of the shop's terms, found by full text or read document by document. It only reads."""

import re
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from mcp.server.mcpserver.exceptions import ResourceNotFoundError
from pydantic import Field

from examples.refund import database
from examples.refund.documents import Documents
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


def documents(data: Path) -> tuple[Documents, ...]:
    """The documents of the knowledge system over *data*."""

    def read(collection: str, document: str) -> str:
        return _document(data, collection, document)

    return (
        Documents(
            template="knowledge://{collection}/{document}",
            name="document",
            description="A document of the shop's terms, with all its passages.",
            scope=SCOPE,
            read=read,
        ),
    )


def _document(data: Path, collection: str, document: str) -> str:
    """
    The passages of one document as JSON, in its order.

    Raises:
        ResourceNotFoundError: There is no such document.
    """
    with database.connection(_path(data)) as opened:
        found = opened.execute(
            "SELECT source, version, text FROM passages WHERE collection = ? AND (source = ? OR source LIKE ? ESCAPE '!')"
            " ORDER BY rowid",
            (collection, document, f"{_literal(document)}#%"),
        )
        passages = [Passage(**row) for row in found]
    if not passages:
        raise ResourceNotFoundError(f"no document of collection `{collection}` is called `{document}`")
    return Passages(passages=passages).model_dump_json()


def _literal(text: str) -> str:
    """*text* as LIKE takes it to the letter."""
    return re.sub(r"([!%_])", r"!\1", text)


def _path(data: Path) -> Path:
    return data / "knowledge.db"


def main() -> None:
    """Runs the knowledge system."""
    settings = parse_settings("knowledge", "The knowledge system, an MCP server.")
    run("knowledge", settings, partial(offers, settings.data), documents=documents(settings.data))


if __name__ == "__main__":
    main()
