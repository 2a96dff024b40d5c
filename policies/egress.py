"""
Egress: a read that carries what its caller chose to somebody outside. A permit for one either names where it may go, or says
whose say-so it needs; one that does neither would let a mission write to anybody.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from policies.errors import BundleError


def check_egress(policies: Mapping[str, Any], operations: Collection[str]) -> None:
    """
    Returns when each permit that reaches one of *operations* without `@requires` asks about the call's arguments.

    Args:
        policies: The static policies, by key, as Cedar writes them in JSON.
        operations: Full names of the operations classified as egress.

    Raises:
        BundleError: One does not; names the policy.
    """
    for policy in policies.values():
        annotations = policy.get("annotations", {})
        if policy["effect"] != "permit" or "requires" in annotations or not _reaches(policy["action"], operations):
            continue
        if not any(_asks(each["body"]) for each in policy["conditions"] if each["kind"] == "when"):
            words = "permits egress to anywhere; name the destination in `when` (`context.input.…`) or add `@requires`"
            raise BundleError(f"policy `{annotations.get('id') or ''}`", words)


def _reaches(action: Mapping[str, Any], operations: Collection[str]) -> bool:
    match action:
        case {"op": "==" | "in", "entity": {"id": name}}:
            return name in operations
        case {"op": "in", "entities": list(entities)}:
            return any(entity["id"] in operations for entity in entities)
    # An unconstrained action reaches everything.
    return bool(operations)


def _asks(condition: Any) -> bool:
    """Whether *condition* looks at an argument."""
    todo = [condition]
    while todo:
        node = todo.pop()
        match node:
            case {"left": {".": {"left": {"Var": "context"}, "attr": "input"}}, "attr": str()}:
                return True
            case dict():
                todo += node.values()
            case list():
                todo += node
    return False
