"""Fakes in the shape of `activities.ports`: in memory, counting, and able to fail on request."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime

from pydantic import JsonValue
from temporalio.api.enums.v1 import EventType

from activities.errors import AlreadyUsed, Forgotten, Gone, Lost, TokenRefused, Unreachable
from activities.ports import Snapshot, ToolAnswer, Use
from approvals.decision import Heard
from approvals.freeze import COMPLETED, THAW, FreezeRecord, Remembered
from approvals.settlement import USED, Claim
from approvals.signed import Signed
from audit.errors import NotAMissionError
from audit.record import MissionRecord
from policies.action import Action
from policies.catalogue import Integration
from policies.contract import Contract
from policies.directory import Directory
from policies.errors import BundleError
from tests.fakes.clock import FakeClock
from tests.fakes.history import FakeHistory

_PENDING = {EventType.EVENT_TYPE_WORKFLOW_TASK_SCHEDULED, EventType.EVENT_TYPE_WORKFLOW_TASK_STARTED}


@dataclass
class FakeHistories:
    """Runs by mission and run id."""

    runs: dict[tuple[str, str], FakeHistory] = field(default_factory=dict)
    down: bool = False

    def add(self, history: FakeHistory) -> FakeHistory:
        """Keeps *history*, and returns it."""
        self.runs[history.mission_id, history.run_id] = history
        return history

    async def read(self, mission_id: str, run_id: str) -> MissionRecord:
        """The run's settled events."""
        if self.down:
            raise Unreachable("the Temporal server", "its frontend", "down")
        if (mission_id, run_id) not in self.runs:
            raise Gone("the Temporal server", "its frontend", "workflow execution not found")
        record = self.runs[mission_id, run_id].record()
        first = self.runs.get((mission_id, record.started.mission.first_execution_run_id))
        return replace(record, origin=first.record().started) if record.started.continues and first else record

    async def snapshot(self, mission_id: str, run_id: str) -> Snapshot:
        """The run now; what the server holds back counts in no history."""
        run = self.runs[mission_id, run_id]
        in_flight = run.held_back > 0 or run.events[-1].event_type in _PENDING
        return Snapshot(open=run.open, task_in_flight=in_flight, length=len(run.events))


@dataclass
class FakeStarts:
    """The starts of the runs in `histories`."""

    histories: FakeHistories

    async def read(self, mission_id: str, run_id: str) -> MissionRecord:
        """The run as it began."""
        if (mission_id, run_id) not in self.histories.runs:
            raise NotAMissionError(f"the server has no run `{run_id}` of `{mission_id}`")
        return (await self.histories.read(mission_id, run_id)).before(2)


@dataclass
class FakeUses:
    """Uses by proposal; announces claims in their missions' histories."""

    histories: FakeHistories
    taken: dict[str, Signed | None] = field(default_factory=dict)
    receipts: dict[str, list[Signed]] = field(default_factory=dict)
    approvers: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """On whose say-so each was taken."""
    claims: int = 0
    """How often a use was asked for."""
    down: bool = False
    announces: bool = True
    """Without it, taking works and telling the mission does not."""
    records: bool = True

    async def find(self, key: str) -> Use | None:
        """The use, if it was taken and not deleted."""
        if self.down:
            raise Unreachable("the Temporal server", "its frontend", "down")
        if key not in self.taken:
            return None
        return Use(claim=self.taken[key], receipts=tuple(self.receipts.get(key, ())))

    async def claim(self, key: str, claim: Signed, approvers: tuple[str, ...]) -> None:
        """Takes the use once."""
        self.claims += 1
        if key in self.taken:
            raise AlreadyUsed(f"the use `{key}` is taken")
        self.taken[key] = claim
        self.approvers[key] = approvers

    async def announce(self, claim: Signed) -> None:
        """Tells the mission."""
        if not self.announces:
            raise Unreachable("the Temporal server", "its frontend", "the signal was refused")
        mission = Claim.model_validate(claim.body).mission
        self.histories.runs[mission.mission_id, mission.run_id].signal(USED, claim)

    async def record(self, key: str, receipt: Signed) -> None:
        """Puts the receipt into the use."""
        if not self.records:
            raise Unreachable("the Temporal server", "its frontend", "down")
        self.receipts.setdefault(key, []).append(receipt)

    def delete(self, key: str) -> None:
        """What whoever may write to the namespace can do."""
        del self.taken[key]
        self.receipts.pop(key, None)


@dataclass(frozen=True)
class Call:
    """One call as it reached the server."""

    tool: str
    arguments: Mapping[str, JsonValue]
    meta: Mapping[str, JsonValue]
    token: str
    url: str


@dataclass
class FakeTools:
    """All MCP servers as one. `calls` is what arrived, `effects` what was really done."""

    served: dict[str, Contract]
    """By tool name."""
    calls: list[Call] = field(default_factory=list)
    effects: list[Call] = field(default_factory=list)
    honours_keys: bool = True
    loses: int = 0
    """So many next calls are done, and their answer is lost."""
    down: bool = False
    result: JsonValue = None
    failed: bool = False
    during_call: Callable[[], None] | None = None
    _keys: set[JsonValue] = field(default_factory=set)

    @asynccontextmanager
    async def open(self, integration: Integration, token: str) -> AsyncIterator[FakeSession]:
        """A session with *integration*."""
        if self.down:
            raise Unreachable("the MCP server", integration.url, "down")
        yield FakeSession(self, integration.url, token)

    def done(self, call: Call) -> ToolAnswer:
        """Does *call*, once for each key it honours."""
        self.calls.append(call)
        if self.during_call is not None:
            self.during_call()
        key = call.meta.get("idempotency-key")
        if not (self.honours_keys and key in self._keys) and not self.failed:
            self.effects.append(call)
        if key is not None:
            self._keys.add(key)
        if self.loses > 0:
            self.loses -= 1
            raise Lost(f"`{call.tool}` at {call.url}", "connection reset")
        usual: JsonValue = {"passages": []} if call.tool == "search" or "://" in call.tool else {"refund_id": "R-1"}
        return ToolAnswer(result=self.result or usual, failed=self.failed)


@dataclass
class FakeSession:
    """An open session of `FakeTools`."""

    tools: FakeTools
    url: str
    token: str

    async def contract(self, tool: str) -> Contract | None:
        """What the server says now."""
        return self.tools.served.get(tool)

    async def template(self, resource: str) -> Contract | None:
        """What the server says now."""
        return self.tools.served.get(resource)

    async def call(self, tool: str, arguments: dict[str, JsonValue], meta: dict[str, JsonValue]) -> ToolAnswer:
        """Sends once."""
        return self.tools.done(Call(tool, arguments, meta, self.token, self.url))

    async def read(self, uri: str, meta: dict[str, JsonValue]) -> ToolAnswer:
        """Reads once; what is read stands where a tool's name would."""
        return self.tools.done(Call(uri, {}, meta, self.token, self.url))


@dataclass
class FakeTokens:
    """An issuer."""

    actions: list[Action] = field(default_factory=list)
    """What operation tokens were asked for."""
    down: bool = False
    refuses: bool = False
    during: Callable[[], None] | None = None
    """Happens while an operation token is asked for: after the first look, before admission."""

    async def for_scope(self, integration: Integration, scope: str) -> str:
        """A token for a scope."""
        self._trouble()
        return f"scope {scope} at {integration.resource}"

    async def for_action(self, integration: Integration, action: Action) -> str:
        """A token for one action."""
        self._trouble()
        self.actions.append(action)
        if self.during is not None:
            self.during()
        return f"action {action.digest} at {integration.resource}"

    def _trouble(self) -> None:
        if self.down:
            raise Unreachable("the token issuer", "http://issuer", "down")
        if self.refuses:
            raise TokenRefused("the issuer gives no token")


@dataclass
class FakeDirectories:
    """A directory that can be exchanged while a mission waits."""

    now: Directory
    broken: bool = False

    def read(self) -> Directory:
        """The directory as it is now."""
        if self.broken:
            raise BundleError("`directory.yaml`", "cannot be read")
        return self.now


@dataclass
class FakeWorkloads:
    """Counts as a test sets them; nobody in them has done anything."""

    approved: dict[str, int] = field(default_factory=dict)
    """By person, uses within whatever time is asked about."""
    open: dict[str, int] = field(default_factory=dict)
    """By owner, missions that wait."""
    asked_since: list[datetime] = field(default_factory=list)
    down: bool = False

    async def approvals(self, people: Collection[str], since: datetime) -> dict[str, int]:
        """The counts of *people*."""
        self._trouble()
        self.asked_since.append(since)
        return {who: self.approved.get(who, 0) for who in people}

    async def open_of(self, owner: str) -> int:
        """The count of *owner*."""
        self._trouble()
        return self.open.get(owner, 0)

    def _trouble(self) -> None:
        if self.down:
            raise Unreachable("the Temporal server", "its frontend", "down")


@dataclass
class FakeFreezes:
    """The freeze of the namespace `default`, as whoever may write to it leaves it."""

    clock: FakeClock
    latest: FreezeRecord | None = None
    runs: int = 0
    down: bool = False

    async def find(self) -> FreezeRecord | None:
        """The latest freeze."""
        if self.down:
            raise Unreachable("the Temporal server", "its frontend", "down")
        return self.latest

    def begin(self, said: JsonValue = None) -> str:
        """Somebody freezes; the run id."""
        self.runs += 1
        self.clock.advance(seconds=1)
        self.latest = FreezeRecord("default", f"freeze-{self.runs}", self.clock(), json.dumps(said).encode(), None, ())
        return self.latest.run_id

    def freeze(self) -> None:
        """Somebody freezes, for a hook of another fake."""
        self.begin()

    def thaw(self, *values: JsonValue) -> None:
        """Somebody sends a `thaw`, and the run completes."""
        sent = tuple(json.dumps(value).encode() for value in values)
        self.clock.advance(seconds=1)
        heard = Heard(event_id=5, at=self.clock(), name=THAW, values=sent)
        self.latest = replace(self.frozen, thaws=(*self.frozen.thaws, heard), ended=COMPLETED)

    def end(self, how: str) -> None:
        """Somebody ends the run otherwise."""
        self.latest = replace(self.frozen, ended=how)

    def delete(self) -> None:
        """Somebody deletes the run."""
        self.latest = None

    @property
    def frozen(self) -> FreezeRecord:
        """The freeze that there is."""
        assert self.latest is not None, "nothing was frozen"
        return self.latest


@dataclass
class FakeMemory:
    """What a gate remembers; shared by gates where a test says so."""

    seen: Remembered | None = None
    broken: bool = False

    def read(self) -> Remembered | None:
        """The last freeze that was seen."""
        if self.broken:
            raise Forgotten("/state/freeze.json", "it does not hold what a gate writes there")
        return self.seen

    def write(self, seen: Remembered) -> None:
        """Remembers *seen*."""
        if self.broken:
            raise Forgotten("/state/freeze.json", "read-only file system")
        self.seen = seen
