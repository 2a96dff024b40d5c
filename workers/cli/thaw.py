"""`sayso thaw`: ends a freeze with a person's key, judged here first as the gate will judge it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from workers.cli.options import data_option, emit, json_option
from workers.cli.signer import choose, key_options
from workers.errors import CannotReach, Refused

if TYPE_CHECKING:
    from approvals.jws import Signer
    from workers.cli.desk import Desk


@dataclass(frozen=True)
class Wish:
    """What the person at the terminal asked for."""

    reason: str
    name: str | None
    key: Path | None
    data: Path | None
    timeout: float


@click.command()
@click.option("--reason", required=True, help="Why it may go on, in your words.")
@key_options
@click.option("--timeout", type=click.FloatRange(0.1), default=30.0, show_default=True, help="Seconds to wait.")
@data_option
@json_option
def thaw(as_json: bool, **options: Any) -> None:
    """
    Let everything go on: end the freeze with your key.

    Where the freeze ended without a thaw, or was deleted, freezes again and thaws that.
    """
    found = asyncio.run(_thawed(Wish(**options)))
    emit(as_json, found, _text(found))


async def _thawed(wish: Wish) -> dict[str, Any]:
    from workers.cli.desk import answering, open_desk
    from workers.cli.standing import standing_of

    desk = await open_desk(wish.data)
    with answering(desk):
        stands, _ = await standing_of(desk)
        if not stands.frozen:
            return {"frozen": False, "thawed": False, "run_id": None, "by": None, "words": stands.words}
        signer = choose(desk.profile, wish.name, wish.key, desk.profile.decide_as)
        desk.must_not_tell()
        who = _judged_here(desk, signer, wish.reason)
        run_id = await _running(desk, signer, wish.reason)
        await _sent(desk, run_id, signed_thaw(signer, desk.client.namespace, run_id, wish.reason))
        await _closed(desk, run_id, wish.timeout)
        stands, _ = await standing_of(desk)
    if stands.frozen:
        raise Refused(f"your thaw did not end it: {_shown(stands.words)}")
    return {"frozen": False, "thawed": True, "run_id": run_id, "by": who, "words": stands.words}


def _judged_here(desk: Desk, signer: Signer, reason: str) -> str:
    """Who *signer* is. Raises Refused where the gate would not count the thaw."""
    import json
    from datetime import UTC, datetime

    from approvals.decision import Heard
    from approvals.freeze import COMPLETED, THAW, FreezeRecord
    from approvals.thaw import worth
    from workers.cli.standing import court_of

    now, namespace, run_id = datetime.now(UTC), desk.client.namespace, "the run"
    value = json.dumps(signed_thaw(signer, namespace, run_id, reason)).encode()
    heard = Heard(event_id=1, at=now, name=THAW, values=(value,))
    record = FreezeRecord(namespace, run_id, now, None, COMPLETED, (heard,))
    found = worth(heard, record, court_of(desk.client, desk.law))
    if found.refused or found.who is None:
        words = f"this thaw would not count: {_shown('; '.join(found.refused))}"
        raise Refused(f"{words}; whose key signs is chosen by `--as` or `--key`")
    return found.who


async def _running(desk: Desk, signer: Signer, reason: str) -> str:
    """Run id of the freeze that runs; of a new one where none does, because only a running one can be thawed."""
    from activities.freezes import ServerFreezes

    freezes = ServerFreezes(desk.client)
    found = await freezes.find()
    if found is not None and found.ended is None:
        return found.run_id
    began = await freezes.begin(signed_freeze(signer, desk.client.namespace, f"to be thawed: {reason}"))
    if began is None:
        raise Refused("somebody froze everything again this moment: see `sayso freeze --status`")
    return began


async def _sent(desk: Desk, run_id: str, token: str) -> None:
    from temporalio.service import RPCError

    from approvals.freeze import FREEZE, THAW
    from workers.cli.desk import missing

    try:
        await desk.client.get_workflow_handle(FREEZE, run_id=run_id).signal(THAW, token)
    except RPCError as error:
        if missing(error):
            raise Refused("the freeze ended in the meantime, without your thaw: run `sayso thaw` again") from error
        raise


async def _closed(desk: Desk, run_id: str, seconds: float) -> None:
    """Returns when the run is closed, however."""
    from temporalio.client import WorkflowFailureError

    from approvals.freeze import FREEZE

    handle = desk.client.get_workflow_handle(FREEZE, run_id=run_id)
    try:
        await asyncio.wait_for(handle.result(follow_runs=False), seconds)
    except WorkflowFailureError:
        return
    except TimeoutError as error:
        words = f"your thaw is in the history of the freeze, and its run is not closed within {seconds:g} s"
        raise CannotReach(f"{words}: is a commit worker running? `sayso freeze --status` shows what becomes of it") from error


def signed_freeze(signer: Signer, namespace: str, reason: str) -> str:
    """What is a freeze's input when it is signed."""
    from datetime import UTC, datetime
    from uuid import uuid4

    from approvals.freeze import Freeze, sign_freeze

    now = int(datetime.now(UTC).timestamp())
    return sign_freeze(Freeze(namespace=namespace, reason=reason, iat=now, jti=uuid4().hex), signer)


def signed_thaw(signer: Signer, namespace: str, run_id: str, reason: str) -> str:
    """What ends the freeze *run_id*, for the next minutes."""
    from datetime import UTC, datetime
    from uuid import uuid4

    from approvals.freeze import LIFETIME, Thaw, sign_thaw

    now = datetime.now(UTC)
    times = {"iat": int(now.timestamp()), "exp": int((now + LIFETIME).timestamp())}
    return sign_thaw(Thaw(namespace=namespace, freeze=run_id, reason=reason, jti=uuid4().hex, **times), signer)


def _text(found: dict[str, Any]) -> str:
    if found["thawed"]:
        return f"thawed by {_shown(str(found['by']))}: missions go on by themselves"
    known = "nothing to thaw, as far as this machine knows"
    return f"{known}: {_shown(str(found['words']))}; where a gate says otherwise, `sayso freeze`, then `sayso thaw`"


def _shown(words: str) -> str:
    from approvals.display import visible

    return visible(words)
