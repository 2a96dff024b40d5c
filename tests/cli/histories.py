"""Mission histories made by hand, event by event: what a server would keep, and what nobody should be able to put there."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import JsonValue
from temporalio.api.common.v1 import ActivityType, Memo, Payload, Payloads, WorkflowType
from temporalio.api.enums.v1 import EventType
from temporalio.api.failure.v1 import Failure
from temporalio.api.history.v1 import HistoryEvent
from temporalio.api.taskqueue.v1 import TaskQueue

from approvals import start
from approvals.card import render
from approvals.evidence import Evidence
from approvals.jws import Signer
from approvals.proposal import Proposal
from approvals.settlement import Receipt, Settlement, SettlementKind
from approvals.signed import Kind, Signed, seal
from approvals.votes import Vote
from audit.record import MissionRecord
from policies.action import Action, MissionRef, Principals
from policies.canonical import Digest, digest
from policies.directory import Directory, Person
from policies.requirement import Requirement, Rule

T0 = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
MISSION = MissionRef(
    namespace="default", mission_type="refund", mission_id="refund-1", run_id="run-1", first_execution_run_id="run-1"
)
ARGUMENTS: dict[str, Any] = {"order_id": "ORD-1", "amount_minor": 4200, "currency": "EUR"}
GATE, OLGA, SAM, STRANGER = (Signer.generate(name) for name in ("gate-1", "olga-1", "sam-1", "stranger-1"))
DIRECTORY = Directory(
    groups=("support", "support-lead"),
    people={
        "olga": Person(name="Olga", groups=("support",), keys=(OLGA.public(),)),
        "sam": Person(name="Sam", groups=("support-lead",), keys=(SAM.public(),)),
    },
    gates=(GATE.public(),),
)


def payload(value: Any) -> Payload:
    """*value* as JSON."""
    return Payload(metadata={"encoding": b"json/plain"}, data=json.dumps(value).encode())


def payloads(*values: Any) -> Payloads:
    """Each value as JSON."""
    return Payloads(payloads=[payload(value) for value in values])


class History:
    """Events in order, one second apart."""

    def __init__(self) -> None:
        self.events: list[HistoryEvent] = []

    def add(self, kind: str, **attributes: Any) -> int:
        """Appends an event of *kind* (`WORKFLOW_EXECUTION_SIGNALED`) and returns its id."""
        event = HistoryEvent(event_id=len(self.events) + 1, event_type=EventType.Value(f"EVENT_TYPE_{kind}"))
        event.event_time.FromDatetime(T0 + timedelta(seconds=len(self.events)))
        field = f"{kind.lower()}_event_attributes"
        getattr(event, field).SetInParent()
        for name, value in attributes.items():
            target = getattr(event, field)
            if hasattr(value, "SerializeToString"):
                getattr(target, name).CopyFrom(value)
            else:
                setattr(target, name, value)
        self.events.append(event)
        return int(event.event_id)

    def started(self, signer: Signer | None = OLGA, run_id: str = "run-1") -> History:
        """A start with its signed memo; *run_id* is the run it began as."""
        given: JsonValue = {"case_id": "CASE-1"}
        memo = Memo()
        if signer is not None:
            now = int(T0.timestamp())
            claims = start.Start(
                namespace="default",
                mission_type="refund",
                mission_id="refund-1",
                input=start.input_digest(given),
                iat=now,
                exp=now + 300,
                jti="1",
            )
            memo.fields[start.MEMO].CopyFrom(payload(start.sign(claims, signer)))
        self.add(
            "WORKFLOW_EXECUTION_STARTED",
            workflow_type=WorkflowType(name="refund"),
            input=payloads(given),
            memo=memo,
            original_execution_run_id=run_id,
            first_execution_run_id="run-1",
        )
        return self

    def asked(self, name: str, given: Any, queue: str = "commits") -> int:
        """Schedules an activity."""
        return self.add(
            "ACTIVITY_TASK_SCHEDULED",
            activity_type=ActivityType(name=name),
            task_queue=TaskQueue(name=queue),
            input=payloads(given),
        )

    def done(self, name: str, given: Any, result: Any) -> int:
        """An activity from its scheduling to its result; the event of the result."""
        scheduled = self.asked(name, given)
        begun = self.add("ACTIVITY_TASK_STARTED", scheduled_event_id=scheduled)
        return self.add(
            "ACTIVITY_TASK_COMPLETED", scheduled_event_id=scheduled, started_event_id=begun, result=payloads(result)
        )

    def failed(self, name: str, message: str) -> int:
        """An activity that failed for good."""
        scheduled = self.asked(name, {})
        return self.add("ACTIVITY_TASK_FAILED", scheduled_event_id=scheduled, failure=Failure(message=message))

    def signalled(self, name: str, *values: Any) -> int:
        """A signal."""
        return self.add("WORKFLOW_EXECUTION_SIGNALED", signal_name=name, input=payloads(*values))

    def proposed(self, signer: Signer = GATE, mission: MissionRef = MISSION) -> tuple[Signed, int]:
        """A proposal, signed, in the history."""
        record = self.record()
        action = Action(
            mission=mission,
            step="1",
            integration="payments",
            endpoint="http://127.0.0.1/mcp",
            operation="payments.issue_refund",
            contract=Digest("0" * 64),
            arguments=ARGUMENTS,
        )
        draft = Proposal(
            action=action,
            principals=Principals(owner="olga"),
            requirement=Requirement(rules=(Rule(group="support-lead", count=1),), expires_seconds=86400),
            policies=("refund-small",),
            bundle=Digest("1" * 64),
            because="the customer is right",
            seen=(),
            prior=(),
            evidence=Evidence(through=record.head, digest=record.chain[-1]),
            created_at=T0,
            expires_at=T0 + timedelta(days=1),
            gate=signer.kid,
            card=Digest("0" * 64),
        )
        proposal = draft.model_copy(update={"card": render(draft).digest})
        signed = seal(Kind.PROPOSAL, proposal.model_dump(mode="json"), signer)
        return signed, self.done("propose", {"operation": "payments.issue_refund"}, signed.model_dump(mode="json"))

    def settled(
        self,
        kind: SettlementKind,
        proposal: Signed,
        *votes: Vote,
        signer: Signer = GATE,
        receipt: Signed | None = None,
        **changes: Any,
    ) -> int:
        """A settlement over the history so far, signed, in the history."""
        record = self.record()
        settlement = Settlement(
            kind=kind,
            proposal=proposal.digest,
            mission=MISSION,
            head=Evidence(through=record.head, digest=record.chain[-1]),
            at=record.last_event_at,
            findings=(),
            votes=votes,
            receipt=receipt,
            bundle=Digest("1" * 64),
        ).model_copy(update=changes)
        signed = seal(Kind.SETTLEMENT, settlement.model_dump(mode="json"), signer)
        return self.done("settle", {"proposal": proposal.digest}, signed.model_dump(mode="json"))

    def receipt(self, proposal: Signed, signer: Signer = GATE, failed: bool = False) -> Signed:
        """A receipt of *proposal*."""
        record = self.record()
        receipt = Receipt(
            proposal=proposal.digest,
            action=Digest("2" * 64),
            operation="payments.issue_refund",
            sent=digest("sent", {}),
            idempotency_key="k",
            admitted=Evidence(through=record.head, digest=record.chain[-1]),
            failed=failed,
            result={"refund_id": "RF-1"},
            at=record.last_event_at,
        )
        return seal(Kind.RECEIPT, receipt.model_dump(mode="json"), signer)

    def record(self) -> MissionRecord:
        """The record of what is there."""
        return MissionRecord.of("default", "refund-1", "run-1", self.events, self.events)
