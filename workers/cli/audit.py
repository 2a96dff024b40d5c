"""`sayso audit`: take a mission's evidence with you, and prove what it says with the server gone."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import click

from workers.cli.audit_report import report
from workers.cli.options import data_option, emit, json_option
from workers.errors import Refused, WrongUse

if TYPE_CHECKING:
    from activities.exports import Exported
    from audit.verification.result import Verification
    from policies.directory import Directory

EXIT_CODES = {"VERIFIED": 0, "FAILED": 1, "INCOMPLETE": 2}


@click.group()
def audit() -> None:
    """Export missions, and verify, report and keep what was exported."""


audit.add_command(report)


@audit.command()
@click.argument("missions", metavar="MISSION...", nargs=-1, required=True)
@click.option(
    "-o", "--out", type=click.Path(file_okay=False, path_type=Path), required=True, metavar="DIR", help="Where the archives go."
)
@click.option("--run", "run_id", default=None, metavar="RUN", help="Another run than the latest; for one mission.")
@click.option(
    "--key",
    type=click.Path(dir_okay=False, path_type=Path),
    default=None,
    metavar="FILE",
    help="The exporter's private key; else SAYSO_EXPORT_KEY_FILE, else the stack's.",
)
@click.option(
    "--policies",
    type=click.Path(file_okay=False, path_type=Path),
    multiple=True,
    metavar="DIR",
    help="A policy bundle that gates may have ruled with, beside those they kept. May be given again.",
)
@data_option
@json_option
def export(
    missions: tuple[str, ...],
    out: Path,
    run_id: str | None,
    key: Path | None,
    policies: tuple[Path, ...],
    data: Path | None,
    as_json: bool,
) -> None:
    """
    Write one archive for each MISSION: history, rail, cards, uses, policies, keys as hints, and a signed checkpoint.

    The same history gives the same bytes, but for the checkpoint.
    """
    if run_id is not None and len(missions) > 1:
        raise WrongUse("`--run` names a run of one mission: export one mission, or leave it out")
    found = asyncio.run(_exported(missions, run_id, key, policies, data))
    out = out.expanduser()
    paths = [_written(out, exported) for exported in found]
    value = {
        "archives": [
            {
                "mission_id": each.record.mission_id,
                "run_id": each.record.run_id,
                "closed": each.record.closed,
                "path": str(path),
            }
            for each, path in zip(found, paths, strict=True)
        ]
    }
    lines = [
        f"{path}{'' if each.record.closed else '  (the run is still open)'}" for each, path in zip(found, paths, strict=True)
    ]
    emit(as_json, value, "\n".join(lines))


async def _exported(
    missions: tuple[str, ...], run_id: str | None, key: Path | None, policies: tuple[Path, ...], data: Path | None
) -> list[Exported]:
    from activities.shelf import Shelf
    from workers.archiving import KnownBundles, exporter
    from workers.cli.desk import answering, open_desk
    from workers.cli.matter import described
    from workers.stack.keyfiles import read_key

    desk = await open_desk(data)
    signer = read_key(_key(key, desk.profile.export_key))
    shelf = Shelf(desk.profile.state) if desk.profile.state else None
    exports = exporter(
        desk.client, signer, desk.law.directory, KnownBundles(shelf, (desk.profile.policies, *policies)), desk.sealer
    )
    with answering(desk):
        found = []
        for mission in missions:
            description = await described(desk, mission, run_id)
            found.append(await exports.export(description.id, description.run_id))
        return found


def _key(given: Path | None, usual: Path | None) -> Path:
    import os

    named = os.environ.get("SAYSO_EXPORT_KEY_FILE")
    path = given or (Path(named) if named else None) or usual
    if path is None:
        raise WrongUse("an export is signed, and there is no exporter's key: name it with `--key` or SAYSO_EXPORT_KEY_FILE")
    return path.expanduser()


def _written(out: Path, exported: Exported) -> Path:
    """Writes the archive whole or not at all."""
    path, partial = out / exported.name, out / f".{exported.name}.partial"
    try:
        out.mkdir(parents=True, exist_ok=True)
        partial.write_bytes(exported.data)
        partial.replace(path)
    except OSError as error:
        raise WrongUse(f"`{path}` cannot be written ({error.strerror})") from error
    return path


@audit.command()
@click.argument("archives", metavar="ARCHIVE...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--trust",
    type=click.Path(dir_okay=False, path_type=Path),
    default=None,
    metavar="FILE",
    help="The keys and people you pin, in the form of directory.yaml. Without it nothing is better than INCOMPLETE.",
)
@click.option(
    "--replay", is_flag=True, help="Also run the mission's code again over the history, and compare what it asks for."
)
@json_option
def verify(archives: tuple[Path, ...], trust: Path | None, replay: bool, as_json: bool) -> None:
    """
    Prove each ARCHIVE, or each in a directory, without any server: VERIFIED, FAILED or INCOMPLETE.

    Keys in an archive are hints; only those in your own trust file count. Ends with 0 when all are VERIFIED, with 1 when one
    FAILED, else with 2.
    """
    from workers.cli.audit_sheets import verification_text

    pinned = _trust(trust)
    paths = _files(archives)
    found = asyncio.run(_verified(paths, pinned, replay=replay))
    pairs = list(zip(paths, found, strict=True))
    value = {"archives": [{"path": str(path), **verification.model_dump(mode="json")} for path, verification in pairs]}
    emit(as_json, value, "\n\n".join(verification_text(path, verification) for path, verification in pairs))
    codes = {EXIT_CODES[verification.verdict] for verification in found}
    click.get_current_context().exit(1 if 1 in codes else max(codes))


async def _verified(paths: list[Path], trust: Directory | None, *, replay: bool) -> list[Verification]:
    from audit.verification.verify import Verifier
    from workers.archiving import ArchivedBundles, sayso_version
    from workers.replaying import replayed

    codec, unseal = None, None
    verifier = Verifier(trust, ArchivedBundles(), sayso_version(), codec, unseal)
    found = []
    for path in paths:
        data = _read(path)
        verification = await verifier.verify(data)
        found.append(await replayed(verification, data, codec) if replay else verification)
    return found


def _trust(path: Path | None) -> Directory | None:
    from policies.load import load_trust

    return load_trust(path.expanduser()) if path is not None else None


def _files(given: tuple[Path, ...]) -> list[Path]:
    """The archives named, and those in directories named."""
    from audit.archive import SUFFIX

    found: list[Path] = []
    for path in given:
        if path.is_dir():
            inside = sorted(path.glob(f"*{SUFFIX}"))
            if not inside:
                raise WrongUse(f"`{path}` holds no archive (`*{SUFFIX}`)")
            found += inside
        else:
            found.append(path)
    return found


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise Refused(f"`{path}` cannot be read ({error.strerror})") from error
