"""JSON as a person gives it to a command: the text itself, a file's name, or `-` for standard input."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from pydantic import JsonValue

from approvals.display import visible
from policies.canonical import canonical, parse
from policies.errors import CanonicalError
from workers.errors import WrongUse


def text_of(given: str) -> tuple[str, str]:
    """
    What to call the input, and its text.

    Raises:
        WrongUse: Neither JSON nor a file that can be read.
    """
    if given == "-":
        return "the input", sys.stdin.read()
    if given.lstrip()[:1] in ("{", "[", '"'):
        return "the input", given
    path = Path(given).expanduser()
    try:
        return f"`{visible(given)}`", path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        hint = 'give JSON such as `{"case_id": "CASE-1001"}`, a file, or `-`'
        raise WrongUse(f"`{visible(given)}` is neither JSON nor a file: {hint}") from error
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise WrongUse(f"`{visible(given)}` cannot be read ({reason})") from error


def json_of(where: str, text: str) -> JsonValue:
    """
    The value in *text*, which is called *where*.

    Raises:
        WrongUse: Not JSON with one reading.
    """
    try:
        value = parse(text)
        canonical(value)
    except CanonicalError as error:
        cause = error.__cause__
        if isinstance(cause, json.JSONDecodeError):
            said = f"{cause.msg.lower()}, line {cause.lineno}, column {cause.colno}"
            raise WrongUse(f"{where} is not JSON: {said}") from error
        raise WrongUse(f"{where} cannot be taken: {visible(str(error))}") from error
    return value
