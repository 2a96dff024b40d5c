"""
Operation tokens: leave for one call of one tool with exact arguments (RFC 9396), once.

The token's `authorization_details` and the call are compared as canonical JSON, whole against whole: another tool,
resource or value, one key more or less, a second entry or an unknown field is another operation. That the token was
never used is for the system's own transaction to say, see `ledger.py`.
"""

from typing import Any

from examples.refund.canonical import canonical
from examples.refund.grants import OPERATION_TYPE
from examples.refund.tools import Call, Refusal


def operation_details(resource: str, tool: str, arguments: object) -> list[dict[str, Any]]:
    """The `authorization_details` of exactly one operation."""
    return [{"type": OPERATION_TYPE, "locations": [resource], "actions": [tool], "arguments": arguments}]


def needs_operation_token(call: Call) -> None:
    """
    Lets through a call whose token was issued for exactly it.

    Raises:
        Refusal: The token carries no operation, or another one.
    """
    granted = (call.token.claims or {}).get("authorization_details")
    if granted is None:
        raise Refusal(f"`{call.tool}` needs a token for this one operation; ask the issuer with authorization_details")
    wanted = operation_details(call.token.resource or "", call.tool, dict(call.arguments))
    if not _same(granted, wanted):
        raise Refusal(f"the token is for another operation than this `{call.tool}`; ask for one with these arguments")


def _same(granted: object, wanted: object) -> bool:
    try:
        return canonical(granted) == canonical(wanted)
    except (ValueError, RecursionError):
        return False
