"""
What the parcels system told outside carriers: each question, in order, never changed and never removed.

`python -m examples.refund.outbox --data DIR [--json]` prints it.
"""

import argparse
import json
import sqlite3
from dataclasses import asdict, dataclass
from pathlib import Path

from examples.refund import database

_TABLES = """
BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS outbox (
    entry INTEGER PRIMARY KEY AUTOINCREMENT, carrier TEXT NOT NULL, number TEXT NOT NULL, jti TEXT UNIQUE
);
CREATE TRIGGER IF NOT EXISTS outbox_keeps_rows BEFORE DELETE ON outbox
    BEGIN SELECT RAISE(ABORT, 'the outbox only grows'); END;
CREATE TRIGGER IF NOT EXISTS outbox_keeps_values BEFORE UPDATE ON outbox
    BEGIN SELECT RAISE(ABORT, 'the outbox only grows'); END;
COMMIT;
"""


@dataclass(frozen=True)
class Asked:
    """One question that left."""

    carrier: str
    number: str
    jti: str | None
    """Of the token that was for this question alone; None where a scope was enough."""


class TokenUsedError(Exception):
    """The token has asked before."""


def make_outbox(data: Path) -> None:
    """Makes the tables where they are missing."""
    with database.connection(_path(data)) as opened:
        opened.executescript(_TABLES)


def record(data: Path, carrier: str, number: str, jti: str | None) -> None:
    """
    Keeps a question before it leaves.

    Raises:
        TokenUsedError: *jti* is on record; nothing was written.
    """
    try:
        with database.connection(_path(data), "FULL") as opened:
            opened.execute("INSERT INTO outbox (carrier, number, jti) VALUES (?, ?, ?)", (carrier, number, jti))
    except sqlite3.IntegrityError as error:
        raise TokenUsedError from error


def outbox(data: Path) -> list[Asked]:
    """Every question, in order; none where no parcels system ever ran."""
    if not _path(data).exists():
        return []
    with database.connection(_path(data)) as opened:
        return [Asked(**row) for row in opened.execute("SELECT carrier, number, jti FROM outbox ORDER BY entry")]


def _path(data: Path) -> Path:
    return data / "parcels.db"


def main() -> None:
    """Prints the outbox."""
    parser = argparse.ArgumentParser(prog="outbox", description="Prints what outside carriers were asked.")
    parser.add_argument("--data", required=True, type=Path, metavar="DIR", help="the systems' data directory")
    parser.add_argument("--json", action="store_true", help="as JSON")
    chosen = parser.parse_args()
    asked = outbox(chosen.data)
    if chosen.json:
        print(json.dumps([asdict(each) for each in asked], indent=2))
        return
    # As JSON texts: whoever asked may have written anything.
    for each in asked:
        print(f"{json.dumps(each.carrier)} {json.dumps(each.number)} {'once' if each.jti else 'by scope'}")


if __name__ == "__main__":
    main()
