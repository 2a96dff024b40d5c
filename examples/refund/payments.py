"""
The payment system: makes refunds, each with a token for exactly that refund, and lists them.

It knows no orders, so it caps nothing by what was paid; it refuses amounts that are not above zero and currencies it
does not book. The caller may name the refund by `idempotency-key` in the call's `_meta`: the same key with the same
arguments gets the recorded refund again, for a fresh token; with other arguments it is an error.

Tests lose replies on purpose, by the environment variable `PAYMENTS_FAULT`: see `faults.py`.
"""

import os
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from pydantic import Field

from examples.refund import process
from examples.refund.faults import fault_from_environment
from examples.refund.ledger import (
    KeyConflictError,
    LedgerRow,
    Refund,
    TokenUsedError,
    ledger_of_order,
    make_ledger,
    record,
)
from examples.refund.operations import needs_operation_token
from examples.refund.resource_server import parse_settings, run
from examples.refund.tools import Arguments, Call, Offer, Refusal, Result, admitted_call, needs_scope, offer

CURRENCIES = ("CHF", "EUR", "GBP", "USD")
HIGHEST_AMOUNT_MINOR = 10**12
IDEMPOTENCY_KEY = "idempotency-key"
KEY_LENGTH_LIMIT = 200


class IssueRefund(Arguments):
    """The arguments of `issue_refund`."""

    order_id: str = Field(description="The order to refund, such as ORD-2001")
    amount_minor: int = Field(description="Amount in minor units: 4200 is 42.00")
    currency: str = Field(description="ISO 4217 code, such as EUR")
    reason: str = Field(description="Why, in a sentence; kept in the ledger")


class IssuedRefund(Result):
    """A refund that was made."""

    refund_id: str
    order_id: str
    amount_minor: int
    currency: str
    issued_at: str


class ListRefunds(Arguments):
    """The arguments of `list_refunds`."""

    order_id: str = Field(description="The order, such as ORD-2001")


class Refunds(Result):
    """The refunds of one order, oldest first."""

    refunds: list[IssuedRefund]
    total_minor: int


def issue_refund(data: Path, asked: IssueRefund) -> IssuedRefund:
    """
    Makes the refund, or finds the one made under the same idempotency key.

    Raises:
        Refusal: Amount, currency, key or token forbid it; nothing was written.
    """
    _check_money(asked)
    call = admitted_call()
    refund = Refund(asked.order_id, asked.amount_minor, asked.currency, asked.reason)
    jti = str((call.token.claims or {})["jti"])
    key = _idempotency_key(call)
    try:
        return _issued(record(data, refund, idempotency_key=key, jti=jti, now=datetime.now(UTC)))
    except TokenUsedError as error:
        raise Refusal(f"the token `{jti}` was used before; ask the issuer for a fresh one") from error
    except KeyConflictError as error:
        raise Refusal(
            f"idempotency key `{key}` belongs to `{error.recorded.refund_id}` with other arguments; use another key"
        ) from error


def list_refunds(data: Path, asked: ListRefunds) -> Refunds:
    """The refunds made for an order; none for an order this system never heard of."""
    found = ledger_of_order(data, asked.order_id)
    return Refunds(refunds=[_issued(row) for row in found], total_minor=sum(row.amount_minor for row in found))


def offers(data: Path) -> Sequence[Offer]:
    """The tools of the payment system over *data*; its tables are made if missing."""
    make_ledger(data)
    return (
        offer(
            partial(issue_refund, data),
            name="issue_refund",
            description="Pays money back for an order.",
            arguments=IssueRefund,
            result=IssuedRefund,
            needs=needs_operation_token,
        ),
        offer(
            partial(list_refunds, data),
            name="list_refunds",
            description="Lists the refunds made for an order, with their total.",
            arguments=ListRefunds,
            result=Refunds,
            needs=needs_scope("payments:read"),
        ),
    )


def _check_money(asked: IssueRefund) -> None:
    if asked.amount_minor <= 0:
        raise Refusal(f"amount `{asked.amount_minor}` is not above zero; name a positive amount in minor units")
    if asked.amount_minor > HIGHEST_AMOUNT_MINOR:
        raise Refusal(f"amount `{asked.amount_minor}` is more than can be booked; stay below {HIGHEST_AMOUNT_MINOR}")
    if asked.currency not in CURRENCIES:
        raise Refusal(f"currency `{asked.currency}` is not booked here; use one of {', '.join(CURRENCIES)}")


def _idempotency_key(call: Call) -> str | None:
    if IDEMPOTENCY_KEY not in call.meta:
        return None
    key = call.meta[IDEMPOTENCY_KEY]
    if not isinstance(key, str) or not 0 < len(key) <= KEY_LENGTH_LIMIT:
        raise Refusal(f"`{IDEMPOTENCY_KEY}` in _meta is no text of 1 to {KEY_LENGTH_LIMIT} characters; mend or omit it")
    return key


def _issued(row: LedgerRow) -> IssuedRefund:
    return IssuedRefund(
        refund_id=row.refund_id,
        order_id=row.order_id,
        amount_minor=row.amount_minor,
        currency=row.currency,
        issued_at=row.issued_at,
    )


def main() -> None:
    """Runs the payment system."""
    settings = parse_settings("payments", "The payment system, an MCP server.")
    try:
        fault = fault_from_environment(os.environ, settings.data)
    except ValueError as error:
        process.fail(f"payments: PAYMENTS_FAULT: {error}", 2)
    run("payments", settings, partial(offers, settings.data), fault)


if __name__ == "__main__":
    main()
