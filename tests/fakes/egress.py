"""A bundle in which a search leaves the perimeter: one collection is allowed, one is held, the rest is nobody's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.fakes.kit import edit_yaml

SEARCH = "knowledge.search"
ALLOWED, HELD, OTHER = "refunds", "shipping", "warranty"
_HELD = """
@id("search-shipping")
@requires("support-lead: 1")
@expires("24h")
permit (principal is Mission, action == Action::"knowledge.search", resource)
when { principal.type == "refund" && context.input.collection == "shipping" };
"""


def as_egress(root: Path, mission: str = "refund") -> None:
    """Whoever searches tells an outside system what for; the collection is where it goes. One is held for a *mission*."""

    def change(catalogue: dict[str, Any]) -> None:
        knowledge = catalogue["integrations"]["knowledge"]
        knowledge["operations"]["search"]["effect"] = "egress"
        knowledge["describe_scope"] = "knowledge:read"

    edit_yaml(root / "integrations.yaml", change)
    (root / "egress.cedar").write_text(_HELD.replace("refund", mission))


def to(collection: str) -> dict[str, Any]:
    """A search in *collection*."""
    return {"query": "refund window", "collection": collection}
