"""One system's SQLite file: write-ahead log, and a transaction that is all or nothing."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Literal

BUSY_SECONDS = 5.0

Durability = Literal["NORMAL", "FULL"]


@contextmanager
def connection(path: Path, durability: Durability = "NORMAL") -> Iterator[sqlite3.Connection]:
    """
    An open connection in autocommit mode, closed on the way out.

    Args:
        durability: FULL has each commit on disk before it returns; NORMAL may lose the last ones to a power cut.
    """
    with closing(sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)) as opened:
        opened.row_factory = sqlite3.Row
        opened.execute("PRAGMA journal_mode = WAL")
        opened.execute(f"PRAGMA synchronous = {durability}")
        yield opened


@contextmanager
def transaction(opened: sqlite3.Connection) -> Iterator[None]:
    """Everything inside is committed together, or, after any exception, not at all. Writers queue at the start."""
    opened.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        opened.execute("ROLLBACK")
        raise
    opened.execute("COMMIT")


def is_empty(opened: sqlite3.Connection) -> bool:
    """Whether no table was made yet."""
    return opened.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone() is None
