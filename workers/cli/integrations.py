"""`sayso integrations`: what the tool servers offer, what of it a person classified, and pinning it."""

from __future__ import annotations

import asyncio
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from workers.cli.bundles import policies_option, which
from workers.cli.options import data_option, emit, json_option
from workers.errors import CannotReach, Refused, WrongUse

if TYPE_CHECKING:
    from policies.drift import Tool
    from workers.settings import Role


@dataclass(frozen=True)
class Survey:
    """Every tool that is pinned or served, and the servers that could not be asked, with why."""

    root: Path
    tools: tuple[Tool, ...]
    silent: dict[str, str]


@click.group()
def integrations() -> None:
    """List, check and pin what the tool servers offer."""


@integrations.command("list")
@policies_option
@data_option
@json_option
def list_(policies: Path | None, data: Path | None, as_json: bool) -> None:
    """List every classified operation. Asks no server."""
    from policies.load import load_catalogue
    from workers.cli.integration_sheets import list_data, list_text

    catalogue = load_catalogue(which(policies, data))
    emit(as_json, list_data(catalogue), list_text(catalogue))


@integrations.command()
@policies_option
@data_option
@json_option
def check(policies: Path | None, data: Path | None, as_json: bool) -> None:
    """
    Ask the live servers, and name what is not what was pinned.

    Ends with 0 when everything is as pinned, 1 when something drifted or is gone, 3 when a server could not be asked.
    """
    from policies.drift import Standing
    from workers.cli.integration_sheets import check_data, check_text

    found = _survey(which(policies, data), data)
    emit(as_json, check_data(found), check_text(found))
    drifted = any(tool.standing in (Standing.DRIFTED, Standing.GONE) for tool in found.tools)
    if drifted or found.silent:
        click.get_current_context().exit(1 if drifted else CannotReach.exit_code)


@integrations.command()
@click.argument("operations", nargs=-1, metavar="[OPERATION]...")
@click.option("--yes", is_flag=True, help="Pin what is shown without asking.")
@policies_option
@data_option
@json_option
def pin(operations: tuple[str, ...], yes: bool, policies: Path | None, data: Path | None, as_json: bool) -> None:
    """
    Show how each OPERATION (else all) differs from what was pinned, and pin what its server says now.

    Pinning says that you looked. An operation keeps its effect; a new one is written as `commit` until you classify it.
    """
    from workers.cli.integration_sheets import pin_data, pin_text
    from workers.pinning import trouble, write_pins

    root = which(policies, data)
    found = _survey(root, data)
    wanted = _wanted(found, operations)
    pinned = [tool for tool in wanted if _agreed(tool, root, yes=yes, quiet=as_json)]
    write_pins(root, pinned)
    problem = trouble(root) if pinned else None
    emit(as_json, pin_data(found, pinned, problem), pin_text(found, pinned, problem))
    if found.silent:
        click.get_current_context().exit(CannotReach.exit_code)
    if len(pinned) < len(wanted):
        click.get_current_context().exit(Refused.exit_code)


def _survey(root: Path, data: Path | None) -> Survey:
    from policies.drift import compared
    from policies.load import load_pins
    from workers.servers import offers

    catalogue, kept = load_pins(root)
    tools: list[Tool] = []
    silent: dict[str, str] = {}
    for name, offer in asyncio.run(offers(catalogue, _clients(data))).items():
        if isinstance(offer, str):
            silent[name] = offer
        else:
            tools += compared(name, catalogue.integrations[name], kept[name], offer)
    return Survey(root, tuple(tools), silent)


def _clients(data: Path | None) -> dict[Role, Path]:
    """Credential files: those that workers are given by variables, else those of the stack on this machine."""
    from workers.profile import data_directory
    from workers.settings import Role
    from workers.stack.layout import Layout

    layout = Layout(data_directory(data))
    named = {Role.READ: "SAYSO_READ_CLIENT_FILE", Role.COMMIT: "SAYSO_COMMIT_CLIENT_FILE"}
    return {role: Path(os.environ.get(name) or layout.client(role)).expanduser() for role, name in named.items()}


def _wanted(found: Survey, operations: tuple[str, ...]) -> list[Tool]:
    """What can be pinned, of *operations* where some are named."""
    from approvals.display import visible
    from policies.drift import Standing

    known = {tool.operation for tool in found.tools}
    for operation in operations:
        if operation.partition(".")[0] not in found.silent and operation not in known:
            raise WrongUse(f"`{visible(operation)}` is neither in the integrations catalogue nor listed by a server")
    differing = [tool for tool in found.tools if tool.standing in (Standing.DRIFTED, Standing.UNLISTED)]
    return [tool for tool in differing if not operations or tool.operation in operations]


def _agreed(tool: Tool, root: Path, *, yes: bool, quiet: bool) -> bool:
    """Whether a person says that *tool*, as shown, is what it should be."""
    from approvals.display import visible
    from workers.cli.integration_sheets import difference_text, question

    if not quiet:
        click.echo(difference_text(tool) + "\n")
    if tool.words:
        raise Refused(f"`{visible(tool.operation)}` is not pinned: {tool.words}")
    if yes:
        return True
    if not sys.stdin.isatty():
        raise Refused("nothing was pinned: there is no terminal to ask at; look at the difference and say `--yes`")
    return click.confirm(question(tool, root), err=True)
