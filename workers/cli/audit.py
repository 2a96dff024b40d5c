"""`sayso audit`: take a mission's evidence with you, and prove what it says with the server gone."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from workers.cli.audit_archive import archive
from workers.cli.audit_index import index_options, verify_index
from workers.cli.audit_report import report
from workers.cli.exporting import export_key, key_option, policies_option
from workers.cli.options import data_option, emit, json_option
from workers.cli.verifying import key_ring_option, trust_option
from workers.errors import WrongUse

if TYPE_CHECKING:
    from activities.exports import Exported
    from audit.verification.result import Verification
    from workers.verifying import Recipe

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
@click.option("--run", "run_id", default=None, metavar="RUN", help="Of one mission this run, and no other.")
@key_option
@policies_option
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
    Write an archive of each run of each MISSION: history, rail, cards, uses, policies, keys as hints, and a signed checkpoint.
    One of a run that goes on from others holds their histories too.

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
                "rail": each.told,
                "lacking": each.lacking,
                "path": str(path),
            }
            for each, path in zip(found, paths, strict=True)
        ]
    }
    lines = [f"{path}{_remarks(each)}" for each, path in zip(found, paths, strict=True)]
    emit(as_json, value, "\n".join(lines))


def _remarks(exported: Exported) -> str:
    """What somebody should know of an archive before they verify it."""
    remarks = [
        *([] if exported.record.closed else ["the run is still open"]),
        *([] if exported.told else ["without rail and cards: the contents could not be read or told here"]),
        *([f"without {exported.lacking} stored payloads: they are not in the payload store"] if exported.lacking else []),
        *([f"without the whole mission: {exported.cut}"] if exported.cut else []),
    ]
    return f"  ({'; '.join(remarks)})" if remarks else ""


async def _exported(
    missions: tuple[str, ...], run_id: str | None, key: Path | None, policies: tuple[Path, ...], data: Path | None
) -> list[Exported]:
    from activities.shelf import Shelf
    from workers.archiving import KnownBundles, exporter
    from workers.cli.desk import answering, open_desk, storing_here
    from workers.cli.matter import described
    from workers.stack.keyfiles import read_key

    desk = await open_desk(data)
    signer = read_key(export_key(key, desk.profile.export_key))
    shelf = Shelf(desk.profile.state) if desk.profile.state else None
    bundles, store = KnownBundles(shelf, (desk.profile.policies, *policies)), storing_here(desk.profile).store
    exports = exporter(desk.client, signer, desk.law.directory, bundles, desk.sealer, store)
    with answering(desk):
        found = []
        for mission in missions:
            description = await described(desk, mission, run_id)
            named, latest = description.id, description.run_id
            runs = (latest,) if run_id is not None else await exports.runs(named, latest)
            found += [await exports.export(named, each) for each in runs]
        return found


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


audit.add_command(archive)


@audit.command()
@click.argument("archives", metavar="[ARCHIVE...]", nargs=-1, type=click.Path(path_type=Path))
@trust_option
@key_ring_option
@click.option(
    "--replay", is_flag=True, help="Also run the mission's code again over the history, and compare what it asks for."
)
@index_options
@json_option
def verify(
    archives: tuple[Path, ...],
    trust: Path | None,
    key_ring: Path | None,
    replay: bool,
    as_json: bool,
    place: str | None,
    **about: Any,
) -> None:
    """
    Prove each ARCHIVE, or each in a directory, without any server: VERIFIED, FAILED or INCOMPLETE; and of missions of several
    runs, whether all their runs are there. With `--index`, prove that a place still has every archive that was ever kept there.

    Keys in an archive are hints; only those in your own trust file count. Ends with 0 when all are VERIFIED, with 1 when one
    FAILED, else with 2.
    """
    from audit.verification.missions import missions
    from workers.cli.audit_sheets import mission_text, verification_text
    from workers.verifying import Recipe

    recipe = Recipe(trust, key_ring, place)
    if place is not None:
        if archives or replay:
            raise WrongUse("`--index` verifies all that an index lists: leave out archives and `--replay`")
        click.get_current_context().exit(verify_index(recipe, as_json, **about))
    if not archives:
        raise WrongUse("name archives to verify, a directory with some, or a place with `--index`")
    paths = _files(archives)
    found = _verified(paths, recipe, replay=replay)
    pairs = list(zip(paths, found, strict=True))
    together = missions(found)
    value = {
        "archives": [{"path": str(path), **verification.model_dump(mode="json")} for path, verification in pairs],
        "missions": [each.model_dump(mode="json") for each in together],
    }
    texts = [*(verification_text(path, verification) for path, verification in pairs), *map(mission_text, together)]
    emit(as_json, value, "\n\n".join(texts))
    codes = {EXIT_CODES[verification.verdict] for verification in found}
    click.get_current_context().exit(1 if 1 in codes else max(codes))


def _verified(paths: list[Path], recipe: Recipe, *, replay: bool) -> list[Verification]:
    from workers.replaying import replayed
    from workers.verifying import check_all, read_file

    found = [checked.verification for checked in check_all(paths, recipe) if checked.verification is not None]
    if not replay:
        return found
    codec = recipe.verifier().codec
    return [asyncio.run(replayed(each, read_file(path), codec)) for each, path in zip(found, paths, strict=True)]


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
