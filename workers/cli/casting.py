"""Casting a decision: find the proposal, sign over what it shows, ask back, send, and wait for what the gate makes of it."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from workers.cli.options import emit
from workers.cli.signer import choose
from workers.errors import CannotReach, Refused

if TYPE_CHECKING:
    from pydantic import JsonValue

    from workers.cli.ballot import Ballot
    from workers.cli.desk import Desk
    from workers.cli.matter import Matter
    from workers.cli.reply import Reply, Sent


@dataclass(frozen=True)
class Wish:
    """What the person at the terminal asked for."""

    identifier: str
    verdict: str
    reason: str
    name: str | None
    key: Path | None
    data: Path | None
    as_json: bool
    yes: bool = False
    timeout: float = 30.0
    command: str = ""
    changes: Mapping[str, JsonValue] | None = None
    """With `amend`: new values by path."""

    @property
    def asks(self) -> bool:
        """Whether a person is there to look at the card and say yes."""
        return not self.yes and sys.stdin.isatty()

    @property
    def card_aside(self) -> bool:
        """Whether the card goes to standard error: standard output is for data, or is not what the person sees."""
        return self.as_json or self.command == "sign" or (self.asks and not sys.stdout.isatty())


async def printed(wish: Wish) -> None:
    from approvals.decision import SIGNAL
    from approvals.proposal import proposal_id
    from workers.cli.desk import answering, open_desk

    desk = await open_desk(wish.data)
    with answering(desk):
        matter, ballot = await _cast(desk, wish)
        _confirm(matter, ballot, wish)
    where = {"mission_id": matter.record.mission_id, "run_id": matter.record.run_id}
    what = {"proposal_id": proposal_id(matter.digest), "proposal_digest": matter.digest, "approver": ballot.who}
    emit(wish.as_json, {**where, **what, "signal": SIGNAL, "payload": ballot.token}, f'"{ballot.token}"')
    if not wish.as_json:
        words = f"send it to this mission as signal `{SIGNAL}`, with the line above, quotes included, as its one JSON payload"
        click.echo(words, err=True)


def decide(wish: Wish) -> None:
    from workers.cli.reply import as_text

    found = asyncio.run(_decided(wish))
    emit(wish.as_json, found, as_text(found))
    if not found.done:
        click.get_current_context().exit(1)


async def _decided(wish: Wish) -> Reply:
    from workers.cli.desk import answering, open_desk

    desk = await open_desk(wish.data)
    with answering(desk):
        matter, ballot = await _cast(desk, wish)
        _confirm(matter, ballot, wish)
        return await _send(desk, matter, ballot, wish)


async def _cast(desk: Desk, wish: Wish) -> tuple[Matter, Ballot]:
    from approvals.decision import Verdict
    from workers.cli.ballot import cast
    from workers.cli.matter import find, find_exactly

    # Only owners withdraw, and who starts missions here is their usual owner.
    usual = desk.profile.start_as if wish.verdict == "withdraw" else desk.profile.decide_as
    signer = choose(desk.profile, wish.name, wish.key, usual)
    if wish.asks:
        matter = await find(desk, wish.identifier)
    else:
        matter = await find_exactly(desk, wish.identifier, wish.command)
    return matter, cast(matter, signer, Verdict(wish.verdict), wish.reason, wish.changes)


def _confirm(matter: Matter, ballot: Ballot, wish: Wish) -> None:
    from approvals.amendment import at
    from approvals.display import visible, visible_json
    from workers.cli.review import as_text
    from workers.cli.sheet import terminal_width

    if wish.asks or not wish.as_json:
        click.echo(as_text(matter, width=terminal_width()) + "\n", err=wish.card_aside)
        for path, value in sorted((wish.changes or {}).items()):
            was = visible_json(at(matter.proposal.action.arguments, path))
            click.echo(f"amend {visible(path)}: from {was} to {visible_json(value)}", err=wish.card_aside)
    if not wish.asks:
        return
    question = f"{wish.verdict} {visible(matter.proposal.action.operation)} as {visible(ballot.who)}?"
    if not click.confirm(question, err=True):
        raise Refused(f"nothing was {'printed' if wish.command == 'sign' else 'sent'}: you did not confirm")


async def _send(desk: Desk, matter: Matter, ballot: Ballot, wish: Wish) -> Reply:
    from temporalio.service import RPCError

    from approvals.decision import SIGNAL, Verdict
    from audit.proven import receipt_of
    from workers.cli.desk import missing
    from workers.cli.follow import judged
    from workers.cli.reply import Sent, reply

    desk.must_not_tell()
    mission_id, run_id = matter.record.mission_id, matter.record.run_id
    sent = Sent(
        proposal=matter.digest, mission_id=mission_id, run_id=run_id, verdict=Verdict(wish.verdict), approver=ballot.who
    )
    try:
        await desk.client.get_workflow_handle(mission_id, run_id=run_id).signal(SIGNAL, ballot.token)
    except RPCError as error:
        if missing(error):
            raise Refused("the mission, or its run, ended in the meantime; your decision was not taken") from error
        raise
    found = await judged(desk, sent, ballot.token, matter.record.head, wish.timeout)
    if isinstance(found, Sent):
        raise await _unjudged(desk, found, wish)
    sent, event_id, settlement = found
    return reply(sent, event_id, settlement, receipt_of(settlement, desk.law.directory))


async def _unjudged(desk: Desk, sent: Sent, wish: Wish) -> CannotReach:
    from datetime import UTC, datetime

    from approvals.display import visible
    from workers.cli.matter import described
    from workers.cli.trouble import troubles

    where = f"is event {sent.event_id} of its history" if sent.event_id else "was taken by the server"
    found = await troubles(await described(desk, sent.mission_id), desk.codec, datetime.now(UTC))
    why = "; ".join(trouble.words() for trouble in found) or "is a commit worker running?"
    return CannotReach(
        f"your {wish.verdict} {where}, and the gate has not judged it within {wish.timeout:g} s: {why}; "
        f"`sayso rail {visible(sent.mission_id)}` shows what becomes of it"
    )
