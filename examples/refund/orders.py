"""The order system: customers' cases and the orders they are about. It only reads."""

import sqlite3
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from pydantic import Field

from examples.refund import database
from examples.refund.resource_server import parse_settings, run
from examples.refund.seed import seed_orders
from examples.refund.tools import Arguments, Offer, Refusal, Result, needs_scope, offer

SCOPE = "orders:read"


class GetCase(Arguments):
    """The arguments of `get_case`."""

    case_id: str = Field(description="The case, such as CASE-1001")


class Case(Result):
    """What a customer wrote. The text is theirs, and may hold anything."""

    case_id: str
    order_id: str
    customer_id: str
    text: str
    opened_at: str


class GetOrder(Arguments):
    """The arguments of `get_order`."""

    order_id: str = Field(description="The order, such as ORD-2001")


class Order(Result):
    """What was bought, paid, delivered, and already given back. Amounts are in minor units."""

    order_id: str
    customer_id: str
    item: str
    paid_minor: int
    currency: str
    delivered_at: str
    days_since_delivery: int
    refunded_minor: int


def get_case(data: Path, asked: GetCase) -> Case:
    """
    The case.

    Raises:
        Refusal: There is none.
    """
    found = _row(data, "SELECT * FROM cases WHERE case_id = ?", asked.case_id)
    if found is None:
        raise Refusal(f"no case is called `{asked.case_id}`; case ids look like `CASE-1001`")
    return Case(**found)


def get_order(data: Path, asked: GetOrder) -> Order:
    """
    The order.

    Raises:
        Refusal: There is none.
    """
    found = _row(data, "SELECT * FROM orders WHERE order_id = ?", asked.order_id)
    if found is None:
        raise Refusal(f"no order is called `{asked.order_id}`; order ids look like `ORD-2001`")
    return Order(**found)


def offers(data: Path) -> Sequence[Offer]:
    """The tools of the order system over *data*; an empty database is seeded."""
    with database.connection(_path(data)) as opened:
        seed_orders(opened)
    return (
        offer(
            partial(get_case, data),
            name="get_case",
            description="Reads a customer's case.",
            arguments=GetCase,
            result=Case,
            needs=needs_scope(SCOPE),
        ),
        offer(
            partial(get_order, data),
            name="get_order",
            description="Reads an order: what was paid, when it was delivered, what was refunded.",
            arguments=GetOrder,
            result=Order,
            needs=needs_scope(SCOPE),
        ),
    )


def _path(data: Path) -> Path:
    return data / "orders.db"


def _row(data: Path, query: str, key: str) -> sqlite3.Row | None:
    with database.connection(_path(data)) as opened:
        found: sqlite3.Row | None = opened.execute(query, (key,)).fetchone()
        return found


def main() -> None:
    """Runs the order system."""
    settings = parse_settings("orders", "The order system, an MCP server.")
    run("orders", settings, partial(offers, settings.data))


if __name__ == "__main__":
    main()
