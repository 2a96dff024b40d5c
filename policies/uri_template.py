"""
URI templates of MCP resources, of the plainest kind: `knowledge://{collection}/{document}`.

Each variable stands for one piece of the URI. What fills it is percent-encoded whole, so that no value begins a new segment,
a query or a fragment; `.` and `..`, which encoding leaves as they are, fill nothing.

Source: RFC 6570, level 1
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import quote

from pydantic import JsonValue

MAX_TEMPLATE = 1000
MAX_URI = 4000
_LITERAL = r"[A-Za-z0-9\-._~:/?#@!$&()*+,;=%]"
_NAME = r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*"
_TEMPLATE = re.compile(rf"[a-z][a-z0-9+.\-]*:(?:{_LITERAL}|\{{{_NAME}\}})*")
_VARIABLE = re.compile(rf"\{{({_NAME})\}}")


class TemplateError(ValueError):
    """Text that is no such template, or a value that fills none; the message says why."""


def variables(template: str) -> tuple[str, ...]:
    """
    The variables of *template*, in its order.

    Raises:
        TemplateError: It is not of this kind: other operators, a variable twice, two that nothing parts, no scheme.
    """
    if len(template) > MAX_TEMPLATE or not _TEMPLATE.fullmatch(template):
        raise TemplateError("is no template of the form `scheme://{name}/{name}`")
    names = tuple(_VARIABLE.findall(template))
    if len(set(names)) != len(names):
        raise TemplateError("names a variable twice")
    if "}{" in template:
        raise TemplateError("has two variables with nothing between them")
    return names


def expanded(template: str, values: Mapping[str, JsonValue]) -> str:
    """
    The URI that *values* make of *template*.

    Raises:
        TemplateError: A value is missing, no text, empty, `.` or `..`, or the URI becomes longer than any that is read.
    """
    filled = {name: _encoded(name, values.get(name)) for name in variables(template)}
    uri = _VARIABLE.sub(lambda found: filled[found[1]], template)
    if len(uri) > MAX_URI:
        raise TemplateError(f"becomes longer than {MAX_URI} characters")
    return uri


def input_schema(template: str) -> dict[str, JsonValue]:
    """
    The schema of what fills *template*: a text for each of its variables, and nothing else.

    Raises:
        TemplateError: As `variables`.
    """
    names = variables(template)
    return {
        "type": "object",
        "properties": {name: {"type": "string"} for name in names},
        "required": list(names),
        "additionalProperties": False,
    }


def _encoded(name: str, value: JsonValue) -> str:
    if not isinstance(value, str) or value in ("", ".", ".."):
        raise TemplateError(f"cannot be filled: `{name}` is no name of anything")
    try:
        return quote(value, safe="")
    except UnicodeEncodeError as error:
        raise TemplateError(f"cannot be filled: `{name}` holds half a character") from error
