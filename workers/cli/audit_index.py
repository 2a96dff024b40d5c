"""`sayso audit verify --index`: prove that no archive of a place is missing, changed or cut off, and then each of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from workers.cli.options import emit
from workers.errors import Refused, WrongUse

if TYPE_CHECKING:
    from activities.places import Place
    from audit.index import Head
    from audit.verification.index import Catalog
    from audit.verification.result import Found
    from policies.directory import Directory
    from workers.verifying import Checked, Recipe

_Options = Callable[..., Any]


def index_options(command: _Options) -> _Options:
    """The options of `verify` that are about an index; handed on together as `**about` to `verify_index`."""
    for option in (
        click.option("--index-only", is_flag=True, help="With --index: each archive against its entry, and no further."),
        click.option(
            "--remember",
            type=click.Path(dir_okay=False, path_type=Path),
            default=None,
            metavar="FILE",
            help="With --index: hold the index against the head in FILE, then keep its new head there.",
        ),
        click.option(
            "--head", default=None, metavar="HEAD", help="With --index: a head it had before, `NUMBER:DIGEST` or a file."
        ),
        click.option("--index", "place", default=None, metavar="PLACE", help="Verify the index in PLACE and all it lists."),
    ):
        command = option(command)
    return command


def verify_index(recipe: Recipe, as_json: bool, *, head: str | None, remember: Path | None, index_only: bool) -> int:
    """Verifies, prints, remembers, and returns the exit code."""
    from activities.errors import PlaceTrouble
    from audit.verification.index import worth_remembering
    from audit.verification.result import Verdict, verdict_of
    from workers.cli.index_sheets import index_text

    if head is not None and remember is not None:
        raise WrongUse("`--remember` names a file with the head: leave out `--head`")
    try:
        catalog, findings, checked = _checked(recipe, _head(head, remember), deep=not index_only)
    except PlaceTrouble as error:
        raise Refused(str(error)) from error
    verdict = verdict_of(findings)
    verdicts = [each.verification.verdict for each in checked if each.verification is not None]
    if remember is not None and worth_remembering(findings):
        _keep(remember, catalog.head)
    emit(as_json, _value(catalog, findings, checked), index_text(recipe.place or "", catalog, findings, checked))
    worst = {verdict, *verdicts}
    return 1 if Verdict.FAILED in worst else 2 if Verdict.INCOMPLETE in worst else 0


def _checked(recipe: Recipe, remembered: Head | None, *, deep: bool) -> tuple[Catalog, list[Found], list[Checked]]:
    from activities.places import open_place
    from audit.verification.index import check_index
    from audit.verification.result import Result, holds
    from workers.verifying import Listed, check_all

    place = open_place(recipe.place or "")
    catalog = _catalog(place, recipe.verifier().trust, remembered)
    findings = check_index(catalog)
    jobs = [Listed(entry, deep) for entry in catalog.entries.values() if catalog.archives.get(entry.archive) == entry.bytes]
    checked = list(check_all(jobs, recipe))
    bad = [each.found for each in checked if each.found is not None and each.found.result is not Result.HOLDS]
    findings += bad or [holds("archive", f"{len(checked)} archives are those that were listed")]
    return catalog, findings + _unlisted(place, catalog), checked


def _catalog(place: Place, trust: Directory | None, remembered: Head | None) -> Catalog:
    from activities.errors import Absent, PlaceTrouble
    from audit.index import ARCHIVES, INDEX, MAX_ENTRY, entry_name, number_of
    from audit.verification.index import Catalog
    from audit.verification.material import NOBODY

    # Twice: an archiver may be at work. What it lists is there by the second look, what it never listed was by the first.
    before, names, archives = place.sizes(ARCHIVES), place.sizes(INDEX), place.sizes(ARCHIVES)
    if not names and not archives:
        raise WrongUse(f"no archive is at {place.where}: name the place that `sayso audit archive --to` wrote to")
    texts = {}
    for name, size in names.items():
        number = number_of(name)
        if number is not None:
            try:
                texts[number] = place.read(entry_name(number), MAX_ENTRY) if size <= MAX_ENTRY else b""
            except Absent:
                continue
            except PlaceTrouble:
                texts[number] = b""
    strangers = sorted(name for name in names if number_of(name) is None)
    return Catalog(texts, strangers, archives, frozenset(before), trust or NOBODY, remembered)


def _unlisted(place: Place, catalog: Catalog) -> list[Found]:
    from activities.errors import PlaceTrouble
    from audit.archive import MAX_ARCHIVE
    from audit.index import ARCHIVES
    from audit.verification.index import MOST, check_unlisted
    from audit.verification.result import fails, missing

    found = []
    for name in catalog.unlisted[:MOST]:
        if catalog.archives[name] > MAX_ARCHIVE:
            found.append(fails("unlisted", f"`{name}` is too large for an archive, and no entry lists it"))
            continue
        try:
            found.append(check_unlisted(name, place.read(f"{ARCHIVES}/{name}", MAX_ARCHIVE), catalog))
        except PlaceTrouble as error:
            found.append(fails("unlisted", f"`{name}` is no archive that can be read, and no entry lists it: {error}"))
    more = len(catalog.unlisted) - MOST
    return [*found, missing("unlisted", f"and {more} more that no entry lists")] if more > 0 else found


def _head(given: str | None, remember: Path | None) -> Head | None:
    """The head to hold the index against; None where none is known, as at a first look."""
    from audit.errors import ArchiveError
    from audit.index import head_of

    path = remember.expanduser() if remember else Path(given).expanduser() if given else None
    try:
        if path is None or (remember is not None and not path.exists()):
            return None
        return head_of(path.read_text() if path.is_file() else given or "")
    except (ArchiveError, UnicodeDecodeError) as error:
        raise WrongUse(f"`{path}` is no head: {error}") from error
    except OSError as error:
        raise WrongUse(f"`{path}` cannot be read ({error.strerror})") from error


def _keep(path: Path, head: Head) -> None:
    path = path.expanduser()
    partial = path.with_name(f".{path.name}.partial")
    try:
        partial.write_text(f"{head}\n")
        partial.replace(path)
    except OSError as error:
        raise WrongUse(f"`{path}` cannot be written ({error.strerror}): the head is {head}") from error


def _value(catalog: Catalog, findings: list[Found], checked: list[Checked]) -> dict[str, Any]:
    from audit.verification.result import verdict_of

    archives = [
        {"archive": each.name, **each.verification.model_dump(mode="json")} for each in checked if each.verification is not None
    ]
    return {
        "verdict": verdict_of(findings),
        "entries": len(catalog.entries),
        "head": str(catalog.head),
        "findings": [found.model_dump(mode="json") for found in findings],
        "archives": archives,
    }
