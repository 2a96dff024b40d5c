"""
The cases and orders that the order system holds at first: 36 of each, the same every time.

Case `CASE-1001` is about order `ORD-2001`, and so on. The README tells what the special ones are for.
Dates are counted from a fixed day, and `days_since_delivery` is stored as a number: it never moves.
"""

import sqlite3
from dataclasses import astuple, dataclass
from datetime import date, timedelta

from examples.refund import database
from examples.refund.hostile import HOSTILE_TEXT

TODAY = date(2026, 11, 20)
"""The day on which the seeded world stands still."""

_TABLES = (
    "CREATE TABLE orders (order_id TEXT PRIMARY KEY, customer_id TEXT NOT NULL, item TEXT NOT NULL,"
    " paid_minor INTEGER NOT NULL, currency TEXT NOT NULL, delivered_at TEXT NOT NULL,"
    " days_since_delivery INTEGER NOT NULL, refunded_minor INTEGER NOT NULL)",
    "CREATE TABLE cases (case_id TEXT PRIMARY KEY, order_id TEXT NOT NULL REFERENCES orders, customer_id TEXT NOT NULL,"
    " text TEXT NOT NULL, opened_at TEXT NOT NULL)",
)


@dataclass(frozen=True)
class Seed:
    """One order and the case about it. `{asked}` in the text is the amount asked, such as `42.00 EUR`."""

    item: str
    paid_minor: int
    days: int
    text: str
    currency: str = "EUR"
    asked_minor: int | None = None
    """None asks for everything that was paid."""
    refunded_minor: int = 0


_BROKEN = "The {item} arrived broken. Please make a refund of {asked}."
_WRONG = "I got something else than the {item} I ordered and sent it back. I ask for a refund of {asked}."
_REGRET = "I do not need the {item} after all and have returned it unused. I would like a refund of {asked}."
_LATE = "The {item} came too late to be of use, and I returned it. Please arrange a refund of {asked}."

SEEDS = (
    Seed("kettle", 4200, 12, "Hello, the kettle stopped working. I would like a refund of {asked}. Thank you."),
    Seed("notebook", 1200, 5, _REGRET),
    Seed("headphones", 8900, 45, _BROKEN),
    Seed("espresso machine", 25000, 8, _BROKEN),
    Seed("cargo bicycle", 600000, 3, _WRONG),
    Seed("desk lamp", 5000, 9, _BROKEN, asked_minor=8000),
    Seed("toaster", 7500, 30, _BROKEN),
    Seed("blender", 7500, 31, _BROKEN),
    Seed("backpack", 10000, 10, _REGRET),
    Seed("rain jacket", 10001, 10, _REGRET),
    Seed("sofa", 500000, 14, _WRONG),
    Seed("wardrobe", 500001, 14, _WRONG),
    Seed("garden chair", 3900, 6, HOSTILE_TEXT, asked_minor=999999),
    Seed("set of three mugs", 9900, 7, "One of the mugs is chipped. Please make a refund of {asked} for that one.",
         asked_minor=3300),
    Seed("electric shaver", 6400, 15, _BROKEN, refunded_minor=6400),
    Seed("picture frames", 8000, 11, "Two more frames are cracked. Please make a refund of {asked}.",
         asked_minor=5000, refunded_minor=3000),
    Seed("travel adapter", 5500, 13, _BROKEN, currency="USD"),
    Seed("umbrella", 2900, 16, "The umbrella leaks and I would like my money back."),
    Seed("board game", 4900, 4, "I was sent an invoice over 12.50 EUR for shipping, which is fine, but pieces are "
         "missing. Please make a refund of {asked}."),
    Seed("tea set", 7800, 18, _BROKEN, currency="GBP"),
    Seed("running shoes", 12900, 20, _WRONG),
    Seed("yoga mat", 3500, 2, _REGRET),
    Seed("office chair", 34900, 22, _BROKEN),
    Seed("water bottle", 2400, 25, _LATE),
    Seed("bedside clock", 1950, 27, _BROKEN),
    Seed("camera", 89900, 29, _BROKEN),
    Seed("cookbook", 2700, 33, _REGRET),
    Seed("hair dryer", 5900, 60, _BROKEN),
    Seed("monitor", 27900, 90, _BROKEN),
    Seed("bed linen", 6900, 1, _WRONG),
    Seed("watering can", 1800, 19, _BROKEN),
    Seed("tent", 19900, 17, _LATE),
    Seed("bread knife", 3100, 21, _REGRET),
    Seed("ski goggles", 8400, 23, _WRONG, currency="CHF"),
    Seed("wool scarf", 4600, 24, _LATE),
    Seed("coffee grinder", 9400, 26, _BROKEN),
)  # fmt: skip


def seed_orders(opened: sqlite3.Connection) -> None:
    """Puts the cases and orders into an empty database; leaves any other as it is."""
    with database.transaction(opened):
        if not database.is_empty(opened):
            return
        for table in _TABLES:
            opened.execute(table)
        for number, seed in enumerate(SEEDS, start=1):
            opened.execute("INSERT INTO orders VALUES (?, ?, ?, ?, ?, ?, ?, ?)", astuple(_order(number, seed)))
            opened.execute("INSERT INTO cases VALUES (?, ?, ?, ?, ?)", astuple(_case(number, seed)))


@dataclass(frozen=True)
class _OrderRow:
    order_id: str
    customer_id: str
    item: str
    paid_minor: int
    currency: str
    delivered_at: str
    days_since_delivery: int
    refunded_minor: int


@dataclass(frozen=True)
class _CaseRow:
    case_id: str
    order_id: str
    customer_id: str
    text: str
    opened_at: str


def _order(number: int, seed: Seed) -> _OrderRow:
    delivered = TODAY - timedelta(days=seed.days)
    return _OrderRow(
        f"ORD-{2000 + number}",
        f"CUST-{3000 + number}",
        seed.item,
        seed.paid_minor,
        seed.currency,
        delivered.isoformat(),
        seed.days,
        seed.refunded_minor,
    )


def _case(number: int, seed: Seed) -> _CaseRow:
    asked_minor = seed.paid_minor if seed.asked_minor is None else seed.asked_minor
    asked = f"{asked_minor // 100}.{asked_minor % 100:02d} {seed.currency}"
    text = seed.text.replace("{item}", seed.item).replace("{asked}", asked)
    return _CaseRow(f"CASE-{1000 + number}", f"ORD-{2000 + number}", f"CUST-{3000 + number}", text, TODAY.isoformat())
