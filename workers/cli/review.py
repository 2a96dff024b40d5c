"""`sayso review`: one proposal, as verified and rendered here. Nothing shown comes from the mission worker."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from workers.cli.options import data_option, emit, json_option

if TYPE_CHECKING:
    from pydantic import JsonValue

    from approvals.proposal import Proposal
    from approvals.votes import Vote
    from workers.cli.matter import Matter

MAX_RESULT = 1000
"""Characters of one result that are shown without `--full`."""


@click.command()
@click.argument("identifier", metavar="ID")
@click.option("--full", is_flag=True, help="Show long results whole.")
@data_option
@json_option
def review(identifier: str, full: bool, data: Path | None, as_json: bool) -> None:
    """
    Show the proposal ID: its card, what the mission had read, what it still needs, what was decided.

    ID is a proposal id or a mission id.
    """
    from workers.cli.sheet import terminal_width

    matter, frozen = asyncio.run(_find(data, identifier))
    fields = {**as_data(matter), "frozen": frozen is not None}
    emit(as_json, fields, as_text(matter, full=full, width=terminal_width(), frozen=frozen))


async def _find(data: Path | None, identifier: str) -> tuple[Matter, str | None]:
    """The proposal, and why everything is frozen, if it is."""
    from workers.cli.desk import answering, open_desk
    from workers.cli.matter import find
    from workers.cli.standing import standing_of

    desk = await open_desk(data)
    with answering(desk):
        matter = await find(desk, identifier)
        stands, _ = await standing_of(desk, matter.record)
    return matter, stands.words if stands.frozen else None


def as_data(matter: Matter) -> dict[str, Any]:
    """What `--json` prints: everything the text shows, unescaped."""
    from approvals.card import render
    from approvals.proposal import proposal_id

    return {
        "proposal_id": proposal_id(matter.digest),
        "proposal_digest": matter.digest,
        "mission_id": matter.record.mission_id,
        "run_id": matter.record.run_id,
        "mission_type": matter.proposal.action.mission.mission_type,
        "state": str(matter.standing.state),
        "missing": list(matter.standing.missing),
        "settled": None if matter.answer is None else str(matter.answer.kind),
        **_asked(matter.proposal),
        "expired": matter.expired,
        "card": render(matter.proposal).model_dump(mode="json"),
        "card_digest": matter.proposal.card,
        "seen": [
            {**seen.model_dump(mode="json"), "signed_by": matter.witnesses.get(seen.event_id), "result": result}
            for seen, result in matter.seen
        ],
        "checks": [finding.model_dump(mode="json") for finding in matter.judgement.findings],
        "decisions": [vote.model_dump(mode="json") for vote in matter.standing.votes],
        "evidence": matter.judgement.head.model_dump(mode="json"),
    }


def _asked(proposal: Proposal) -> dict[str, Any]:
    """What the proposal says by itself."""
    action = proposal.action
    return {
        "created_at": proposal.created_at.isoformat(),
        "expires_at": proposal.expires_at.isoformat(),
        "owner": proposal.principals.owner,
        "on_behalf_of": proposal.principals.on_behalf_of,
        "integration": action.integration,
        "endpoint": action.endpoint,
        "operation": action.operation,
        "arguments": action.arguments,
        "actions": [{"operation": each.operation, "arguments": each.arguments} for each in proposal.actions],
        "amends": proposal.amends.model_dump(mode="json") if proposal.amends else None,
        "earlier": [head.model_dump(mode="json") for head in proposal.earlier],
        "reconciles": proposal.reconciles.model_dump(mode="json") if proposal.reconciles else None,
        "requirement": proposal.requirement.model_dump(mode="json"),
        "policies": list(proposal.policies),
        "because": proposal.because,
    }


def as_text(matter: Matter, *, full: bool = False, width: int = 100, frozen: str | None = None) -> str:
    """The card, the results behind it, then what the gate would say to it now."""
    from approvals.card import as_text as card_text
    from approvals.card import render
    from approvals.display import visible
    from approvals.proposal import proposal_id
    from workers.cli.sheet import pairs

    proposal, head = matter.proposal, matter.judgement.head
    rows = [
        ("proposal", [proposal_id(matter.digest), matter.digest]),
        ("signed by", [f"gate {visible(proposal.gate)}: verified with this machine's bundle"]),
        ("state", [_state(matter)]),
        ("missing", [", ".join(matter.standing.missing) or "nothing"]),
        *_asked_of(matter),
        ("decisions", [_vote(vote) for vote in matter.standing.votes] or ["none yet"]),
        ("evidence", [f"events 1 to {head.through}", head.digest]),
    ]
    doubts = (*matter.doubts, f"FROZEN: {frozen}") if frozen else matter.doubts
    if doubts and matter.answer_is_open:
        rows.append(("in the way", [visible(doubt) for doubt in doubts]))
    parts = (card_text(render(proposal), width), _seen(matter, full, width), pairs(rows, width))
    return "\n\n".join(part for part in parts if part)


def _asked_of(matter: Matter) -> list[tuple[str, list[str]]]:
    """Who is asked now, where that is more than the card says, and how to answer what is no plain yes or no."""
    now, first = matter.resolution.asked, matter.proposal.requirement.groups()
    rows = [("asked now", [", ".join(now)])] if set(now) - first else []
    if matter.proposal.reconciles is not None:
        rows.append(("answer", ["`sayso answer ID done`, `not-done` or `retry`: first look at the system that was called"]))
    return rows


def _seen(matter: Matter, full: bool, width: int) -> str:
    """What tools and models had answered, in a box: it may be hostile, and it is as recorded."""
    from approvals.card import boxed
    from approvals.display import visible, visible_json

    lines: list[str] = []
    for seen, result in matter.seen:
        service = matter.witnesses.get(seen.event_id)
        text = visible_json(_without_signature(result) if service else result)
        rest = len(text) - MAX_RESULT
        shown = text if full or rest <= 0 else f"{text[:MAX_RESULT]} ... {rest} more characters, see --full"
        whose = f"signed by {visible(service)}" if service else "as the mission claims"
        lines += [f"event {seen.event_id}, {whose}: {visible(seen.what)}:", f"  {shown}"]
    return boxed("UNTRUSTED: what tools and models answered", lines, width) if lines else ""


def _without_signature(result: JsonValue) -> JsonValue:
    """*result* without the signature that was verified over it: 500 characters that tell a reader nothing more."""
    return {key: value for key, value in result.items() if key != "signature"} if isinstance(result, dict) else result


def _state(matter: Matter) -> str:
    from workers.cli.sheet import left

    answer = matter.answer
    if answer is not None and not matter.answer_is_open:
        return f"settled: {answer.kind} at {answer.at.isoformat(timespec='seconds')}"
    clock = left(matter.proposal.expires_at, matter.now)
    return f"expired {clock}" if matter.expired else f"{matter.standing.state}, expires {clock}"


def _vote(vote: Vote) -> str:
    from approvals.display import visible

    said = f"{vote.verdict} by {visible(vote.who or 'nobody known')} ({vote.assurance})" if vote.verdict else "a signal"
    reason = f": {visible(vote.reason)}" if vote.reason else ""
    worth = f"refused: {visible('; '.join(vote.refused))}" if vote.refused else "counts"
    return f"event {vote.event_id}: {said}{reason}; {worth}"
