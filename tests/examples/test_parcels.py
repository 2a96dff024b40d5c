"""What the parcels system lets out, and for which tokens."""

from typing import Any

from examples.refund.outbox import Asked, outbox
from tests.examples.enterprise import Enterprise, call, text

PARCEL: dict[str, Any] = {"carrier": "swift-bikes", "number": "PK1001"}


async def test_question_by_scope_is_on_record(enterprise: Enterprise) -> None:
    """With what the carrier was told."""
    before = len(outbox(enterprise.data))
    token = enterprise.scope_token("read", enterprise.resources.parcels, "parcels:track")
    answer = await call(enterprise.resources.parcels, token, "track", PARCEL)
    assert answer.structured_content is not None and answer.structured_content["number"] == "PK1001"
    assert outbox(enterprise.data)[before:] == [Asked(jti=None, **PARCEL)]


async def test_token_for_one_question_asks_it_once(enterprise: Enterprise) -> None:
    """And no other."""
    before, parcels = len(outbox(enterprise.data)), enterprise.resources.parcels
    token = enterprise.operation_token(PARCEL, "track")
    other = text(await call(parcels, token, "track", {**PARCEL, "number": "PK1002"}))
    await call(parcels, token, "track", PARCEL)
    again = text(await call(parcels, token, "track", PARCEL))
    assert "is for another operation" in other and "was used before" in again
    assert [each.number for each in outbox(enterprise.data)[before:]] == ["PK1001"]


async def test_nothing_leaves_without_a_token_for_it(enterprise: Enterprise) -> None:
    """To list is not to ask, and an empty number asks nothing."""
    before, parcels = len(outbox(enterprise.data)), enterprise.resources.parcels
    describing = enterprise.scope_token("commit", parcels, "parcels:describe")
    tracking = enterprise.scope_token("read", parcels, "parcels:track")
    assert "needs a token for this one operation" in text(await call(parcels, describing, "track", PARCEL))
    assert "no text of 1 to" in text(await call(parcels, tracking, "track", {**PARCEL, "number": ""}))
    assert enterprise.request_token("read", resource=parcels, authorization_details="[]").status_code == 400
    assert len(outbox(enterprise.data)) == before
