"""`sayso approve`, `deny` and the other decisions, signed with a person's key over what they reviewed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from workers.cli.casting import Wish, decide, printed
from workers.cli.options import data_option, json_option
from workers.cli.signer import key_options
from workers.errors import WrongUse

if TYPE_CHECKING:
    from pydantic import JsonValue

_VERDICTS = ["approve", "deny", "revoke", "abstain", "amend", "withdraw", "done", "not-done", "retry"]


def _deciding(command: Callable[..., None]) -> Callable[..., None]:
    """The options that all decisions share."""
    options: list[Callable[[Any], Any]] = [
        click.argument("identifier", metavar="ID"),
        click.option("--reason", default="", help="Why, in your words; it goes into the record."),
        key_options,
        click.option("--yes", is_flag=True, help="Do not ask back; ID is then a whole proposal id."),
        click.option("--timeout", type=click.FloatRange(0.1), default=30.0, show_default=True, help="Seconds to wait."),
        data_option,
        json_option,
    ]
    for option in reversed(options):
        command = option(command)
    return command


_set_option = click.option(
    "--set", "changed", multiple=True, metavar="PATH=VALUE", help="A new value: JSON, or else text. Give it once for each."
)


@click.command()
@_deciding
def approve(identifier: str, **options: Any) -> None:
    """
    Approve the proposal ID with your key: exactly what is on its card, once.

    Ends with 0 when the gate counted it, 1 when it is refused.
    """
    decide(Wish(identifier, "approve", command="approve", **options))


@click.command()
@_deciding
def deny(identifier: str, **options: Any) -> None:
    """
    Deny the proposal ID with your key; after an approval, before it is used, this revokes it.

    Ends with 0 when the gate heard it in time, 1 when it is refused or too late.
    """
    decide(Wish(identifier, "deny", command="deny", **options))


@click.command()
@_deciding
def revoke(identifier: str, **options: Any) -> None:
    """
    Revoke an approval of the proposal ID before it is used, whoever gave it. Before it is approved, this denies.

    Ends with 0 when the gate heard it in time, 1 when it is refused or too late.
    """
    decide(Wish(identifier, "revoke", command="revoke", **options))


@click.command()
@_deciding
def abstain(identifier: str, **options: Any) -> None:
    """
    Leave the proposal ID to others. An approval that you gave before is taken back; a no of yours stays.

    Ends with 0 when the gate counted it, 1 when it is refused.
    """
    decide(Wish(identifier, "abstain", command="abstain", **options))


@click.command()
@_deciding
@_set_option
def amend(identifier: str, changed: tuple[str, ...], **options: Any) -> None:
    """
    Change arguments of the proposal ID, where its policy lets you. What takes its place needs its own say-so, and not yours.

    Ends with 0 when the proposal was superseded by your change, 1 when it is refused.
    """
    decide(Wish(identifier, "amend", command="amend", changes=_changes(changed), **options))


@click.command()
@_deciding
def withdraw(identifier: str, **options: Any) -> None:
    """
    Withdraw the proposal ID of a mission that you own.

    Ends with 0 when it was withdrawn before it was used, 1 when it is refused or too late.
    """
    decide(Wish(identifier, "withdraw", command="withdraw", **options))


@click.command()
@_deciding
@click.argument("what", metavar="done|not-done|retry", type=click.Choice(["done", "not-done", "retry"]))
def answer(what: str, identifier: str, **options: Any) -> None:
    """
    Say what became of an action whose outcome is unknown: it was done, it was not, or it was not and is to be sent once more.

    Ends with 0 when the gate counted it, 1 when it is refused.
    """
    decide(Wish(identifier, what, command="answer", **options))


@click.command()
@click.argument("identifier", metavar="ID")
@click.option("--verdict", type=click.Choice(_VERDICTS), required=True, help="What you say to it.")
@click.option("--reason", default="", help="Why, in your words; it goes into the record.")
@_set_option
@key_options
@data_option
@json_option
def sign(identifier: str, changed: tuple[str, ...], **options: Any) -> None:
    """
    Print a signed decision over the proposal ID, to paste into the Temporal UI, and send nothing.

    The card goes to standard error. Whoever has the printed line can send it.
    """
    amends = options["verdict"] == "amend"
    if changed and not amends:
        raise WrongUse("`--set` goes with `--verdict amend`")
    asyncio.run(printed(Wish(identifier, command="sign", changes=_changes(changed) if amends else None, **options)))


def _changes(changed: tuple[str, ...]) -> dict[str, JsonValue]:
    from policies.canonical import parse, settled
    from policies.errors import CanonicalError

    found: dict[str, JsonValue] = {}
    for entry in changed:
        path, equals, text = entry.partition("=")
        if not path or not equals or path in found:
            raise WrongUse(f"`--set {entry}` is not of the form PATH=VALUE, once for each path")
        try:
            value = parse(text)
        except CanonicalError:
            value = text
        found[path] = settled(value)
    if not found:
        raise WrongUse("an amendment changes something: give `--set PATH=VALUE`")
    return found
