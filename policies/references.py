"""
Whom and what policies name: every group, person and integration in a policy's text is one that there is.

Cedar takes any id for an entity. A group that was renamed, or written `finanse`, would make a permit that nobody can meet, or
a `forbid` that keeps nobody out.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from policies.errors import BundleError

_WORDS = {
    "Group": "the directory's `groups`",
    "Person": "the directory's people and services",
    "Integration": "the integrations catalogue",
}


def check_references(policies: Mapping[str, Any], known: Mapping[str, Collection[str]]) -> None:
    """
    Returns when every entity of a kind in *known* is known.

    Args:
        policies: The static policies, by key, as Cedar writes them in JSON.
        known: Ids by entity type: `Group`, `Person`, `Integration`.

    Raises:
        BundleError: One is not; names the policy, the entity and what there is.
    """
    for policy in policies.values():
        for kind, name in _entities(policy):
            if kind in known and name not in known[kind]:
                where = f"policy `{policy.get('annotations', {}).get('id') or ''}`"
                there_is = ", ".join(f"`{each}`" for each in sorted(known[kind])) or "nothing"
                raise BundleError(where, f'names {kind}::"{name}", which is not in {_WORDS[kind]}; there is {there_is}')


def _entities(policy: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Type and id of every entity, in its scope and its conditions. Annotations are words, and name nobody."""
    todo: list[Any] = [policy.get(part) for part in ("principal", "action", "resource", "conditions")]
    while todo:
        node = todo.pop()
        match node:
            case {"type": str(kind), "id": str(name), **rest} if not rest:
                yield kind, name
            case dict():
                todo += node.values()
            case list():
                todo += node
