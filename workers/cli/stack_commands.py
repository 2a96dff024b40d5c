"""`sayso up`, `sayso down` and `sayso worker`."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from workers.cli.options import data_option, emit, json_option

if TYPE_CHECKING:
    from workers.profile import Encryption, Profile
    from workers.stack.stack import Stack

_Choice = Literal["fixed", "auto"]
_PAYLOADS = {
    "on": "encrypted; the Temporal UI shows them through the codec server",
    "off": "NOT ENCRYPTED: what missions read, reason and decide reaches Temporal in clear",
}


@click.command()
@data_option
@click.option("--detach", is_flag=True, help="Return once everything works, and leave it running.")
@click.option(
    "--ports",
    type=click.Choice(["fixed", "auto"]),
    default="fixed",
    help="`auto` picks free ports the first time, and remembers them.",
)
@click.option(
    "--encryption",
    type=click.Choice(["on", "off"]),
    default="on",
    help="`off` lets payloads reach Temporal in clear. Not remembered: the next `up` encrypts again.",
)
@click.option("--tell", type=int, default=None, hidden=True, help="File descriptor that is told how the start went.")
@json_option
def up(data: Path | None, detach: bool, ports: _Choice, encryption: Encryption, tell: int | None, as_json: bool) -> None:
    """
    Start Temporal, the example systems, the four workers and the codec server, and keep them running.

    Everything is kept in the data directory: started again on it, missions go on where they were. Ctrl-C stops it.
    """
    from workers.profile import data_directory
    from workers.stack.detached import start
    from workers.stack.stack import AlreadyRunning, Stack

    directory = data_directory(data)
    try:
        if detach:
            profile, pid = start(directory, ports, encryption)
            emit(as_json, _as_data(profile, directory, pid), _where(profile, directory, "`sayso down` stops it"))
        else:
            _foreground(Stack(directory, ports, encryption=encryption), tell, as_json)
    except AlreadyRunning as running:
        emit(as_json, {"data": str(directory), "pid": running.pid, "already_running": True}, str(running))


@click.command()
@data_option
@json_option
def down(data: Path | None, as_json: bool) -> None:
    """Stop what `sayso up` started. Everything is kept."""
    from workers.profile import data_directory
    from workers.stack.detached import stop

    directory = data_directory(data)
    left_over = stop(directory)
    text = f"stopped the stack in `{directory}`; `sayso up` goes on where it was"
    if left_over:
        text = f"stopped what was left of the stack in `{directory}`: {', '.join(left_over)}"
    if left_over is None:
        text = f"nothing is running in `{directory}`"
    emit(as_json, {"data": str(directory), "stopped": left_over is not None}, text)


@click.command()
@click.option("--role", type=click.Choice(["mission", "reason", "read", "commit", "all"]), required=True, help="What it runs.")
def worker(role: str) -> None:
    """
    Run the workers of one role until they are told to end.

    Settings come from the environment, see workers/settings.py. `all` is for a laptop: it puts every credential into one
    process.
    """
    from workers.settings import Role, read
    from workers.worker import run

    roles = list(Role) if role == "all" else [Role(role)]
    asyncio.run(run(roles, read(roles)))


def _foreground(stack: Stack, tell: int | None, as_json: bool) -> None:
    from policies.errors import PolicyError
    from workers.errors import CommandError, WrongUse
    from workers.stack import detached
    from workers.stack.supervisor import keep_up

    directory = stack.data

    def ready(profile: Profile) -> None:
        emit(as_json, _as_data(profile, directory, os.getpid()), _where(profile, directory, "Ctrl-C stops it"))
        detached.tell(tell, detached.Told())

    try:
        keep_up(stack, ready, lambda line: click.echo(line, err=True))
    except (CommandError, PolicyError) as error:
        code = error.exit_code if isinstance(error, CommandError) else WrongUse.exit_code
        detached.tell(tell, detached.Told(message=str(error), exit_code=code))
        raise


def _as_data(profile: Profile, directory: Path, pid: int) -> dict[str, object]:
    return {"data": str(directory), "pid": pid, "already_running": False, "profile": profile.model_dump(mode="json")}


def _where(profile: Profile, directory: Path, ending: str) -> str:
    from workers.profile import data_directory

    lines = [
        f"Sayso is up; {ending}.",
        "",
        f"  missions  {profile.ui}",
        f"  policies  {profile.policies}",
        f"  logs      {directory / 'logs'}",
        f"  payloads  {_PAYLOADS[profile.encryption]}",
        "",
        "Next:",
        "",
    ]
    if data_directory(None) != directory:
        lines.append(f"  export SAYSO_DATA={directory}")
    lines += ["""  sayso start refund --input '{"case_id": "CASE-1001"}'""", "  sayso queue"]
    return "\n".join(lines)
