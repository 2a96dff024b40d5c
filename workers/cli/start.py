"""`sayso start`: starts a mission with a signed start, so that the gate knows its owner."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from workers.cli.options import data_option, emit, json_option
from workers.cli.signer import choose, key_options
from workers.errors import Refused, WrongUse

if TYPE_CHECKING:
    from pydantic import JsonValue
    from temporalio.client import WorkflowHandle

    from approvals.jws import Signer
    from workers.cli.desk import Desk


@dataclass(frozen=True)
class Order:
    """What the person at the terminal asked for."""

    mission: str
    given: str
    mission_id: str | None
    on_behalf_of: str | None
    succeeds: str | None
    name: str | None
    key: Path | None
    data: Path | None
    wait: bool
    as_json: bool


@click.command()
@click.argument("mission", metavar="MISSION")
@click.option("--input", "given", required=True, metavar="FILE|-|JSON", help="The mission's input: a file, - or JSON itself.")
@click.option("--id", "mission_id", metavar="ID", help="Mission id; else the mission type and the case id.")
@click.option("--wait", is_flag=True, help="Wait for the end: exit code 0 when something was committed, else 1.")
@click.option("--on-behalf-of", metavar="WHO", help="Whom the mission acts for; they cannot approve its actions.")
@click.option("--succeeds", metavar="MISSION", help="A mission that is over; approvers are shown what it did.")
@key_options
@data_option
@json_option
def start(mission: str, **options: Any) -> None:
    """
    Start MISSION, signed with your key: you are its owner, and owners do not approve.

    MISSION is `refund`, with a `case_id` as its input, or `autonomous`: a model pursues a `goal` with the `operations` it is
    given, within a `budget`, and people are asked about whatever it would change.
    """
    asyncio.run(_start(Order(mission, **options)))


async def _start(order: Order) -> None:
    from workers.cli.desk import answering, open_desk
    from workers.cli.mission_input import checked

    value = checked(order.mission, order.given)
    desk = await open_desk(order.data)
    desk.must_not_tell()
    with answering(desk):
        signer = choose(desk.profile, order.name, order.key, desk.profile.start_as)
        owner = _owner(desk, signer, order.mission)
        _known(desk, order.on_behalf_of)
        _listed(desk, value)
        handle = await _started(desk, signer, order, value)
        result = {
            "mission_id": handle.id,
            "run_id": handle.result_run_id,
            "mission_type": order.mission,
            "owner": owner,
            "succeeds": order.succeeds,
            "ui": _page(desk, handle),
        }
        if order.wait:
            await _wait(desk, handle, order, result)
        else:
            emit(order.as_json, result, _words(result))


def _owner(desk: Desk, signer: Signer, mission: str) -> str:
    """Whose mission it will be; says at once what the gate would say later."""
    from approvals.display import visible

    holder = desk.law.directory.holder(signer.kid)
    if holder is None:
        raise WrongUse(f"key `{visible(signer.kid)}` is nobody's in the directory: choose another with `--as` or `--key`")
    finding = desk.law.bundle.rulebook.may_start(holder[0], mission, desk.law.directory)
    if not finding.holds:
        raise Refused(finding.words)
    return holder[0]


def _known(desk: Desk, who: str | None) -> None:
    """A name that is nobody's would exclude nobody from approving, whoever was meant by it."""
    from approvals.display import visible

    directory = desk.law.directory
    if who is not None and who not in directory.people and who not in directory.services:
        raise WrongUse(f"`{visible(who)}` is nobody in the directory; there are {', '.join(sorted(directory.people))}")


def _listed(desk: Desk, value: JsonValue) -> None:
    """An operation that nobody classified is never called: whoever names one meant another."""
    from approvals.display import visible

    given = value.get("operations") if isinstance(value, dict) else None
    catalogue = desk.law.bundle.catalogue
    for name in given if isinstance(given, list) else []:
        if isinstance(name, str) and catalogue.find(name) is None:
            known = ", ".join(sorted(catalogue.contracts))
            raise WrongUse(f"`{visible(name)}` is not in the integrations catalogue; there are {known}")


async def _started(desk: Desk, signer: Signer, order: Order, value: JsonValue) -> WorkflowHandle[Any, Any]:
    from temporalio.common import WorkflowIDReusePolicy
    from temporalio.exceptions import WorkflowAlreadyStartedError

    from approvals.start import MEMO
    from workers.cli.mission_input import signed_start
    from workers.cli.succession import predecessor
    from workflows.missions import QUEUE

    before = await predecessor(desk, order.succeeds) if order.succeeds is not None else None
    mission_id = await _mission_id(desk, order, value)
    if not mission_id.strip() or not mission_id.isprintable() or len(mission_id) > 200:
        raise WrongUse("a mission id is 1 to 200 printable characters")
    token = signed_start(desk.client.namespace, order.mission, mission_id, value, order.on_behalf_of, signer, before)
    try:
        return await desk.client.start_workflow(
            order.mission,
            value,
            id=mission_id,
            task_queue=QUEUE,
            memo={MEMO: token},
            id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
        )
    except WorkflowAlreadyStartedError as error:
        raise await _there_already(desk, mission_id) from error


async def _mission_id(desk: Desk, order: Order, value: JsonValue) -> str:
    """As given, else the default one; a successor takes the next that is free, for its predecessor has that one."""
    from workers.cli.mission_input import default_id
    from workers.cli.succession import free_id

    if order.mission_id is not None:
        return order.mission_id
    wanted = default_id(order.mission, value)
    return wanted if order.succeeds is None else await free_id(desk, wanted)


async def _there_already(desk: Desk, mission_id: str) -> Refused:
    from temporalio.client import WorkflowExecutionStatus

    from approvals.display import visible
    from workers.cli.matter import described

    found = await described(desk, mission_id)
    how = "is running already" if found.status is WorkflowExecutionStatus.RUNNING else "was there before and has ended"
    name = visible(mission_id)
    more = f"; start another with `--id`, or its successor with `--succeeds {name}`"
    return Refused(f"mission `{name}` {how}: `sayso rail {name}` shows it{more}")


async def _wait(desk: Desk, handle: WorkflowHandle[Any, Any], order: Order, result: dict[str, Any]) -> None:
    from workers.cli.verdict import committed, verdict_text, watched

    click.echo(_words(result), err=True)
    verdict = await watched(handle, desk.codec, lambda line: click.echo(line, err=True))
    done = committed(verdict)
    emit(order.as_json, {**result, "verdict": verdict, "committed": done}, verdict_text(verdict))
    if not done:
        click.get_current_context().exit(1)


def _page(desk: Desk, handle: WorkflowHandle[Any, Any]) -> str | None:
    from urllib.parse import quote

    if desk.profile.ui is None:
        return None
    where = f"namespaces/{quote(desk.client.namespace, safe='')}/workflows/{quote(handle.id, safe='')}"
    return f"{desk.profile.ui.rstrip('/')}/{where}/{handle.result_run_id}"


def _words(result: dict[str, Any]) -> str:
    from approvals.display import visible

    name = visible(str(result["mission_id"]))
    page = f"\n{result['ui']}" if result["ui"] else ""
    after = f" as the successor of `{visible(str(result['succeeds']))}`" if result["succeeds"] else ""
    return f"mission `{name}` started{after}, owned by {visible(str(result['owner']))}: `sayso rail {name}` shows it{page}"
