"""
The parcels system: asks outside carriers where a parcel is. What it is asked leaves the house, and stays on record here.

`track` takes a token with the scope for it, or one for exactly this call, which is good once. No carrier is really asked: the
answer is made of the number, the same every time. The outbox is what would have left.

`python -m examples.refund.parcels` serves it.
"""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from pydantic import Field

from examples.refund.operations import needs_operation_token
from examples.refund.outbox import TokenUsedError, make_outbox, record
from examples.refund.resource_server import parse_settings, run
from examples.refund.tools import Arguments, Call, Offer, Refusal, Result, admitted_call, offer

SCOPE = "parcels:track"
STATES = ("handed in", "on its way", "at the depot", "delivered")
LONGEST = 200


class Track(Arguments):
    """The arguments of `track`."""

    carrier: str = Field(description="Whom to ask, such as post")
    number: str = Field(description="The parcel's number, such as PK1001; the carrier is told it")


class Tracked(Result):
    """What the carrier says."""

    carrier: str
    number: str
    state: str


def track(data: Path, asked: Track) -> Tracked:
    """
    Asks the carrier, and keeps what it was asked.

    Raises:
        Refusal: Carrier or number are none, or the token was used before; nothing left.
    """
    for name, value in (("carrier", asked.carrier), ("number", asked.number)):
        if not 0 < len(value) <= LONGEST:
            raise Refusal(f"`{name}` is no text of 1 to {LONGEST} characters")
    claims = admitted_call().token.claims or {}
    jti = str(claims["jti"]) if "authorization_details" in claims else None
    try:
        record(data, asked.carrier, asked.number, jti)
    except TokenUsedError as error:
        raise Refusal(f"the token `{jti}` was used before; ask the issuer for a fresh one") from error
    state = STATES[sum(asked.number.encode()) % len(STATES)]
    return Tracked(carrier=asked.carrier, number=asked.number, state=state)


def needs_scope_or_operation(call: Call) -> None:
    """
    Lets through a call with the scope, or with a token for exactly it.

    Raises:
        Refusal: The token is for neither.
    """
    if SCOPE not in call.token.scopes:
        needs_operation_token(call)


def offers(data: Path) -> Sequence[Offer]:
    """The tool of the parcels system over *data*; its tables are made if missing."""
    make_outbox(data)
    return (
        offer(
            partial(track, data),
            name="track",
            description="Asks an outside carrier where a parcel is. The carrier learns the number.",
            arguments=Track,
            result=Tracked,
            needs=needs_scope_or_operation,
        ),
    )


def main() -> None:
    """Runs the parcels system."""
    settings = parse_settings("parcels", "The parcels system, an MCP server.")
    run("parcels", settings, partial(offers, settings.data))


if __name__ == "__main__":
    main()
