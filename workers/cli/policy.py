"""`sayso policy`: what a bundle answers, whether that is what was meant, and what a change of it changes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from workers.cli.bundles import directory_argument, opened, policies_option, which
from workers.cli.options import data_option, emit, json_option
from workers.errors import WrongUse

if TYPE_CHECKING:
    from pydantic import JsonValue

    from approvals.checkup import Remark
    from approvals.explanation import Explanation
    from approvals.rehearsal import Played, Stage
    from policies.bundle import Bundle


@click.group()
def policy() -> None:
    """Check, test, compare and explain policies. Nothing here needs a server."""


@policy.command()
@directory_argument
@data_option
@json_option
def check(directory: Path | None, data: Path | None, as_json: bool) -> None:
    """
    Load the bundle in DIR strictly, play its scenarios, and name each policy that no scenario reaches.

    Ends with 0 when nothing fails; warnings alone do not fail.
    """
    from approvals.checkup import Level
    from workers.cli.policy_sheets import check_data, check_text

    root = which(directory, data)
    bundle, found = _checked(root)
    ok = all(remark.level is not Level.FAILURE for remark in found)
    emit(as_json, check_data(root, bundle, found), check_text(root, bundle, found))
    if not ok:
        click.get_current_context().exit(1)


@policy.command()
@directory_argument
@data_option
@json_option
def test(directory: Path | None, data: Path | None, as_json: bool) -> None:
    """
    Play the scenarios of the bundle in DIR, one line each.

    Ends with 0 when each came out as expected.
    """
    from approvals.expectation import differences
    from workers.cli.policy_sheets import test_data, test_text

    bundle = opened(which(directory, data))
    played = _played(bundle)
    emit(as_json, test_data(bundle, played), test_text(played))
    if any(differences(each) for each in played):
        click.get_current_context().exit(1)


@policy.command()
@click.argument("old", type=click.Path(file_okay=False, path_type=Path))
@click.argument("new", type=click.Path(file_okay=False, path_type=Path))
@json_option
def diff(old: Path, new: Path, as_json: bool) -> None:
    """
    Show what changes from bundle OLD to bundle NEW: answers to the scenarios of both, policies, operations, people.

    Ends with 0 when nothing changes, 1 when something does.
    """
    from approvals.changes import changes
    from approvals.jws import Signer
    from workers.cli.policy_sheets import diff_text

    before, after = opened(which(old)), opened(which(new))
    found = changes(before, after, Signer.generate)
    content = {"old": before.digest, "new": after.digest, "changes": [each.model_dump(mode="json") for each in found]}
    emit(as_json, content, diff_text(found))
    if found:
        click.get_current_context().exit(1)


@policy.command()
@click.argument("operation")
@click.option("--mission", required=True, metavar="TYPE", help="The mission type that asks.")
@click.option("--input", "given", required=True, metavar="JSON", help="The call's arguments: JSON, a file, or `-`.")
@click.option("--mission-input", default=None, metavar="JSON", help="What the mission was started with: its scope.")
@click.option("--owner", default=None, metavar="WHO", help="Who started the mission; else nobody knows.")
@click.option("--on-behalf-of", default=None, metavar="WHO", help="Whom it acts for.")
@policies_option
@data_option
@json_option
def explain(operation: str, as_json: bool, policies: Path | None, data: Path | None, **asked: str | None) -> None:
    """Explain the ruling for a call of OPERATION: every finding, the policies that decide, and who could approve."""
    from workers.cli.policy_sheets import explain_data, explain_text

    found = _explained(_stage(opened(which(policies, data))), operation, asked)
    emit(as_json, explain_data(found), explain_text(found))


def _explained(stage: Stage, operation: str, asked: dict[str, str | None]) -> Explanation:
    from approvals.display import visible
    from approvals.explanation import explain as explained
    from approvals.rehearsal import action_of
    from policies.action import Principals, operations_of, scope_of

    value = _object(asked["given"] or "", "the input is not a JSON object of arguments")
    began = _object(asked["mission_input"] or "{}", "the mission's input is not a JSON object")
    known = stage.directory.people.keys() | stage.directory.services.keys()
    for who in (asked["owner"], asked["on_behalf_of"]):
        if who is not None and who not in known:
            raise WrongUse(f"`{visible(who)}` is not in the directory; there is {visible(', '.join(sorted(known)))}")
    action = action_of(operation, asked["mission"] or "", value, stage.bundle)
    principals = Principals(
        owner=asked["owner"],
        on_behalf_of=asked["on_behalf_of"],
        scope=scope_of(began),
        operations=operations_of(began),
    )
    return explained(action, principals, stage)


def _object(given: str, trouble: str) -> dict[str, JsonValue]:
    from policies.canonical import settled
    from workers.cli.given import json_of, text_of

    value = settled(json_of(*text_of(given)))
    if not isinstance(value, dict):
        raise WrongUse(trouble)
    return value


def _checked(root: Path) -> tuple[Bundle | None, tuple[Remark, ...]]:
    from approvals.checkup import Level, Remark, remarks
    from policies.errors import BundleError

    try:
        bundle = opened(root)
    except BundleError as error:
        return None, (Remark(level=Level.FAILURE, where=error.where, words=error.reason),)
    return bundle, remarks(bundle, _played(bundle))


def _played(bundle: Bundle) -> list[Played]:
    from approvals.rehearsal import play

    stage = _stage(bundle)
    return [play(scenario, stage) for scenario in bundle.scenarios]


def _stage(bundle: Bundle) -> Stage:
    from approvals.jws import Signer
    from approvals.rehearsal import set_stage

    return set_stage(bundle, Signer.generate)
