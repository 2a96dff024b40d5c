"""The integrations catalogue: which servers exist, what each operation does, and the contract a person pinned for it."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from policies.canonical import Digest
from policies.classes import ClassPath, DataClass
from policies.contract import Contract
from policies.model import Written

_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")


def plain(name: str) -> bool:
    """Whether *name* can name an integration or an operation."""
    # A double underscore joins integration and operation where a dot is not allowed, so neither may hold one.
    return _NAME.fullmatch(name) is not None


def _plain(name: str) -> str:
    if not plain(name):
        raise ValueError(f"`{name}` is not a plain name: lower-case letters, digits and single underscores")
    return name


Name = Annotated[str, AfterValidator(_plain)]


class Effect(StrEnum):
    """What an operation does. Set by a person; what nobody classified is a commit."""

    READ = "read"
    EGRESS = "egress"
    COMMIT = "commit"


class Idempotency(Written):
    """How an operation recognises a repeated call."""

    meta: str
    """Key in the MCP call's `_meta` that carries the idempotency key."""
    window_seconds: int = Field(gt=0)
    """How long the server remembers a key; a call is sent again only within it."""


class Operation(Written):
    """One classified tool or resource."""

    effect: Effect = Effect.COMMIT
    scope: str | None = None
    """OAuth scope that a read asks for; a commit asks for exactly itself instead."""
    contract: Digest
    idempotency: Idempotency | None = None
    resource: str | None = None
    """Of an MCP resource the URI template, `knowledge://{collection}/{document}`; None for a tool."""
    knowledge: bool = False
    """What it answers is passages, each with source, version and text; its argument `collection` says where they stand."""
    classes: dict[ClassPath, DataClass] = Field(default_factory=dict)
    """Which values of the tool's result are of a data class, by their path in it; see `policies.classes`."""


class Integration(Written):
    """One MCP server."""

    url: str
    """Where it answers. Part of every action's digest: another endpoint is another action."""
    transport: Literal["streamable-http"] = "streamable-http"
    """How it is spoken to."""
    resource: str
    """RFC 8707 resource indicator its tokens are bound to."""
    describe_scope: str | None = None
    """Scope with which the commit worker may list tools, to see drift before it asks for an operation token."""
    operations: dict[Name, Operation]


class Catalogue(Written):
    """All integrations by name, and the contracts behind the pinned digests."""

    issuer: str
    """Base URL of the token issuer."""
    classes: tuple[DataClass, ...] = ()
    """Every data class there is: one that is used and not listed here does not load."""
    integrations: dict[Name, Integration]
    contracts: dict[str, Contract] = Field(default_factory=dict)
    """By full operation name; filled by the loader from `contracts/`."""

    @model_validator(mode="after")
    def _declared(self) -> Catalogue:
        for name, integration in self.integrations.items():
            for tool, operation in integration.operations.items():
                for path, data_class in operation.classes.items():
                    if data_class not in self.classes:
                        words = f"`{name}.{tool}` classes `{path}` as `{data_class}`, which is not listed under `classes`"
                        raise ValueError(words)
        return self

    def find(self, name: str) -> tuple[str, Integration, Operation] | None:
        """Integration name, integration and operation for `payments.issue_refund`; None where nothing is classified."""
        integration_name, _, operation_name = name.partition(".")
        integration = self.integrations.get(integration_name)
        operation = integration.operations.get(operation_name) if integration else None
        return (integration_name, integration, operation) if integration and operation else None

    def names(self, effect: Effect) -> frozenset[str]:
        """Full names of all operations with *effect*."""
        return frozenset(
            f"{integration}.{operation}"
            for integration, entry in self.integrations.items()
            for operation, spec in entry.operations.items()
            if spec.effect is effect
        )
