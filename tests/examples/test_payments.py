"""The payment system: one refund for one token, once. Promises E9 and D5 seen from the other side."""

import asyncio
from typing import Any
from uuid import uuid4

import pytest
from mcp_types import CallToolResult

from examples.refund.ledger import LedgerRow, ledger, ledger_total
from examples.refund.operations import operation_details
from tests.examples.enterprise import REFUND, Enterprise, call, text


def rows(enterprise: Enterprise, order_id: str) -> list[LedgerRow]:
    """The ledger's rows for one order."""
    return [row for row in ledger(enterprise.data) if row.order_id == order_id]


def refund(**changed: Any) -> dict[str, Any]:
    """A refund for an order that no other test uses."""
    return {**REFUND, "order_id": f"ORD-{uuid4().hex[:8]}", **changed}


async def issue(
    enterprise: Enterprise, arguments: dict[str, Any], *, token: str | None = None, key: str | None = None
) -> CallToolResult:
    """The call, with a token for exactly it unless given another."""
    bearer = token or enterprise.operation_token(arguments)
    return await call(enterprise.resources.payments, bearer, "issue_refund", arguments, key=key)


async def test_refund_with_its_token_is_made_and_listed(enterprise: Enterprise) -> None:
    """The happy path: ledger, answer and list agree."""
    asked, before = refund(), ledger_total(enterprise.data)
    made = await issue(enterprise, asked, key=uuid4().hex)
    token = enterprise.scope_token("read", enterprise.resources.payments, "payments:read")
    listed = await call(enterprise.resources.payments, token, "list_refunds", {"order_id": asked["order_id"]})
    assert [row.refund_id for row in rows(enterprise, asked["order_id"])] == [made.structured_content["refund_id"]]
    assert listed.structured_content == {"refunds": [made.structured_content], "total_minor": 4200}
    assert ledger_total(enterprise.data) == before + 4200


@pytest.mark.parametrize(
    "changed",
    [{"amount_minor": 4201}, {"amount_minor": 4200.0}, {"amount_minor": "4200"}, {"currency": "USD"}, {"note": "x"}],
)
async def test_other_arguments_than_the_token_names_are_refused(enterprise: Enterprise, changed: dict[str, Any]) -> None:
    """Raw arguments count, before any coercion."""
    asked = refund()
    said = text(await issue(enterprise, {**asked, **changed}, token=enterprise.operation_token(asked)))
    assert "another operation" in said
    assert rows(enterprise, asked["order_id"]) == []


async def test_missing_argument_is_refused(enterprise: Enterprise) -> None:
    """One key less is another operation."""
    asked = refund()
    less = {key: value for key, value in asked.items() if key != "reason"}
    said = text(await issue(enterprise, less, token=enterprise.operation_token(asked)))
    assert "another operation" in said


async def test_true_is_not_one(enterprise: Enterprise) -> None:
    """Python would call them equal."""
    asked = refund(amount_minor=1)
    said = text(await issue(enterprise, {**asked, "amount_minor": True}, token=enterprise.operation_token(asked)))
    assert "another operation" in said
    assert rows(enterprise, asked["order_id"]) == []


async def test_token_works_once(enterprise: Enterprise) -> None:
    """The second call finds the token used, under the same key or another."""
    asked, key = refund(), uuid4().hex
    token = enterprise.operation_token(asked)
    await issue(enterprise, asked, token=token, key=key)
    again = [text(await issue(enterprise, asked, token=token, key=other)) for other in (key, uuid4().hex, None)]
    assert all("was used before" in said for said in again)
    assert len(rows(enterprise, asked["order_id"])) == 1


async def test_token_sent_many_times_at_once_works_once(enterprise: Enterprise) -> None:
    """The claim of the token is atomic."""
    asked = refund()
    token = enterprise.operation_token(asked)
    answers = await asyncio.gather(*(issue(enterprise, asked, token=token) for _ in range(5)))
    assert sorted(answer.is_error for answer in answers) == [False, True, True, True, True]
    assert len(rows(enterprise, asked["order_id"])) == 1


@pytest.mark.parametrize("scope", ["payments:read", "payments:read issue_refund"])
async def test_scope_token_does_not_issue_refunds(enterprise: Enterprise, scope: str) -> None:
    """No scope stands for an operation, not even one signed by the issuer's key."""
    asked = refund()
    token = enterprise.signed(enterprise.resources.payments, scope=scope)
    said = text(await issue(enterprise, asked, token=token))
    assert "needs a token for this one operation" in said
    assert rows(enterprise, asked["order_id"]) == []


async def test_operation_token_reads_nothing(enterprise: Enterprise) -> None:
    """It is good for its one operation only."""
    token = enterprise.operation_token(refund())
    said = text(await call(enterprise.resources.payments, token, "list_refunds", {"order_id": "ORD-1"}))
    assert "`payments:read`" in said


async def test_details_with_more_than_the_operation_are_refused(enterprise: Enterprise) -> None:
    """Two entries or an unknown field, even under the issuer's signature."""
    asked, payments = refund(), enterprise.resources.payments
    entry = operation_details(payments, "issue_refund", asked)[0]
    for wrong in ([entry, entry], [{**entry, "note": 1}], entry, [], None, [{**entry, "actions": ["*"]}]):
        token = enterprise.signed(payments, authorization_details=wrong)
        assert (await issue(enterprise, asked, token=token)).is_error
    assert rows(enterprise, asked["order_id"]) == []


async def test_same_key_and_arguments_give_the_recorded_refund(enterprise: Enterprise) -> None:
    """With a fresh token; the ledger does not grow."""
    asked, key = refund(), uuid4().hex
    first = await issue(enterprise, asked, key=key)
    second = await issue(enterprise, asked, key=key)
    assert second.structured_content == first.structured_content
    assert len(rows(enterprise, asked["order_id"])) == 1


async def test_same_key_with_other_arguments_is_an_error(enterprise: Enterprise) -> None:
    """The key names one refund for ever."""
    asked, key = refund(), uuid4().hex
    made = await issue(enterprise, asked, key=key)
    said = text(await issue(enterprise, {**asked, "amount_minor": 4300}, key=key))
    assert made.structured_content["refund_id"] in said
    assert [row.amount_minor for row in rows(enterprise, asked["order_id"])] == [4200]


@pytest.mark.parametrize("key", ["", "k" * 201])
async def test_malformed_key_is_refused(enterprise: Enterprise, key: str) -> None:
    """A key that cannot be kept is not ignored."""
    asked = refund()
    assert "idempotency-key" in text(await issue(enterprise, asked, key=key))
    assert rows(enterprise, asked["order_id"]) == []


@pytest.mark.parametrize(
    ("changed", "named"), [({"amount_minor": 0}, "`0`"), ({"amount_minor": -1}, "`-1`"), ({"currency": "DM"}, "`DM`")]
)
async def test_amount_and_currency_that_cannot_be_booked_are_refused(
    enterprise: Enterprise, changed: dict[str, Any], named: str
) -> None:
    """Also with a token for exactly them."""
    asked = refund(**changed)
    assert named in text(await issue(enterprise, asked))
    assert rows(enterprise, asked["order_id"]) == []
