"""
Pins contracts: writes what the example servers list now into the shipped bundle, as `python -m tests.stack.pin`.

A person runs it, looks at the difference and classifies what changed; `test_bundle.py` fails until then. The digests of
`integrations.yaml` are printed, not written: that line is the classification.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
from pathlib import Path

from policies.contract import Contract, of_resource
from policies.load import shipped
from tests.examples.enterprise import Enterprise, documents, running_enterprise, tools


async def served(enterprise: Enterprise) -> dict[str, list[Contract]]:
    """What each server lists, by integration: tools in the server's order, then resources."""
    scopes = {
        "orders": ("read", enterprise.resources.orders, "orders:read"),
        "payments": ("commit", enterprise.resources.payments, "payments:describe"),
        "knowledge": ("read", enterprise.resources.knowledge, "knowledge:read"),
        "parcels": ("commit", enterprise.resources.parcels, "parcels:describe"),
    }
    found = {}
    for name, (role, resource, scope) in scopes.items():
        token = enterprise.scope_token(role, resource, scope)
        listed = [
            Contract(name=tool.name, description=tool.description or "", input_schema=tool.input_schema)
            for tool in (await tools(resource, token)).tools
        ]
        templates = (await documents(resource, token)).resource_templates
        found[name] = listed + [of_resource(each.name, each.description or "", each.uri_template) for each in templates]
    return found


def main() -> None:
    """Writes `contracts/*.json` and prints each digest."""
    with tempfile.TemporaryDirectory() as data, running_enterprise(Path(data)) as enterprise:
        found = asyncio.run(served(enterprise))
    for name, contracts in found.items():
        written = [contract.form() for contract in contracts]
        (shipped() / "contracts" / f"{name}.json").write_text(json.dumps(written, indent=2) + "\n")
        for contract in contracts:
            print(f"{name}.{contract.name}: {contract.digest}")


if __name__ == "__main__":
    main()
