"""`sayso audit report`: one page about one archive, for people who were not there."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from workers.cli.options import emit, json_option
from workers.cli.verifying import key_ring_option, trust_option
from workers.errors import WrongUse

if TYPE_CHECKING:
    from audit.verification.result import Verification

_MOST = 5


@click.command()
@click.argument("archive", metavar="ARCHIVE", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    metavar="FILE",
    help="Where the page goes, for example report.html.",
)
@trust_option
@key_ring_option
@json_option
def report(archive: Path, out: Path, trust: Path | None, key_ring: Path | None, as_json: bool) -> None:
    """
    Write one page about ARCHIVE: the story, a timeline, who decided what, what was read and sent, and what it proves.

    The archive is verified as `sayso audit verify` does it. The page is written whatever the verdict is, with the verdict on
    top; it runs no script and fetches nothing. Ends with 0 when the page was written.
    """
    out = out.expanduser()
    verification, text = _made(archive.expanduser(), trust, key_ring)
    _write(out, text)
    mission = verification.mission
    value = {
        "path": str(archive),
        "page": str(out),
        "verdict": str(verification.verdict),
        "mission_id": mission.mission_id if mission else None,
        "run_id": mission.run_id if mission else None,
        "reasons": [reason.model_dump(mode="json") for reason in verification.reasons()],
    }
    emit(as_json, value, _text(out, verification))


def _made(archive: Path, trust: Path | None, key_ring: Path | None) -> tuple[Verification, str]:
    from workers.reporting import reported
    from workers.verifying import Recipe, read_file

    verifier = Recipe(trust, key_ring).verifier()
    return asyncio.run(reported(read_file(archive), archive, trust, verifier, datetime.now(UTC)))


def _write(out: Path, text: str) -> None:
    """Writes the page whole or not at all."""
    partial = out.with_name(f".{out.name}.partial")
    try:
        partial.write_text(text, encoding="utf-8")
        partial.replace(out)
    except OSError as error:
        raise WrongUse(f"`{out}` cannot be written ({error.strerror})") from error


def _text(out: Path, verification: Verification) -> str:
    from approvals.display import visible

    reasons = verification.reasons()
    lines = [f"{verification.verdict}  {visible(str(out))}"]
    lines += [f"  {found.check}: {visible(found.words)}" for found in reasons[:_MOST]]
    more = len(reasons) - _MOST
    return "\n".join([*lines, f"  [{more} more: on the page]"] if more > 0 else lines)
