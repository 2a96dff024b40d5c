"""What `sayso integrations` prints: the same facts as text for a person and as data for a script."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from approvals.display import visible
from policies.catalogue import Catalogue, Effect, Operation
from policies.drift import Standing, Tool, difference
from policies.load import load_pins
from policies.requirement import duration_words
from workers.cli.sheet import table

if TYPE_CHECKING:
    from workers.cli.integrations import Survey


def list_data(catalogue: Catalogue) -> dict[str, Any]:
    """`sayso integrations list --json`."""
    return {
        "issuer": catalogue.issuer,
        "classes": list(catalogue.classes),
        "operations": [
            {"operation": name, "url": url, "resource": resource, **_operation_data(operation)}
            for name, url, resource, operation in _operations(catalogue)
        ],
    }


def list_text(catalogue: Catalogue) -> str:
    """A table."""
    rows = [
        (
            visible(name),
            _kind(operation),
            str(operation.effect),
            visible(_scope(operation)),
            visible(_idempotency(operation)),
            operation.contract[:12],
            visible(_classes(operation)),
        )
        for name, _, _, operation in _operations(catalogue)
    ]
    return table(("OPERATION", "KIND", "EFFECT", "SCOPE", "IDEMPOTENCY", "CONTRACT", "CLASSES"), rows)


def check_data(found: Survey) -> dict[str, Any]:
    """`sayso integrations check --json`."""
    return {
        "directory": str(found.root),
        "ok": not found.silent and all(tool.standing in (Standing.PINNED, Standing.UNLISTED) for tool in found.tools),
        "operations": [_tool_data(tool) for tool in found.tools],
        "unreachable": found.silent,
    }


def check_text(found: Survey) -> str:
    """One line an operation."""
    lines = [_line(tool) for tool in found.tools]
    return "\n".join([*lines, *_silent(found)]) or "there is no integration"


def difference_text(tool: Tool) -> str:
    """What a person compares before pinning."""
    lines = [_line(tool)]
    if tool.served is not None:
        for line in difference(tool.pinned, tool.served):
            body = line[1:].lstrip(" ")
            indent = len(line) - 1 - len(body)
            lines.append(f"  {line[:1]}{' ' * min(indent, 40)}{visible(body)}")
    return "\n".join(lines)


def question(tool: Tool, root: Path) -> str:
    """What is asked before *tool* is pinned in the bundle *root*: above all whether its effect still holds."""
    if tool.standing is Standing.UNLISTED:
        return f"write `{visible(tool.operation)}` into the catalogue, as one that changes state?"
    found = load_pins(root)[0].find(tool.operation)
    effect = found[2].effect if found else Effect.COMMIT
    return f"pin `{visible(tool.operation)}` as it is now, still classified as `{effect}`?"


def pin_data(found: Survey, pinned: Sequence[Tool], trouble: str | None) -> dict[str, Any]:
    """`sayso integrations pin --json`."""
    return {
        "directory": str(found.root),
        "pinned": [_tool_data(tool) for tool in pinned],
        "left": [_tool_data(tool) for tool in found.tools if tool not in pinned and tool.standing is not Standing.PINNED],
        "unreachable": found.silent,
        "trouble": trouble,
    }


def pin_text(found: Survey, pinned: Sequence[Tool], trouble: str | None) -> str:
    """What was written, and what is left for a person to do."""
    lines = [f"pinned {visible(tool.operation)} as {_digest(tool)}" for tool in pinned]
    new = [visible(tool.operation) for tool in pinned if tool.standing is Standing.UNLISTED]
    if new:
        lines.append(f"{', '.join(new)}: written as `commit`, and no policy permits it yet; classify it in integrations.yaml")
    gone = [visible(tool.operation) for tool in found.tools if tool.standing is Standing.GONE]
    if gone:
        lines.append(f"{', '.join(gone)}: gone from the server; take it out of integrations.yaml yourself")
    if trouble is not None:
        lines.append(f"the bundle does not load with these pins: {visible(trouble)}")
    return "\n".join([*lines, *_silent(found)]) or "everything is as pinned"


def _operations(catalogue: Catalogue) -> list[tuple[str, str, str, Operation]]:
    return [
        (f"{name}.{tool}", integration.url, integration.resource, operation)
        for name, integration in catalogue.integrations.items()
        for tool, operation in integration.operations.items()
    ]


def _operation_data(operation: Operation) -> dict[str, Any]:
    """`resource` was taken: it is what tokens are bound to."""
    data = operation.model_dump(mode="json")
    return {"uri_template": data.pop("resource"), **data}


def _kind(operation: Operation) -> str:
    kind = "tool" if operation.resource is None else "resource"
    return f"{kind} of knowledge" if operation.knowledge else kind


def _scope(operation: Operation) -> str:
    return operation.scope or ("one operation" if operation.effect is Effect.COMMIT else "none")


def _idempotency(operation: Operation) -> str:
    found = operation.idempotency
    return f"{found.meta} for {duration_words(found.window_seconds)}" if found else "none"


def _classes(operation: Operation) -> str:
    return ", ".join(f"{path} is {data_class}" for path, data_class in operation.classes.items()) or "none"


def _tool_data(tool: Tool) -> dict[str, Any]:
    return {
        "operation": tool.operation,
        "standing": str(tool.standing),
        "drifted": list(tool.parts),
        "words": tool.words,
        "difference": difference(tool.pinned, tool.served) if tool.served is not None else [],
    }


def _line(tool: Tool) -> str:
    words = {
        Standing.PINNED: "as pinned",
        Standing.DRIFTED: f"not what was pinned: {', '.join(tool.parts)} changed",
        Standing.GONE: "the server no longer lists it",
        Standing.UNLISTED: "served and not in the catalogue: it cannot be called",
    }[tool.standing]
    more = f" ({visible(tool.words)})" if tool.words else ""
    return f"{tool.standing.ljust(8)}  {visible(tool.operation)}: {words}{more}"


def _silent(found: Survey) -> list[str]:
    return [f"unknown   {visible(name)}: {visible(why)}" for name, why in found.silent.items()]


def _digest(tool: Tool) -> str:
    return tool.served.digest[:12] if tool.served else "nothing"
