"""A contract: what a tool said it is when a person classified it. Drift voids the classification."""

from __future__ import annotations

from pydantic import JsonValue

from policies.canonical import Digest, digest
from policies.model import Recorded


class Contract(Recorded):
    """One tool of an MCP server, as `tools/list` gives it."""

    name: str
    description: str
    input_schema: dict[str, JsonValue]

    @property
    def digest(self) -> Digest:
        """Covers name, description and input schema; annotations are the server's claims and do not count."""
        return digest("contract", self.model_dump(mode="json"))
