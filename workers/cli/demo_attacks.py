"""The demo's three attacks, made for real against the running stack. Each raises when it is not refused."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import click
from temporalio.client import WorkflowHandle
from temporalio.worker import Worker

from approvals.decision import SIGNAL, Verdict, make, sign
from approvals.evidence import Evidence
from approvals.jws import Signer
from approvals.settlement import Settlement, SettlementKind
from approvals.start import MEMO
from audit.proposals import Found
from examples.attacks.hostile_mission import LARGE, QUEUE, SMALL, HostileRefund
from workers.cli.demo_stage import proposed, refunds, settled
from workers.cli.desk import Desk, open_desk
from workers.cli.matter import record_of
from workers.cli.mission_input import signed_start
from workers.errors import CommandError
from workers.stack.keyfiles import read_key
from workflows.missions import QUEUE as MISSIONS_QUEUE


def forged_approver(data: Path) -> None:
    """Signals that claim to come from sam: one unsigned, one signed with another key under sam's key id."""
    asyncio.run(_forged_approver(data))


def changed_arguments_and_second_use(data: Path) -> None:
    """A hostile worker under the honest mission's name, with one genuine approval to abuse."""
    asyncio.run(_hostile(data))


async def _forged_approver(data: Path) -> None:
    desk = await open_desk(data)
    handle = await _start(desk, "refund-CASE-1002", {"case_id": "CASE-1002"}, MISSIONS_QUEUE)
    (found, *_) = await proposed(desk, handle.id, _run(handle))
    unsigned = {"proposal": found.digest, "verdict": "approve", "approver": "sam"}
    sam = next(key for key in desk.law.directory.people["sam"].keys)
    await handle.signal(SIGNAL, unsigned)
    await handle.signal(SIGNAL, await _decision(desk, handle, found, Signer.generate(sam.kid)))
    settlement = await settled(desk, handle.id, _run(handle), votes=2)
    for vote in settlement.votes:
        click.echo(f"  refused: {'; '.join(vote.refused)}")
    _must(all(not vote.counts for vote in settlement.votes), "a forged approval counted")
    _must(not refunds(data, found.proposal.action.arguments.get("order_id")), "a forged approval was paid")  # type: ignore[arg-type]
    click.echo("  nothing was paid for it; the mission still waits")
    await handle.terminate("the demo is over")


async def _hostile(data: Path) -> None:
    desk = await open_desk(data)
    order_id = "ORD-2003"
    async with Worker(desk.client, task_queue=QUEUE, workflows=[HostileRefund]):
        handle = await _start(desk, "hostile-1", {"order_id": order_id}, QUEUE)
        small, *_ = await proposed(desk, handle.id, _run(handle), count=2)
        click.echo(f"  sam approves {SMALL / 100:.2f} EUR, really")
        await handle.signal(SIGNAL, await _decision(desk, handle, small, read_key(_key(desk, "sam"))))
        answers = {name: Settlement.model_validate(body) for name, body in (await handle.result()).items()}
    changed, first, second = answers["changed"], answers["first"], answers["second"]
    click.echo(f"  changed to {LARGE / 100:.2f} EUR: {changed.kind}; still missing {', '.join(changed.missing)}")
    _must(changed.kind is SettlementKind.PENDING, "an approval was taken for other arguments")
    click.echo(f"  the approved {SMALL / 100:.2f} EUR: {first.kind}")
    click.echo(f"  the same again: {second.kind}, the one from before; nothing was sent")
    paid = [row.amount_minor for row in refunds(data, order_id)]
    click.echo(f"  the ledger for {order_id}: {len(paid)} refund, {sum(paid) / 100:.2f} EUR")
    _must(first.receipt == second.receipt and paid == [SMALL], "an approval was used twice")


async def _start(desk: Desk, mission_id: str, given: dict[str, Any], queue: str) -> WorkflowHandle[Any, Any]:
    token = signed_start(desk.client.namespace, "refund", mission_id, given, None, read_key(_key(desk, "olga")))
    return await desk.client.start_workflow("refund", given, id=mission_id, task_queue=queue, memo={MEMO: token})


async def _decision(desk: Desk, handle: WorkflowHandle[Any, Any], found: Found, signer: Signer) -> str:
    record = await record_of(desk, handle.id, _run(handle))
    evidence = Evidence(through=record.head, digest=record.chain[-1])
    now, jti = datetime.now(UTC), uuid4().hex
    return sign(make(found.proposal, found.digest, evidence, Verdict.APPROVE, reason="", now=now, jti=jti), signer)


def _run(handle: WorkflowHandle[Any, Any]) -> str:
    return handle.result_run_id or ""


def _key(desk: Desk, who: str) -> Path:
    if desk.profile.keys is None:
        raise CommandError("the demo's profile has no keys")
    return desk.profile.keys / f"{who}.jwk"


def _must(holds: bool, otherwise: str) -> None:
    if not holds:
        raise CommandError(f"the defence failed: {otherwise}")
