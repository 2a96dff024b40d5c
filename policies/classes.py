"""
Data classes: which values of an answer or a model are of a kind that may not be told to everybody.

A person classes fields of tool results in the integrations catalogue, by path, and fields of pydantic models with
`Annotated[str, Sensitive("pii")]`. What is found is values by class: leaves of JSON, numbers as JSON writes them. A value is
masked wherever it occurs, so nobody has to follow where it went. A value that cannot be digested (an accent that stands apart,
half a character) is written as JSON writes it (`written`): values are signed over, and kept in transcripts.

A path names keys, joined by dots: `customer.email`. `[]` is every item of a list, `*` every key of an object, `$` the whole
result. What a path does not find is nothing; a class of an object or a list is one of everything in it.

Source: docs/decisions/0024-models.md
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import AfterValidator, BaseModel, JsonValue

from policies.canonical import readable

_HALF = re.compile("[\ud800-\udfff]")
_CLASS = re.compile(r"[a-z][a-z0-9_]{0,31}")
_KEY = r"(?:[A-Za-z_][A-Za-z0-9_-]*|\*)(?:\[\])*"
_PATH = re.compile(rf"\$|(?:\[\])+(?:\.{_KEY})*|{_KEY}(?:\.{_KEY})*")
_STEP = re.compile(r"\[\]|\*|[A-Za-z_][A-Za-z0-9_-]*")
WHOLE = "$"

Sensitives = Mapping[str, Sequence[str]]
"""Values by data class."""


def is_class(name: str) -> bool:
    """Whether *name* can name a data class."""
    return _CLASS.fullmatch(name) is not None


def _class(name: str) -> str:
    if not is_class(name):
        raise ValueError(f"`{name}` is no name of a data class, like `pii`: lower-case letters, digits and underscores")
    return name


def _path(text: str) -> str:
    if _PATH.fullmatch(text) is None:
        raise ValueError(f"`{text}` is no path like `customer.email`, `items[].iban`, `*.email` or `$`")
    return text


DataClass = Annotated[str, AfterValidator(_class)]
ClassPath = Annotated[str, AfterValidator(_path)]


@dataclass(frozen=True)
class Sensitive:
    """Marks a field of a model as being of a data class: `Annotated[str, Sensitive("pii")]`."""

    data_class: str

    def __post_init__(self) -> None:
        _class(self.data_class)


def written(value: str) -> str:
    """*value*; as a string of JSON, in ASCII, where it has no form that can be digested."""
    whole = value.isascii() or (unicodedata.is_normalized("NFC", value) and not _HALF.search(value))
    return value if whole else json.dumps(value)


def meant(value: str) -> tuple[str, ...]:
    """*value*, what `written` wrote so, and the forms in which it stands in what models said and are sent."""
    found = _inner(value) if value[:1] == value[-1:] == '"' else value
    if not isinstance(found, str) or written(found) != value:
        return (value,)
    return tuple(dict.fromkeys((value, found, found.encode("utf-8", "replace").decode(), readable(found))))


def text_of(leaf: JsonValue) -> str | None:
    """A leaf of JSON as text, numbers as JSON writes them (`1.0` is `1`); None where there is nothing to hide."""
    match leaf:
        case bool():
            return "true" if leaf else "false"
        case str():
            return leaf or None
        case float() if leaf.is_integer():
            return str(int(leaf))
        case int() | float():
            return json.dumps(leaf)
    return None


def leaves(value: JsonValue) -> Iterator[str]:
    """Everything in *value* that is no list and no object, as text, in its order."""
    match value:
        case dict():
            for item in value.values():
                yield from leaves(item)
        case list():
            for item in value:
                yield from leaves(item)
        case _:
            text = text_of(value)
            if text is not None:
                yield text


def classed(result: JsonValue, classes: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """
    The values of *result* that *classes*, by path, say are of a class; each once, in the order found.

    A result that is text is read as JSON, where it is that: so do models.
    """
    if isinstance(result, str):
        try:
            return _classed(result, _inner(result), classes)
        except RecursionError:
            # It cannot be looked through: all of it is of each class.
            return _tidy({data_class: (result,) for data_class in classes.values()})
    return _classed(result, result, classes)


def _classed(result: JsonValue, inner: JsonValue, classes: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    found: dict[str, dict[str, None]] = {}
    for path, data_class in classes.items():
        for part in (result, inner) if path == WHOLE else _at(inner, tuple(_STEP.findall(path))):
            found.setdefault(data_class, {}).update(dict.fromkeys(leaves(part)))
    return _tidy(found)


def annotated(model: BaseModel) -> dict[str, tuple[str, ...]]:
    """The values of *model*, as its JSON has them, that its fields and those of models in it mark with `Sensitive`."""
    found: dict[str, dict[str, None]] = {}
    for data_class, part in _in_model(model, model.model_dump(mode="json")):
        found.setdefault(data_class, {}).update(dict.fromkeys(leaves(part)))
    return _tidy(found)


def united(*several: Sensitives) -> dict[str, tuple[str, ...]]:
    """All of *several*, each value of a class once."""
    found: dict[str, dict[str, None]] = {}
    for sensitive in several:
        for data_class, values in sensitive.items():
            found.setdefault(data_class, {}).update(dict.fromkeys(values))
    return _tidy(found)


def _tidy(found: Mapping[str, Iterable[str]]) -> dict[str, tuple[str, ...]]:
    return {name: tuple(dict.fromkeys(map(written, found[name]))) for name in sorted(found) if found[name]}


def _inner(text: str) -> JsonValue:
    """The JSON that *text* is, or *text*. Raises RecursionError: it is too deep."""
    try:
        value: JsonValue = json.loads(text)
    except ValueError:
        return text
    return value


def _at(value: JsonValue, steps: tuple[str, ...]) -> Iterator[JsonValue]:
    if not steps:
        yield value
        return
    step, rest = steps[0], steps[1:]
    match value:
        case list() if step == "[]":
            for item in value:
                yield from _at(item, rest)
        case dict() if step == "*":
            for item in value.values():
                yield from _at(item, rest)
        case dict() if step in value:
            yield from _at(value[step], rest)


Part = tuple[str, JsonValue]
"""A data class, and a part of a dump that is of it."""


def _in_model(model: BaseModel, dumped: JsonValue) -> Iterator[Part]:
    for name, field in type(model).model_fields.items():
        kind = Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation
        if isinstance(dumped, dict) and name in dumped:
            yield from _in_value(kind, getattr(model, name), dumped[name])
        else:
            # Dumped otherwise than it is declared: where a value went cannot be told, so all of it is of its class.
            yield from ((data_class, dumped) for data_class in _named(kind))


def _in_value(kind: Any, value: Any, dumped: JsonValue) -> Iterator[Part]:
    for mark in getattr(kind, "__metadata__", ()):
        if isinstance(mark, Sensitive):
            yield mark.data_class, dumped
    if isinstance(value, BaseModel):
        yield from _in_model(value, dumped)
        return
    origin, inner = get_origin(kind), get_args(kind)
    if origin is Annotated:
        yield from _in_value(inner[0], value, dumped)
    elif origin in (Union, UnionType):
        for one in inner:
            yield from _in_value(one, value, dumped)
    elif isinstance(value, Mapping) and isinstance(dumped, dict) and len(inner) == 2:
        for item, form in zip(value.values(), dumped.values(), strict=True):
            yield from _in_value(inner[1], item, form)
        keys: list[JsonValue] = list(dumped)
        yield from ((data_class, keys) for data_class in _named(inner[0]))
    elif isinstance(value, list | tuple | set | frozenset) and isinstance(dumped, list):
        kinds = inner if origin is tuple and Ellipsis not in inner else inner[:1] * len(dumped)
        for one, item, form in zip(kinds, value, dumped, strict=False):
            yield from _in_value(one, item, form)
    else:
        yield from ((data_class, dumped) for data_class in _named(kind))


def _named(kind: Any) -> Iterator[str]:
    """The classes that *kind* names anywhere in it, models aside."""
    yield from (mark.data_class for mark in getattr(kind, "__metadata__", ()) if isinstance(mark, Sensitive))
    for inner in get_args(kind):
        if inner is not kind:
            yield from _named(inner)
