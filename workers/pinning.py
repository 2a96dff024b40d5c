"""Writing pins into a bundle: the contract into `contracts/`, its digest into `integrations.yaml`, and nothing else."""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from pathlib import Path

from policies.contract import Contract
from policies.drift import Standing, Tool
from policies.errors import BundleError
from policies.load import load_pins
from policies.pins import with_digest, with_operation
from workers.errors import WrongUse


def write_pins(root: Path, tools: Sequence[Tool]) -> None:
    """
    Pins each of *tools* as it is served. Contracts first: cut short in between, the bundle does not load, and pinning
    again mends it.

    Raises:
        BundleError: `integrations.yaml` is not laid out so that it can be edited.
        WrongUse: A file cannot be written.
    """
    if not tools:
        return
    path = root / "integrations.yaml"
    with path.open(encoding="utf-8", newline="") as file:
        text = file.read()
    contracts: dict[str, list[Contract]] = {name: list(kept) for name, kept in load_pins(root)[1].items()}
    changed: set[str] = set()
    for tool in tools:
        if tool.served is None:
            continue
        integration = tool.operation.partition(".")[0]
        if tool.standing is Standing.UNLISTED:
            text = with_operation(text, tool.operation, tool.served.digest, tool.served.uri_template)
        else:
            text = with_digest(text, tool.operation, tool.served.digest)
        contracts[integration] = _exchanged(contracts[integration], tool.served)
        changed.add(integration)
    for name in sorted(changed):
        _write(root / "contracts" / f"{name}.json", _file(contracts[name]))
    _write(path, text)


def _exchanged(kept: Sequence[Contract], served: Contract) -> list[Contract]:
    if served.name not in {contract.name for contract in kept}:
        return [*kept, served]
    return [served if contract.name == served.name else contract for contract in kept]


def _file(contracts: Sequence[Contract]) -> str:
    return json.dumps([contract.form() for contract in contracts], indent=2) + "\n"


def _write(path: Path, text: str) -> None:
    """Whole or not at all. The new file stands beside the bundle for a moment, where it does not count into its digest."""
    root = path.parent.parent if path.parent.name == "contracts" else path.parent
    partial = root.parent / f".{path.name}.{secrets.token_hex(4)}"
    try:
        path.parent.mkdir(exist_ok=True)
        partial.write_text(text, encoding="utf-8", newline="")
        if path.exists():
            partial.chmod(path.stat().st_mode & 0o777)
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise WrongUse(f"`{path}` cannot be written ({error.strerror})") from error


def trouble(root: Path) -> str | None:
    """Why the bundle does not load as it is now, or None."""
    from workers.probe import probe

    try:
        probe(root)
    except BundleError as error:
        return str(error)
    return None
