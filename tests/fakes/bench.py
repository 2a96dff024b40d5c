"""A bench: the gate and its proposer against fakes, one mission on it, and everybody who could act on that mission."""

from __future__ import annotations

import base64
import json
from datetime import timedelta
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import BaseModel, JsonValue

from activities.gate import Gate
from activities.grounds import ProposeRequest
from activities.ports import Here, Ports
from activities.proposer import Proposer
from approvals import start
from approvals.decision import SIGNAL, Statement, Verdict, make, sign
from approvals.evidence import Evidence
from approvals.jws import Signer
from approvals.proposal import Refusal
from approvals.settlement import Settlement
from approvals.signed import Kind, Signed, opened
from audit.law import Law
from audit.proposals import Found, signed_proposals
from policies.bundle import Bundle
from policies.canonical import Digest
from tests.fakes.clock import FakeClock
from tests.fakes.history import WORKFLOW, FakeHistory
from tests.fakes.kit import Kit
from tests.fakes.ports import (
    FakeDirectories,
    FakeFreezes,
    FakeHistories,
    FakeMemory,
    FakeTokens,
    FakeTools,
    FakeUses,
    FakeWorkloads,
)

REFUND = "payments.issue_refund"
GIVEN: JsonValue = {"case_id": "CASE-1001"}
SMALL: dict[str, JsonValue] = {"order_id": "ORD-2001", "amount_minor": 4200, "currency": "EUR", "reason": "late"}
LARGE: dict[str, JsonValue] = {**SMALL, "amount_minor": 42000}


class Bench:
    """One gate, one mission, and fakes for all the rest."""

    def __init__(self, kit: Kit, bundle: Bundle | None = None) -> None:
        self.kit = kit
        self.bundle = bundle or kit.bundle
        self.clock = FakeClock()
        self.histories = FakeHistories()
        self.uses = FakeUses(self.histories)
        self.tools = FakeTools({name.partition(".")[2]: c for name, c in self.bundle.catalogue.contracts.items()})
        self.tokens = FakeTokens()
        self.directories = FakeDirectories(self.bundle.directory)
        self.workloads = FakeWorkloads()
        self.freezes = FakeFreezes(self.clock)
        self.memory = FakeMemory()
        self.gate = self.another_gate()
        self._jti = 0
        self.mission: FakeHistory = self.started()

    @property
    def ports(self) -> Ports:
        """The fakes as the gate takes them."""
        fakes = (self.histories, self.uses, self.tools, self.tokens, self.directories, self.clock)
        return Ports(*fakes, workloads=self.workloads, freezes=self.freezes, memory=self.memory)

    @property
    def law(self) -> Law:
        """What a judge judges by now."""
        return Law(self.bundle, self.directories.now)

    @property
    def paid(self) -> list[int]:
        """Amounts that really left, in order."""
        return [int(str(call.arguments["amount_minor"])) for call in self.tools.effects]

    def another_gate(self, bundle: Bundle | None = None) -> Gate:
        """A gate on the same ports: a second worker, or one with another bundle."""
        return Gate(self.ports, bundle or self.bundle, self.kit.signers["gate"], patience=timedelta())

    def claims(self, mission: FakeHistory, **changes: Any) -> start.Start:
        """What `sayso start` signs; *changes* overwrite fields."""
        now = int(self.clock().timestamp())
        made = start.Start(
            namespace=mission.namespace,
            mission_type=mission.mission_type,
            mission_id=mission.mission_id,
            input=start.input_digest(GIVEN),
            iat=now,
            exp=now + 300,
            jti="start",
        )
        return made.model_copy(update=changes)

    def started(
        self,
        mission_id: str = "refund-1",
        run_id: str = "run-1",
        *,
        owner: str | None = "olga",
        signed: str | None = None,
        original_run_id: str | None = None,
        mission_type: str = "refund",
        given: JsonValue = GIVEN,
        **changes: Any,
    ) -> FakeHistory:
        """A mission that was started and has read its case; it becomes the bench's mission."""
        mission = FakeHistory(mission_id, run_id, self.clock, mission_type=mission_type)
        if signed is None and owner is not None:
            signed = start.sign(self.claims(mission, **changes), self.kit.signers[owner])
        mission.start(given, signed=signed, original_run_id=original_run_id)
        mission.task()
        request: JsonValue = {"operation": "orders.get_case", "arguments": GIVEN}
        mission.activity("read", request, {"operation": "orders.get_case", "result": {"order_id": "ORD-2001"}}, "reads")
        self.mission = self.histories.add(mission)
        return mission

    def went_on(
        self,
        run_id: str = "run-2",
        *,
        given: JsonValue = GIVEN,
        signed: str | None = None,
        mission_type: str | None = None,
        initiator: int = WORKFLOW,
    ) -> FakeHistory:
        """The run as which the bench's mission goes on; it becomes the bench's. What is given there is the mission worker's."""
        before = self.mission
        before.go_on(run_id)
        later = FakeHistory(before.mission_id, run_id, self.clock, mission_type=mission_type or before.mission_type)
        first = before.events[0].workflow_execution_started_event_attributes.first_execution_run_id
        later.start(given, signed=signed, first_run_id=first, continued_run_id=before.run_id, initiator=initiator)
        later.task()
        self.mission = self.histories.add(later)
        return later

    def here(self, mission: FakeHistory | None = None) -> Here:
        """Where an activity of the mission runs, scheduled now."""
        mission = mission or self.mission
        return Here(mission.namespace, mission.mission_id, mission.run_id, self.clock())

    async def asked(self, arguments: dict[str, JsonValue] | None = None, **request: Any) -> Signed:
        """The gate's answer to `propose`, not yet in the history."""
        made = ProposeRequest(**{"step": "1", "operation": REFUND, "arguments": arguments or SMALL, **request})
        return await Proposer(self.ports, self.bundle, self.kit.signers["gate"]).propose(made, self.here())

    async def propose(self, arguments: dict[str, JsonValue] | None = None, **request: Any) -> Found:
        """A proposal, as it stands in the mission's history."""
        scheduled = self.mission.schedule("propose", {"step": "1", "operation": REFUND})
        answer = await self.asked(arguments, **request)
        assert answer.kind is Kind.PROPOSAL, list(Refusal.model_validate(answer.body).reasons())
        self.mission.complete(scheduled, answer)
        self.mission.task()
        return signed_proposals(self.mission.record(), self.law)[answer.digest]

    async def refused(self, arguments: dict[str, JsonValue] | None = None, **request: Any) -> str:
        """Why the gate makes no proposal."""
        answer = await self.asked(arguments, **request)
        return "; ".join(Refusal.model_validate(self.body(answer, Kind.REFUSAL)).reasons())

    def found(self) -> Found:
        """The newest proposal of the mission."""
        return list(signed_proposals(self.mission.record(), self.law).values())[-1]

    def proposals(self) -> dict[Digest, Found]:
        """All proposals of the mission, in order."""
        return signed_proposals(self.mission.record(), self.law)

    def statement(self, verdict: Verdict = Verdict.APPROVE, found: Found | None = None, **changes: Any) -> Statement:
        """What an approver signs who reviewed the mission now; *changes* overwrite fields."""
        found, record = found or self.found(), self.mission.record()
        self._jti += 1
        evidence = Evidence(through=record.head, digest=record.chain[-1])
        made = make(found.proposal, found.digest, evidence, verdict, reason="", now=self.clock(), jti=str(self._jti))
        return made.model_copy(update=changes)

    def decide(
        self,
        who: str,
        verdict: Verdict = Verdict.APPROVE,
        found: Found | None = None,
        *,
        signer: Signer | None = None,
        **changes: Any,
    ) -> str:
        """Signs as *who* (or with *signer*) and sends; returns the token."""
        token = sign(self.statement(verdict, found, **changes), signer or self.kit.signers[who])
        self.mission.signal(SIGNAL, token)
        return token

    def approve(self, *who: str, **changes: Any) -> None:
        """Each signs an approve and sends it."""
        for person in who:
            self.decide(person, **changes)

    def deny(self, who: str, **changes: Any) -> None:
        """Signs a deny and sends it."""
        self.decide(who, Verdict.DENY, **changes)

    def say(self, value: JsonValue | bytes | BaseModel, *, principal: str | None = None, workflow: str | None = None) -> None:
        """Sends anything under the name of a decision."""
        self.mission.signal(SIGNAL, value, principal=principal, workflow=workflow)

    async def settle(
        self,
        digest: Digest | None = None,
        *,
        gate: Gate | None = None,
        here: Here | None = None,
        recorded: bool = True,
        item: int = 0,
        withdraw: bool = False,
    ) -> Settlement:
        """The gate's settlement, verified, and put into the mission's history unless not *recorded*."""
        digest = digest or self.found().digest
        scheduled = self.mission.schedule("settle", {"proposal": digest, "item": item, "withdraw": withdraw})
        answer = await (gate or self.gate).settle(digest, here or self.here(), item)
        if recorded:
            self.mission.complete(scheduled, answer)
            self.mission.task()
        return Settlement.model_validate(self.body(answer, Kind.SETTLEMENT))

    def body(self, signed: Signed, kind: Kind) -> dict[str, JsonValue]:
        """What the gate signed."""
        return opened(signed, kind, self.directories.now.gate)

    def signed_bytes(self, who: str, header: dict[str, JsonValue], payload: bytes) -> str:
        """A compact JWS by *who* over exactly this header and payload."""
        signing = f"{_b64(json.dumps(header).encode())}.{_b64(payload)}"
        key = Ed25519PrivateKey.from_private_bytes(_raw(str(self.kit.signers[who].to_jwk()["d"])))
        return f"{signing}.{_b64(key.sign(signing.encode()))}"


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _raw(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
