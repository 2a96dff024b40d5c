"""
The payment system's ledger: refunds that were made, each once, never changed and never removed.

A refund, the use of its token and its idempotency key are one transaction on disk: a crash leaves all of them or none.
INVARIANT: a token pays for one call, and an idempotency key for one row.

`python -m examples.refund.ledger --data DIR [--json]` prints it.
"""

import argparse
import json
import sqlite3
from contextlib import AbstractContextManager
from dataclasses import asdict, astuple, dataclass, fields
from datetime import datetime
from pathlib import Path

from examples.refund import database, process

_TABLES = """
BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS ledger (
    entry INTEGER PRIMARY KEY AUTOINCREMENT,
    refund_id TEXT NOT NULL UNIQUE,
    order_id TEXT NOT NULL,
    amount_minor INTEGER NOT NULL CHECK (amount_minor > 0),
    currency TEXT NOT NULL,
    reason TEXT NOT NULL,
    idempotency_key TEXT UNIQUE,
    jti TEXT NOT NULL UNIQUE,
    issued_at TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS used_tokens (jti TEXT PRIMARY KEY, used_at TEXT NOT NULL) WITHOUT ROWID;
CREATE TRIGGER IF NOT EXISTS ledger_keeps_rows BEFORE DELETE ON ledger
    BEGIN SELECT RAISE(ABORT, 'the ledger only grows'); END;
CREATE TRIGGER IF NOT EXISTS ledger_keeps_values BEFORE UPDATE ON ledger
    BEGIN SELECT RAISE(ABORT, 'the ledger only grows'); END;
COMMIT;
"""


@dataclass(frozen=True)
class Refund:
    """A refund as it was asked for."""

    order_id: str
    amount_minor: int
    currency: str
    reason: str


@dataclass(frozen=True)
class LedgerRow:
    """A refund that was made, in the order of the table's columns."""

    refund_id: str
    order_id: str
    amount_minor: int
    currency: str
    reason: str
    idempotency_key: str | None
    jti: str
    issued_at: str

    @property
    def refund(self) -> Refund:
        """What was asked for."""
        return Refund(self.order_id, self.amount_minor, self.currency, self.reason)


_COLUMNS = ", ".join(field.name for field in fields(LedgerRow))


class TokenUsedError(Exception):
    """The token has paid for a call before."""


class KeyConflictError(Exception):
    """The idempotency key belongs to a refund with other arguments."""

    def __init__(self, recorded: LedgerRow) -> None:
        super().__init__(recorded.refund_id)
        self.recorded = recorded


def make_ledger(data_dir: Path) -> None:
    """Makes the tables in *data_dir* unless they are there."""
    with _opened(data_dir) as opened:
        opened.executescript(_TABLES)


def record(data_dir: Path, refund: Refund, *, idempotency_key: str | None, jti: str, now: datetime) -> LedgerRow:
    """
    The one row of this refund: written now, or, under a known idempotency key, the one written then.

    Raises:
        TokenUsedError: *jti* was used before; nothing is written.
        KeyConflictError: The key is known with other arguments; nothing is written and the token stays unused.
    """
    with _opened(data_dir) as opened, database.transaction(opened):
        try:
            opened.execute("INSERT INTO used_tokens VALUES (?, ?)", (jti, now.isoformat()))
        except sqlite3.IntegrityError as error:
            raise TokenUsedError from error
        known = _row_by_key(opened, idempotency_key)
        if known is None:
            return _append(opened, refund, idempotency_key, jti, now)
        if known.refund != refund:
            raise KeyConflictError(known)
        return known


def ledger(data_dir: Path) -> list[LedgerRow]:
    """
    Every refund made, oldest first.

    Raises:
        FileNotFoundError: No payment system ever ran in *data_dir*.
    """
    return _rows(data_dir, "", ())


def ledger_of_order(data_dir: Path, order_id: str) -> list[LedgerRow]:
    """The refunds made for one order, oldest first; empty for an order this system never heard of."""
    return _rows(data_dir, "WHERE order_id = ?", (order_id,))


def ledger_total(data_dir: Path) -> int:
    """The sum of every refund made, in minor units, whatever their currencies."""
    return sum(row.amount_minor for row in ledger(data_dir))


def _path(data_dir: Path) -> Path:
    return data_dir / "payments.db"


def _opened(data_dir: Path) -> AbstractContextManager[sqlite3.Connection]:
    return database.connection(_path(data_dir), durability="FULL")


def _rows(data_dir: Path, condition: str, values: tuple[str, ...]) -> list[LedgerRow]:
    if not _path(data_dir).exists():
        raise FileNotFoundError(f"no ledger in `{data_dir}`; start the payment system with --data there")
    with _opened(data_dir) as opened:
        found = opened.execute(f"SELECT {_COLUMNS} FROM ledger {condition} ORDER BY entry", values)  # noqa: S608
        return [LedgerRow(*row) for row in found]


def _row_by_key(opened: sqlite3.Connection, idempotency_key: str | None) -> LedgerRow | None:
    found = opened.execute(f"SELECT {_COLUMNS} FROM ledger WHERE idempotency_key = ?", (idempotency_key,)).fetchone()  # noqa: S608
    return LedgerRow(*found) if found else None


def _append(opened: sqlite3.Connection, refund: Refund, idempotency_key: str | None, jti: str, now: datetime) -> LedgerRow:
    count = opened.execute("SELECT COUNT(*) FROM ledger").fetchone()[0]
    row = LedgerRow(
        refund_id=f"RF-{3001 + count}",
        **asdict(refund),
        idempotency_key=idempotency_key,
        jti=jti,
        issued_at=now.isoformat(),
    )
    places = ", ".join("?" * len(fields(LedgerRow)))
    opened.execute(f"INSERT INTO ledger ({_COLUMNS}) VALUES ({places})", astuple(row))  # noqa: S608
    return row


def main() -> None:
    """Prints the ledger, as lines or as JSON."""
    parser = argparse.ArgumentParser(prog="python -m examples.refund.ledger", description="Print the refunds made.")
    parser.add_argument("--data", required=True, metavar="DIR", help="the payment system's data directory")
    parser.add_argument("--json", action="store_true", help="one JSON object: rows and total_minor")
    found = parser.parse_args()
    try:
        rows = ledger(Path(found.data))
    except FileNotFoundError as error:
        process.fail(str(error), 2)
    if found.json:
        total = sum(row.amount_minor for row in rows)
        print(json.dumps({"rows": [asdict(row) for row in rows], "total_minor": total}, indent=2))
        return
    for row in rows:
        print(f"{row.refund_id}  {row.order_id}  {row.amount_minor / 100:.2f} {row.currency}  {row.issued_at}")
    print(f"{len(rows)} refunds, {sum(row.amount_minor for row in rows)} minor units in total")


if __name__ == "__main__":
    main()
