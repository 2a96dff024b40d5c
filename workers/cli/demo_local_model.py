"""The demo with a real model: one refund, assessed by SmolLM2 on this machine, from case to receipt."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from pydantic import JsonValue
from temporalio.client import WorkflowExecutionStatus

from approvals.display import visible, visible_json
from approvals.proposal import proposal_id
from approvals.queue import waiting
from policies.canonical import Digest
from workers.cli.demo import decided, run, say
from workers.cli.demo_evidence import Evidence
from workers.cli.demo_stage import ledger_lines, until
from workers.cli.desk import open_desk
from workers.cli.matter import record_of
from workers.cli.verdict import verdict_text, watched
from workers.errors import Refused
from workers.stack.local_model import LocalModel
from workers.stack.stack import Stack

CASES = ("CASE-1031", "CASE-1025", "CASE-1030")
"""Refunds of up to 100.00 that are due. So small a model is often wrong: where it finds nothing due, the next case is tried."""

PATIENCE_SECONDS = 600.0
"""On a busy machine, with five tries."""


@dataclass(frozen=True)
class Assessed:
    """What a mission made of the model's answer."""

    proposal: str | None
    """Its id, where the mission put one before people."""
    verdict: str
    """In words, where the mission is over."""
    answer: JsonValue
    """The model's, untrusted; None where it gave none of the right shape."""
    seconds: float


def play(data: Path, home: Path, evidence: Evidence, *, ask: bool) -> None:
    """Starts model and stack, tells a refund, and leaves evidence of it. Raises CommandError."""
    model = LocalModel(home)
    say("Starting SmolLM2, a language model of 135 million parameters, on this machine, and the stack around it")
    with Stack(data, "auto", model=model) as stack:
        click.echo(f"up; the model serves the OpenAI API at {model.url}, the Temporal UI is at {stack.profile.ui}")
        click.echo("nothing is fetched: the weights came in a package, and no process has a proxy or a provider's key")
        mission = _story(stack.data, ask=ask)
        say("The evidence: the mission as one archive, and the keys that an auditor pins")
        run("audit", "export", mission, "-o", str(evidence.folder), data=stack.data)
        evidence.pin(stack.profile)


def _story(data: Path, *, ask: bool) -> str:
    """One case after the other until the model finds a refund due; the last mission's id."""
    mission = ""
    for case in CASES:
        mission = f"refund-{case}"
        say("A support case starts a mission. It reads, and asks the model; no rule of ours answers")
        run("start", "refund", "--input", f'{{"case_id": "{case}"}}', "--as", "olga", data=data)
        found = asyncio.run(_assessed(data, mission))
        _tell(found)
        if found.proposal is not None:
            decided(found.proposal, data, ask=ask)
            break
        click.echo("The mission put nothing before people, and nothing was paid.")
    say("What happened, from the event history")
    run("rail", mission, data=data)
    say("The payment system's ledger")
    click.echo("\n".join(ledger_lines(data)))
    return mission


def _tell(found: Assessed) -> None:
    if found.answer is not None:
        click.echo(f"the model answered in {found.seconds:.1f} s; untrusted, whatever it says:")
        click.echo(f"  {visible_json(found.answer)}")
    if found.verdict:
        click.echo(found.verdict)


async def _assessed(data: Path, mission: str) -> Assessed:
    """What came of the model's answer, once there is something."""
    desk = await open_desk(data)
    handle = desk.client.get_workflow_handle(mission)

    async def look() -> tuple[str | None, str] | None:
        for row in await waiting(desk.client, 100):
            if row.mission_id == mission and row.proposal:
                return proposal_id(Digest(row.proposal)), ""
        if (await handle.describe()).status is WorkflowExecutionStatus.RUNNING:
            return None
        try:
            return None, verdict_text(await watched(handle, desk.codec, click.echo))
        except Refused as error:
            return None, visible(str(error))

    proposal, verdict = await until(look, f"mission `{mission}` came to no proposal and no end", PATIENCE_SECONDS)
    record = await record_of(desk, mission, (await handle.describe()).run_id)
    asked = [done for done in record.completed if done.activity == "reason"]
    answer: Any = asked[-1].result if asked else None
    seconds = (asked[-1].at - asked[-1].scheduled_at).total_seconds() if asked else 0.0
    return Assessed(proposal, verdict, answer.get("result") if isinstance(answer, dict) else None, seconds)
