"""
The `sayso` command. Commands are imported when they are called, so `--help` answers at once.

Whatever goes wrong ends in one line and an exit code: 0 done, 1 refused or denied, 2 wrong use, 3 something does not
answer, 130 interrupted. A traceback is shown only where SAYSO_DEBUG is set.
"""

from __future__ import annotations

import importlib
import json
import logging
import os
import sys
from collections.abc import Sequence
from contextlib import suppress

import click

from workers.errors import CommandError, WrongUse

COMMANDS = {
    "up": ("workers.cli.stack_commands:up", "Start everything on this machine: Temporal, the example systems, the workers."),
    "down": ("workers.cli.stack_commands:down", "Stop what `up` started; nothing is lost."),
    "demo": ("workers.cli.demo:demo", "Watch a refund go from case to receipt, and three attacks fail."),
    "start": ("workers.cli.start:start", "Start a mission."),
    "queue": ("workers.cli.queue:queue", "List the proposals that wait for a decision."),
    "review": ("workers.cli.review:review", "Show a proposal: its card, its evidence, what it still needs."),
    "approve": ("workers.cli.decide:approve", "Approve a proposal with your key."),
    "deny": ("workers.cli.decide:deny", "Deny a proposal with your key."),
    "revoke": ("workers.cli.decide:revoke", "Revoke an approval before it is used."),
    "abstain": ("workers.cli.decide:abstain", "Leave a proposal to others, and take back an approval of yours."),
    "amend": ("workers.cli.decide:amend", "Change arguments of a proposal, where policy lets you."),
    "withdraw": ("workers.cli.decide:withdraw", "Withdraw a proposal of a mission that you own."),
    "answer": ("workers.cli.decide:answer", "Say what became of an action whose outcome is unknown."),
    "sign": ("workers.cli.decide:sign", "Print a signed decision to paste into the Temporal UI."),
    "freeze": ("workers.cli.freeze:freeze", "Stop everything: no gate sends anything until a thaw."),
    "thaw": ("workers.cli.thaw:thaw", "Let everything go on, with your key."),
    "rail": ("workers.cli.rail:rail", "Show a mission's Explain rail."),
    "audit": ("workers.cli.audit:audit", "Export missions, and prove what an export says without any server."),
    "policy": ("workers.cli.policy:policy", "Check, test, compare and explain policies."),
    "integrations": ("workers.cli.integrations:integrations", "List, check and pin what the tool servers offer."),
    "keys": ("workers.cli.keys:keys", "Make keys for people and processes, and key rings for payloads."),
    "payloads": ("workers.cli.payloads:payloads", "Make and check the place where large payloads are kept."),
    "codec": ("workers.cli.codec:codec", "Open encrypted payloads for the Temporal UI."),
    "worker": ("workers.cli.stack_commands:worker", "Run the workers of one role, or of all."),
}
"""Name: where it is, and its line in `sayso --help`."""


class Commands(click.Group):
    """A group that imports a command when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, imported now; None for a name that is not in the table."""
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name][0].partition(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """From the table alone."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, words) for name, (_, words) in COMMANDS.items()])


@click.command(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="sayso", message="%(prog)s %(version)s")
def cli() -> None:
    """AI missions that act only on your say-so."""


def main(arguments: Sequence[str] | None = None) -> None:
    """The entry point: runs a command and exits with its code."""
    code = run(list(sys.argv[1:] if arguments is None else arguments))
    if "temporalio" not in sys.modules:
        sys.exit(code)
    telemetry = sys.modules.get("workers.telemetry.begin")
    if telemetry is not None:
        telemetry.end()
    # The SDK's threads may still be on their way out, and Python aborts when it meets them while it takes itself apart.
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)


def run(arguments: list[str]) -> int:
    """Runs a command and returns its exit code, having said what went wrong."""
    try:
        with cli.make_context("sayso", arguments.copy()) as context:
            cli.invoke(context)
    except click.exceptions.Exit as ending:
        return ending.exit_code
    except (KeyboardInterrupt, click.Abort):
        return 130
    except BrokenPipeError:
        # The reader of our output went away; at exit Python would flush into the broken pipe and complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        if os.environ.get("SAYSO_DEBUG"):
            raise
        return _tell(error, as_json="--json" in arguments)
    return 0


def _tell(error: Exception, as_json: bool) -> int:
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        error.show()
        return error.exit_code
    told = _told(error)
    if as_json:
        click.echo(json.dumps({"error": {"message": str(told), "exit_code": told.exit_code}}))
    else:
        click.echo(f"sayso: {told}", err=True)
    return told.exit_code


def _told(error: Exception) -> CommandError:
    from approvals.display import visible
    from approvals.errors import ApprovalError
    from policies.errors import PolicyError

    match error:
        case CommandError():
            return error
        case click.UsageError():
            path = error.ctx.command_path if error.ctx else "sayso"
            return WrongUse(f"{_sentence(error.format_message())}; see `{path} --help`")
        case click.ClickException():
            return WrongUse(_sentence(error.format_message()))
        case PolicyError() | ApprovalError():
            # It may quote a bundle that somebody else wrote.
            return WrongUse(visible(str(error)))
    line = f"{type(error).__name__}: {error}".splitlines()[0]
    return CommandError(f"internal error: {line}; set SAYSO_DEBUG=1 for the traceback")


def _sentence(text: str) -> str:
    first, *others = text.splitlines() or [""]
    joined = " ".join([first[:1].lower() + first[1:], *(line.strip() for line in others)])
    return joined.rstrip(".")


if __name__ == "__main__":
    main()
