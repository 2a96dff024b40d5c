"""A contract: what a tool or a resource said it is when a person classified it. Drift voids the classification."""

from __future__ import annotations

from pydantic import JsonValue

from policies.canonical import Digest, digest
from policies.model import Recorded
from policies.uri_template import TemplateError, input_schema


class Contract(Recorded):
    """One tool of an MCP server as `tools/list` gives it, or one resource as `resources/templates/list` does."""

    name: str
    description: str
    input_schema: dict[str, JsonValue]
    uri_template: str | None = None
    """Of a resource; its input schema follows from it. None for a tool."""

    def form(self) -> dict[str, JsonValue]:
        """As JSON. A tool has no URI template, not an empty one."""
        whole: dict[str, JsonValue] = self.model_dump(mode="json")
        return {name: value for name, value in whole.items() if name != "uri_template" or value is not None}

    @property
    def digest(self) -> Digest:
        """Covers name, description, input schema and URI template; annotations are the server's claims and do not count."""
        return digest("contract", self.form())


def of_resource(name: str, description: str, uri_template: str) -> Contract:
    """The contract of a resource. One with a template that cannot be filled here can be looked at, and does not load."""
    try:
        schema = input_schema(uri_template)
    except TemplateError:
        schema = {"type": "object"}
    return Contract(name=name, description=description, input_schema=schema, uri_template=uri_template)
