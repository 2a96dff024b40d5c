"""What commands share: the options `--data` and `--json`, and printing a result either way."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from pydantic import BaseModel

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}

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


class Age(click.ParamType[timedelta]):
    """A span of time up to now: `30m`, `12h`, `7d`."""

    name = "age"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        """Fails on anything else, and beyond a hundred years."""
        found = re.fullmatch(r"([1-9][0-9]{0,8})([smhd])", str(value))
        age = timedelta(seconds=int(found[1]) * _UNITS[found[2]]) if found else None
        if age is None or age > timedelta(days=36500):
            self.fail(f"`{value}` is no span of time such as `30m`, `12h` or `7d`", param, ctx)
        return age


AGE = Age()


def emit(as_json: bool, value: BaseModel | dict[str, Any] | list[Any], text: str) -> None:
    """Prints *value* as JSON, or *text*."""
    click.echo(_json(value) if as_json else text)


def _json(value: BaseModel | dict[str, Any] | list[Any]) -> str:
    # Everything but ASCII is escaped: hostile text stays text on a terminal too.
    return json.dumps(value, indent=2, default=_plain)


def _plain(value: Any) -> Any:
    dump = getattr(value, "model_dump", None)
    return dump(mode="json") if dump is not None else str(value)
