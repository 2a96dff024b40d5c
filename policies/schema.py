"""
The Cedar schema, generated from pinned MCP contracts, and call arguments in the form that schema types.

Cedar is always asked with a schema: without one, a `forbid` whose condition errors is skipped and the call is allowed.
The generator wants a namespace and names without dots; policies are written without either, so both are taken off here.

Source: docs/decisions/0003-cedar.md
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import cedarpy
from cedar_mcp_schema_generator import generate_schema
from pydantic import JsonValue

from policies.contract import Contract
from policies.errors import BundleError

_NAMESPACE = "Sayso"
_STUB = """
namespace Sayso {
  entity Group;
  entity Person in [Group];
  @mcp_principal
  entity Mission = { "type": String, "owner"?: Person, "on_behalf_of"?: Person } tags String;
  @mcp_resource
  entity Integration;
  entity MissionType;
  entity Proposal = {
    "mission_type": String, "operation": String, "groups": Set<Group>, "owner"?: Person, "on_behalf_of"?: Person
  };
  action "approve" appliesTo { principal: [Person], resource: [Proposal] };
  action "start" appliesTo { principal: [Person], resource: [MissionType] };
  entity Namespace;
  action "freeze" appliesTo { principal: [Person], resource: [Namespace] };
  action "thaw" appliesTo { principal: [Person], resource: [Namespace] };
}
"""
# INVARIANT: nothing asks for `freeze`. Anybody may stop; policy says only who may end it.
_CONFIG = {"numbersAsDecimal": True, "objectsAsRecords": True, "eraseAnnotations": True}


class ArgumentError(ValueError):
    """An argument that the schema cannot type; the message names it."""


class CedarSchema:
    """The schema of one bundle: text for validation, a parsed handle for requests, types for arguments."""

    def __init__(self, contracts: Mapping[str, Contract]) -> None:
        """
        Args:
            contracts: By full operation name.

        Raises:
            BundleError: A contract's input schema has no Cedar form.
        """
        tools: list[dict[str, Any]] = [
            {"name": name.replace(".", "__"), "description": "", "inputSchema": contract.input_schema}
            for name, contract in sorted(contracts.items())
        ]
        generated = generate_schema(_STUB, tools, config=_CONFIG)
        if not generated["isOk"]:
            raise BundleError("contracts", f"no Cedar schema can be made from them ({generated['error']})")
        self._parts = _plain_names(json.loads(generated["schemaJson"]), set(contracts))
        self.text = json.dumps(self._parts)
        try:
            self.handle = cedarpy.Schema.from_json_str(self.text)
        except ValueError as error:
            raise BundleError("contracts", f"no Cedar schema can be made from them ({error})") from error

    def context(self, operation: str, arguments: Mapping[str, JsonValue]) -> dict[str, Any]:
        """
        The Cedar context of a call.

        Raises:
            ArgumentError: An argument is not of the type its contract gives it.
        """
        input_type = self._parts[""]["commonTypes"][operation.replace(".", "__") + "Input"]
        return {"input": self._typed(dict(arguments), input_type, "arguments")}

    def _typed(self, value: JsonValue, kind: Mapping[str, Any], path: str) -> Any:
        name = kind.get("name", kind["type"])
        common, entity = self._named(name, "commonTypes"), self._named(name, "entityTypes")
        if common is not None:
            return self._typed(value, common, path)
        if entity is not None:
            return {"type": name, "id": value}
        match kind["type"], value:
            case "Record", dict():
                return self._record(value, kind["attributes"], path)
            case "Set", list():
                return [self._typed(item, kind["element"], f"{path}[]") for item in value]
            case (("Record" | "Set"), _):
                raise ArgumentError(f"`{path}` is not a {kind['type'].lower()}")
        return _decimal(value, path) if name == "decimal" else value

    def _record(self, value: dict[str, JsonValue], attributes: Mapping[str, Any], path: str) -> dict[str, Any]:
        unknown = sorted(value.keys() - attributes.keys())
        if unknown:
            raise ArgumentError(f"`{path}.{unknown[0]}` is not in the contract")
        return {key: self._typed(item, attributes[key], f"{path}.{key}") for key, item in value.items()}

    def _named(self, name: str, table: str) -> Mapping[str, Any] | None:
        namespace, _, short = name.rpartition("::")
        found: Mapping[str, Any] | None = self._parts.get(namespace, {}).get(table, {}).get(short)
        return found


def _decimal(value: JsonValue, path: str) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ArgumentError(f"`{path}` is not a number")
    text = f"{value:.4f}"
    if float(text) != float(value):
        raise ArgumentError(f"`{path}` has more than four decimals, which policy cannot compare")
    return text


def _plain_names(parts: dict[str, Any], operations: set[str]) -> dict[str, Any]:
    """Takes the namespace off every name and puts the dot back into operation names."""
    plain: dict[str, Any] = {}
    for namespace, part in parts.items():
        short = "" if namespace == _NAMESPACE else namespace.removeprefix(f"{_NAMESPACE}::")
        plain[short] = _without_namespace(part)
    named = {name.replace(".", "__"): name for name in operations}
    plain[""]["actions"] = {named.get(name, name): spec for name, spec in plain[""]["actions"].items()}
    return plain


def _without_namespace(node: Any) -> Any:
    match node:
        case dict():
            return {key: _without_namespace(item) for key, item in node.items()}
        case list():
            return [_without_namespace(item) for item in node]
        case str():
            return node.removeprefix(f"{_NAMESPACE}::")
    return node
