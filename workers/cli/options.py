"""What commands share: the options `--data` and `--json`, and printing a result either way."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from pydantic import BaseModel

data_option = click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    default=None,
    metavar="DIR",
    help="Data directory of the stack; else SAYSO_DATA, else ~/.local/share/sayso.",
)
"""Handed to the command as `data: Path | None`; `workers.profile.data_directory` resolves it."""

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, errors included.")
"""Handed to the command as `as_json: bool`."""


def emit(as_json: bool, value: BaseModel | dict[str, Any] | list[Any], text: str) -> None:
    """Prints *value* as JSON, or *text*."""
    click.echo(_json(value) if as_json else text)


def _json(value: BaseModel | dict[str, Any] | list[Any]) -> str:
    # Everything but ASCII is escaped: hostile text stays text on a terminal too.
    return json.dumps(value, indent=2, default=_plain)


def _plain(value: Any) -> Any:
    dump = getattr(value, "model_dump", None)
    return dump(mode="json") if dump is not None else str(value)
