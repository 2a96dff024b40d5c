"""`sayso demo`: one refund from case to receipt on a stack of its own, three attacks on it, and the proof of what happened."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click

from workers.errors import CommandError

if TYPE_CHECKING:
    from workers.cli.demo_evidence import Evidence
    from workers.stack.stack import Stack

CASE, MISSION, ORDER = "CASE-1001", "refund-CASE-1001", "ORD-2001"


@click.command()
@click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    default=None,
    help="Keep everything here; else it is thrown away.",
)
@click.option("--yes", is_flag=True, help="Do not ask; approve.")
@click.option(
    "--local-model",
    "home",
    type=click.Path(file_okay=False, path_type=Path),
    default=None,
    help="Let the model in this environment assess the refund; `make demo-local-model` makes one. No attacks then.",
)
def demo(data: Path | None, yes: bool, home: Path | None) -> None:
    """
    Watch a refund go from case to receipt, three attacks fail, and the archive prove it.

    Starts a stack of its own on free ports and stops it at the end. With a terminal, you are the approver. The mission's
    archive is kept, in DIR or in a folder of its own.
    """
    ask = not yes and sys.stdin.isatty()
    if data is not None:
        _show(data, data / "archives", home, ask=ask)
        return
    with tempfile.TemporaryDirectory(prefix="sayso-demo-") as directory:
        _show(Path(directory), Path(tempfile.mkdtemp(prefix="sayso-archive-")), home, ask=ask)


def _show(data: Path, archives: Path, home: Path | None, *, ask: bool) -> None:
    from workers.cli.demo_evidence import Evidence
    from workers.cli.demo_local_model import play
    from workers.profile import own_stack_only
    from workers.stack.stack import Stack

    evidence = Evidence(archives)
    with own_stack_only():
        if home is None:
            _played(Stack(data, "auto"), evidence, ask=ask)
        else:
            play(data, home, evidence, ask=ask)
        say("Everything is stopped. What the archive proves with the server gone")
        _shell(*evidence.verify())
    click.echo(f"\nThe archive is `{evidence.archive}`;\nit was verified against the keys pinned in `{evidence.trust}`.")


def _played(stack: Stack, evidence: Evidence, *, ask: bool) -> None:
    say("Starting Temporal, four business systems, their token issuer, and four workers")
    with stack:
        click.echo(f"up; the Temporal UI is at {stack.profile.ui}")
        _story(stack.data, ask=ask)
        _attacks(stack.data)
        say("The evidence: the mission as one archive, and the keys that an auditor pins")
        run("audit", "export", MISSION, "-o", str(evidence.folder), data=stack.data)
        evidence.pin(stack.profile)


def _story(data: Path, *, ask: bool) -> None:
    from workers.cli.demo_stage import ledger_lines, proposal_of

    say("A support case starts a mission. It reads, reasons, drafts a refund, and waits")
    run("start", "refund", "--input", f'{{"case_id": "{CASE}"}}', "--as", "olga", data=data)
    proposal = proposal_of(data, MISSION)
    run("queue", data=data)
    decided(proposal, data, ask=ask)
    say("What happened, from the event history")
    run("rail", MISSION, data=data)
    say("The payment system's ledger")
    click.echo("\n".join(ledger_lines(data)))


def _attacks(data: Path) -> None:
    from workers.cli.demo_attacks import changed_arguments_and_second_use, forged_approver

    say("Attack 1: a forged approver")
    forged_approver(data)
    say("Attacks 2 and 3: a hostile mission worker changes the arguments after the approval, then uses it twice")
    changed_arguments_and_second_use(data)


def decided(proposal: str, data: Path, *, ask: bool) -> None:
    """Has the approver decide: the person at the terminal where *ask*."""
    say("The approver decides about exactly this")
    verdict = _verdict(ask=ask, proposal=proposal, data=data)
    run(verdict, proposal, "--as", "sam", "--reason", "within the terms", "--yes", data=data)


def _verdict(*, ask: bool, proposal: str, data: Path) -> str:
    if not ask:
        return "approve"
    run("review", proposal, data=data)
    return str(click.prompt("You are sam. Your verdict", type=click.Choice(["approve", "deny"]), default="approve"))


def say(words: str) -> None:
    """What comes next."""
    click.echo(f"\n--- {words} ---\n")


def run(*arguments: str, data: Path) -> None:
    """Runs a command as a person would, and shows it. Raises CommandError where it could not do its work."""
    _shell(*arguments, hidden=("--data", str(data)))


def _shell(*arguments: str, hidden: tuple[str, ...] = ()) -> None:
    from workers.cli.main import run as run_command

    shown = " ".join(f"'{argument}'" if " " in argument else argument for argument in arguments)
    click.echo(f"$ sayso {shown}")
    sys.stdout.flush()
    code = run_command([*arguments, *hidden])
    if code != 0:
        raise CommandError(f"`sayso {arguments[0]}` ended with exit code {code}; the lines above say why")
