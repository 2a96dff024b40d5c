"""Whether what a person wrote of an operation fits the contract that was pinned for it."""

from __future__ import annotations

from policies.catalogue import Effect, Operation
from policies.contract import Contract
from policies.uri_template import TemplateError, input_schema


def trouble(operation: Operation, contract: Contract) -> str | None:
    """Why *operation* cannot be what its entry says it is, or None."""
    if operation.effect is not Effect.COMMIT and operation.scope is None:
        return "a read names the `scope` it asks for"
    return _resource_trouble(operation, contract) or _knowledge_trouble(operation, contract)


def _resource_trouble(operation: Operation, contract: Contract) -> str | None:
    if contract.uri_template is None:
        return None if operation.resource is None else "says `resource`, and its pinned contract is that of a tool"
    if operation.resource != contract.uri_template:
        return "its pinned contract is that of a resource; say `resource` with the URI template in it"
    try:
        schema = input_schema(contract.uri_template)
    except TemplateError as error:
        return f"its `resource` {error}"
    return None if contract.input_schema == schema else "its pinned contract asks for other values than its URI template"


def _knowledge_trouble(operation: Operation, contract: Contract) -> str | None:
    if not operation.knowledge:
        return None
    if operation.effect is Effect.COMMIT:
        return "what says `knowledge` is a `read` or an `egress`"
    properties, required = contract.input_schema.get("properties"), contract.input_schema.get("required")
    collection = properties.get("collection") if isinstance(properties, dict) else None
    typed = isinstance(collection, dict) and collection.get("type") == "string"
    if not typed or not isinstance(required, list) or "collection" not in required:
        return "what says `knowledge` is asked with a `collection`, a text that its contract requires"
    return None
