"""What activities act through. Workers pass the real adapters, unit tests pass small fakes of the same shape."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from pydantic import JsonValue

from approvals.freeze import FreezeRecord, Remembered
from approvals.signed import Signed
from audit.record import MissionRecord
from policies.action import Action
from policies.canonical import Digest
from policies.catalogue import Integration
from policies.contract import Contract
from policies.directory import Directory


@dataclass(frozen=True)
class Here:
    """Which activity of which mission run is asking, as the server says; never as the caller says."""

    namespace: str
    mission_id: str
    run_id: str
    scheduled_at: datetime


@dataclass(frozen=True)
class Snapshot:
    """A run at one instant."""

    open: bool
    task_in_flight: bool
    """A workflow task is pending: the server may hold back signals that no history shows."""
    length: int
    """Number of events the server had."""


class Histories(Protocol):
    """Event histories, from the server."""

    async def read(self, mission_id: str, run_id: str) -> MissionRecord:
        """The run's settled events. Raises Unreachable; Gone where the server has no such run."""

    async def snapshot(self, mission_id: str, run_id: str) -> Snapshot:
        """The run now. Raises Unreachable."""


class Starts(Protocol):
    """How runs began, from the server."""

    async def read(self, mission_id: str, run_id: str) -> MissionRecord:
        """
        The run's first event, with the start of its mission's first run.

        Raises:
            Unreachable: The server does not answer.
            NotAMissionError: There is no start that this process can read.
        """


@dataclass(frozen=True)
class Use:
    """A `use` workflow as found."""

    claim: Signed | None
    receipts: tuple[Signed, ...]
    """What was recorded in it, by whomever."""


class Uses(Protocol):
    """The once-only claims, kept by the server as workflow ids."""

    async def find(self, key: str) -> Use | None:
        """The use named *key* (see `approvals.proposal.use_key`). Raises Unreachable."""

    async def claim(self, key: str, claim: Signed, approvers: tuple[str, ...]) -> None:
        """Takes the one workflow id, on the say-so of *approvers*. Raises AlreadyUsed, Unreachable."""

    async def announce(self, claim: Signed) -> None:
        """Puts the claim into the mission's own history, which outlives a deleted use. Raises Unreachable."""

    async def record(self, key: str, receipt: Signed) -> None:
        """Puts the receipt into the use. Raises Unreachable."""


@dataclass(frozen=True)
class ToolAnswer:
    """What a tool answered. `failed`: it says that it could not do it."""

    result: JsonValue
    failed: bool


class ToolSession(Protocol):
    """An open session with one MCP server under one token."""

    async def contract(self, tool: str) -> Contract | None:
        """What the server says the tool is now; None where it has none. Raises Unreachable."""

    async def template(self, resource: str) -> Contract | None:
        """What the server says the resource template is now; None where it has none. Raises Unreachable."""

    async def call(self, tool: str, arguments: dict[str, JsonValue], meta: dict[str, JsonValue]) -> ToolAnswer:
        """Sends the call once. Raises Lost."""

    async def read(self, uri: str, meta: dict[str, JsonValue]) -> ToolAnswer:
        """Reads the resource once, its text alone. Raises Lost."""


class Tools(Protocol):
    """MCP servers."""

    def open(self, integration: Integration, token: str) -> AbstractAsyncContextManager[ToolSession]:
        """A session; entering raises Unreachable."""


class Tokens(Protocol):
    """Access tokens from the issuer, for this process's own client."""

    async def for_scope(self, integration: Integration, scope: str) -> str:
        """A token for reading or describing. Raises Unreachable, TokenRefused."""

    async def for_action(self, integration: Integration, action: Action) -> str:
        """A token for exactly *action*, once, for seconds. Raises Unreachable, TokenRefused."""


class Directories(Protocol):
    """The approver directory, read anew each time."""

    def read(self) -> Directory:
        """Raises BundleError."""


class Freezes(Protocol):
    """The one freeze of a namespace, as the server has it."""

    async def find(self) -> FreezeRecord | None:
        """The latest freeze with its thaws; None where there is none. Raises Unreachable."""


class FreezeMemory(Protocol):
    """What this gate saw of freezes."""

    def read(self) -> Remembered | None:
        """The last freeze that was seen; None where none ever was. Raises Forgotten."""

    def write(self, seen: Remembered) -> None:
        """Remembers *seen* in place of what was. Raises Forgotten."""


class PayloadStore(Protocol):
    """Bytes by their content's SHA-256: what is too large for a history, and what is passed on by reference."""

    async def put(self, content: bytes) -> Digest:
        """Keeps *content* and returns its address. Raises Unreachable."""

    async def get(self, address: Digest) -> bytes | None:
        """What lies at *address*; None where nothing does, or something else. Raises Unreachable."""


class Clock(Protocol):
    """This process's clock."""

    def __call__(self) -> datetime:
        """Aware UTC."""


class Workloads(Protocol):
    """How much people and missions have been doing: against fatigue. Whoever may write to the namespace can skew it."""

    async def approvals(self, people: Collection[str], since: datetime) -> dict[str, int]:
        """By each of *people*, how many uses rest on an approval of theirs, taken at *since* or later. Raises Unreachable."""

    async def open_of(self, owner: str) -> int:
        """How many missions of *owner* say that they wait for a decision. Raises Unreachable."""


@dataclass(frozen=True)
class Ports:
    """Everything the gate and its proposer reach outside themselves."""

    histories: Histories
    uses: Uses
    tools: Tools
    tokens: Tokens
    directories: Directories
    clock: Clock
    workloads: Workloads
    freezes: Freezes
    memory: FreezeMemory
