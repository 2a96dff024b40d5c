"""
A whole small world for tests: the real example enterprise, a bundle for it with keyed people, and workers in this process
on a real Temporal server, with a payload codec in place so that nothing gets by on plain payloads.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

import yaml
from pydantic import JsonValue
from temporalio.client import Client, WorkflowHandle
from temporalio.worker import Interceptor, Worker

from activities.commit import CommitActivities
from activities.directories import FileDirectories
from activities.freezes import ServerFreezes
from activities.gate import PATIENCE, Gate
from activities.histories import ServerHistories, ServerStarts
from activities.mcp_tools import McpTools
from activities.memory import ProcessMemory
from activities.models import LiteLLMModels
from activities.observe import observe
from activities.ports import Ports
from activities.prompted import Prompted
from activities.proposer import Proposer
from activities.read import ReadActivities
from activities.reason import ReasonActivities
from activities.tokens import IssuerTokens
from activities.transcripts import Transcripts
from activities.uses import ServerUses
from activities.workloads import ServerWorkloads
from approvals import start
from approvals.decision import SIGNAL, Statement, Verdict, make, sign
from approvals.evidence import Evidence
from approvals.jws import Signer
from approvals.proposal import Proposal
from approvals.settlement import Receipt, Settlement
from approvals.signed import Kind
from audit.law import Law
from audit.proposals import Found, signed_proposals
from audit.record import MissionRecord
from examples.refund.ledger import LedgerRow, ledger
from policies.bundle import Bundle
from policies.canonical import Digest
from policies.load import load
from tests.examples.enterprise import Enterprise
from tests.fakes.rings import CODEC
from tests.fakes.stores import made_store
from workflows.asking import COMMITS, READS, REASONING
from workflows.freeze import Freeze
from workflows.missions import MISSIONS, QUEUE
from workflows.refund import RefundVerdict
from workflows.use import Use

SHIPPED = Path(__file__).parents[1] / "policies" / "bundles" / "refund"
PEOPLE = ("olga", "sam", "lena", "fay", "dora", "iris")
SERVICES = ("mission-worker", "read-worker", "reason-worker", "exporter")
PURSUE = "autonomous/pursue"
_T = TypeVar("_T")


@dataclass
class World:
    """Everything a test acts on."""

    client: Client
    enterprise: Enterprise
    policies: Path
    signers: Mapping[str, Signer]
    ports: Ports = field(repr=False)
    committer: IssuerTokens = field(repr=False)
    reader: IssuerTokens = field(repr=False)

    @property
    def bundle(self) -> Bundle:
        """The bundle as it is on disk now."""
        return load(self.policies)

    @property
    def transcripts(self) -> Transcripts:
        """Where its dialogues are kept."""
        return Transcripts(made_store(self.policies.parent / "store"), CODEC)

    @property
    def law(self) -> Law:
        """What a judge judges by now."""
        bundle = self.bundle
        return Law(bundle, bundle.directory)

    def ledger(self, order_id: str | None = None) -> list[LedgerRow]:
        """Refunds that were really paid."""
        try:
            rows = ledger(self.enterprise.data)
        except FileNotFoundError:
            return []
        return [row for row in rows if order_id in (None, row.order_id)]

    def paid(self, proposal: Proposal) -> list[LedgerRow]:
        """Refunds that were really paid for this one proposal, where payments knows its idempotency key."""
        return [row for row in self.ledger() if row.idempotency_key == proposal.action.idempotency_key]

    async def start(
        self,
        case_id: str,
        *,
        owner: str | None = "olga",
        workflow: str = "refund",
        queue: str = QUEUE,
        task_timeout: timedelta | None = None,
        given: dict[str, JsonValue] | None = None,
        result: type = RefundVerdict,
        **changes: Any,
    ) -> WorkflowHandle[Any, Any]:
        """Starts a mission as `sayso start` does, signed by *owner*; *changes* go into the signed claims."""
        mission_id = f"{workflow}-{case_id}-{uuid4().hex[:8]}"
        given = given or {"case_id": case_id}
        now = int(datetime.now(UTC).timestamp())
        claims = start.Start(
            namespace=self.client.namespace,
            mission_type=workflow,
            mission_id=mission_id,
            input=start.input_digest(given),
            iat=now,
            exp=now + 300,
            jti=uuid4().hex,
        ).model_copy(update=changes)
        memo = {start.MEMO: start.sign(claims, self.signers[owner])} if owner else {}
        return await self.client.start_workflow(
            workflow,
            given,
            id=mission_id,
            task_queue=queue,
            memo=memo,
            result_type=result,
            task_timeout=task_timeout,
        )

    async def record(self, handle: WorkflowHandle[Any, Any]) -> MissionRecord:
        """The run's record now."""
        run_id = handle.run_id or handle.result_run_id or (await handle.describe()).run_id
        return await self.ports.histories.read(handle.id, run_id)

    async def proposed(self, handle: WorkflowHandle[Any, Any], count: int = 1, seconds: float = 30) -> Found:
        """The *count*-th proposal of the gate, once it is in the history."""
        law = self.law

        async def look() -> Found | None:
            found = list(signed_proposals(await self.record(handle), law).values())
            return found[count - 1] if len(found) >= count else None

        return await until(look, seconds)

    async def proposal(self, handle: WorkflowHandle[Any, Any], digest: Digest) -> Found:
        """The proposal *digest* of the gate, once it is in the history."""
        law = self.law

        async def look() -> Found | None:
            return signed_proposals(await self.record(handle), law).get(digest)

        return await until(look)

    async def settlement(self, handle: WorkflowHandle[Any, Any], after: int = 0) -> Settlement:
        """The first settlement in the history that judged beyond event *after*."""

        async def look() -> Settlement | None:
            for entry in (await self.record(handle)).entries(Kind.SETTLEMENT):
                settlement = Settlement.model_validate(entry.signed.body)
                if settlement.head.through > after:
                    return settlement
            return None

        return await until(look)

    async def statement(
        self, handle: WorkflowHandle[Any, Any], found: Found, verdict: Verdict = Verdict.APPROVE, **changes: Any
    ) -> Statement:
        """What an approver signs who reviewed the mission now; *changes* overwrite fields."""
        record = await self.record(handle)
        evidence = Evidence(through=record.head, digest=record.chain[-1])
        made = make(found.proposal, found.digest, evidence, verdict, reason="", now=datetime.now(UTC), jti=uuid4().hex)
        return made.model_copy(update=changes)

    async def decide(
        self,
        handle: WorkflowHandle[Any, Any],
        who: str,
        verdict: Verdict = Verdict.APPROVE,
        found: Found | None = None,
        **changes: Any,
    ) -> str:
        """Signs as *who* and sends; returns the token."""
        found = found or await self.proposed(handle)
        token = sign(await self.statement(handle, found, verdict, **changes), self.signers[who])
        await handle.signal(SIGNAL, token)
        return token

    def commit_worker(
        self,
        queue: str,
        *,
        bundle: Bundle | None = None,
        interceptors: Sequence[Interceptor] = (),
        max_concurrent_activities: int | None = None,
        patience: timedelta = PATIENCE,
        **ports: Any,
    ) -> Worker:
        """A commit worker on *queue*, with another bundle or *ports* where a test says so."""
        bundle, using = bundle or self.bundle, replace(self.ports, **ports)
        signer = self.signers["gate"]
        commits = CommitActivities(Gate(using, bundle, signer, patience), Proposer(using, bundle, signer))
        return Worker(
            self.client,
            task_queue=queue,
            workflows=[Use, Freeze],
            activities=[commits.propose, commits.settle],
            interceptors=interceptors,
            max_concurrent_activities=max_concurrent_activities,
        )

    @asynccontextmanager
    async def gate(self, *, bundle: Bundle | None = None, patience: timedelta = PATIENCE, **ports: Any) -> AsyncIterator[str]:
        """Another commit worker at work; yields its queue."""
        queue = f"commits-{uuid4().hex[:8]}"
        async with self.commit_worker(queue, bundle=bundle, patience=patience, **ports):
            yield queue

    def worker(self, role: str, queue: str | None = None, **how: Any) -> Worker:
        """A worker of *role*; *how* goes to the worker."""
        match role:
            case "mission":
                missions = [offer.workflow for offer in MISSIONS.values()]
                content: dict[str, Any] = {"workflows": missions, "activities": [observe], "max_cached_workflows": 0}
                return Worker(self.client, task_queue=queue or QUEUE, **content, **how)
            case "read":
                signer = self.signers.get("read-worker")
                reads = ReadActivities(self.bundle, ServerStarts(self.client), McpTools(), self.reader, signer)
                return Worker(self.client, task_queue=queue or READS, activities=[reads.read], **how)
            case "reason":
                models = LiteLLMModels(None, self.bundle.models)
                signer = self.signers.get("reason-worker")
                reasoning = ReasonActivities(models, signer, tools=self.bundle.catalogue, transcripts=self.transcripts)
                return Worker(self.client, task_queue=queue or REASONING, activities=[reasoning.reason], **how)
            case "commit":
                return self.commit_worker(queue or COMMITS, **how)
        raise ValueError(f"no role is called `{role}`")

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        """All four roles at work."""
        await _warmed_up()
        async with AsyncExitStack() as stack:
            for role in ("mission", "read", "reason", "commit"):
                await stack.enter_async_context(self.worker(role))
            stack.push_async_callback(self.reader.close)
            stack.push_async_callback(self.committer.close)
            yield


async def _warmed_up() -> None:
    """Lets litellm finish building its types, which warns: a warning is an error in a test."""
    asked: dict[str, Any] = {"ticket": {"text": ""}, "order": {"days_since_delivery": 0, "paid_minor": 1, "currency": "EUR"}}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        prompted = Prompted("refund/assess", ({"role": "user", "content": json.dumps(asked)},), schema={})
        await LiteLLMModels(None).complete(prompted)


def without_idempotency(bundle: Bundle) -> Bundle:
    """*bundle* as if payments knew no idempotency key."""
    catalogue = bundle.catalogue
    payments = catalogue.integrations["payments"]
    plain = payments.operations["issue_refund"].model_copy(update={"idempotency": None})
    payments = payments.model_copy(update={"operations": payments.operations | {"issue_refund": plain}})
    changed = catalogue.model_copy(update={"integrations": catalogue.integrations | {"payments": payments}})
    return replace(bundle, catalogue=changed)


def receipt_of(settlement: Settlement) -> Receipt:
    """The receipt in a settlement that has one."""
    assert settlement.receipt is not None
    return Receipt.model_validate(settlement.receipt.body)


async def until(look: Callable[[], Awaitable[_T | None]], seconds: float = 30) -> _T:
    """What *look* finds, as soon as it finds it."""
    async with asyncio.timeout(seconds):
        while True:
            found = await look()
            if found is not None:
                return found
            await asyncio.sleep(0.02)


def write_bundle(target: Path, enterprise: Enterprise, signers: Mapping[str, Signer]) -> None:
    """The shipped bundle with the enterprise's addresses and the signers' public keys."""
    shutil.copytree(SHIPPED, target)
    path = target / "integrations.yaml"
    catalogue = yaml.safe_load(path.read_text())
    catalogue["issuer"] = enterprise.issuer
    for name in ("orders", "payments", "knowledge", "parcels"):
        catalogue["integrations"][name] |= dict.fromkeys(("url", "resource"), getattr(enterprise.resources, name))
    path.write_text(yaml.safe_dump(catalogue))
    path = target / "directory.yaml"
    directory = yaml.safe_load(path.read_text())
    for who in PEOPLE:
        directory["people"][who]["keys"] = [_public(signers[who])]
    for service in SERVICES:
        directory["services"][service]["keys"] = [_public(signers[service])]
    directory["gates"] = [_public(signers["gate"])]
    path.write_text(yaml.safe_dump(directory))


def route_to(policies: Path, model: str, purpose: str = PURSUE) -> None:
    """Lets the model at the URL *model* answer *purpose*."""
    route = {"model": "hosted_vllm/judge", "endpoint": model, "perimeter": "inside"}
    (policies / "models.yaml").write_text(yaml.safe_dump({"routes": {purpose: route}}))


def _public(signer: Signer) -> dict[str, str]:
    key = signer.public()
    return {"kid": key.kid, "x": key.x}


def make_world(client: Client, enterprise: Enterprise, root: Path, model: str | None = None) -> World:
    """
    A world on a running enterprise and server.

    Args:
        model: Where a model answers that pursues goals; None where nobody does.
    """
    signers = {who: Signer.generate(f"{who}-1") for who in (*PEOPLE, *SERVICES, "gate", "stranger")}
    policies = root / "policies"
    write_bundle(policies, enterprise, signers)
    if model is not None:
        route_to(policies, model)
    return world_of(client, enterprise, policies, signers)


def world_of(client: Client, enterprise: Enterprise, policies: Path, signers: Mapping[str, Signer]) -> World:
    """The world of a bundle that was written before."""
    committer = IssuerTokens(enterprise.issuer, enterprise.data / "commit-client.json")
    ports = Ports(
        histories=ServerHistories(client),
        uses=ServerUses(client),
        tools=McpTools(),
        tokens=committer,
        directories=FileDirectories(policies),
        clock=lambda: datetime.now(UTC),
        workloads=ServerWorkloads(client),
        freezes=ServerFreezes(client),
        memory=ProcessMemory(),
    )
    reader = IssuerTokens(enterprise.issuer, enterprise.data / "read-client.json")
    return World(client, enterprise, policies, signers, ports, committer, reader)
