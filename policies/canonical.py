"""
One value, one form, one digest.

Every digest in Sayso is SHA-256 over RFC 8785 canonical JSON, prefixed with the kind of the thing and a version, so that
a digest of one kind never stands for another. Values that two parsers could read differently are refused rather than
repaired: duplicate keys, numbers beyond double precision, text outside NFC, lone surrogates, excessive depth or size.

Source: RFC 8785; docs/decisions/0002-canonical-form.md
"""

from __future__ import annotations

import hashlib
import json
import math
import re
import unicodedata
from collections.abc import Iterable
from typing import Any, NewType

import rfc8785
from pydantic import JsonValue

from policies.errors import CanonicalError

Digest = NewType("Digest", str)
"""64 lower-case hexadecimal digits."""

MAX_DEPTH = 32
MAX_BYTES = 256 * 1024
MAX_INTEGER = 2**53 - 1


def digest(kind: str, value: JsonValue) -> Digest:
    """
    The digest of *value* as a thing of *kind*, for example `action`.

    Raises:
        CanonicalError: The value has no single canonical form.
    """
    return Digest(hashlib.sha256(f"sayso:{kind}:v1\n".encode() + canonical(value)).hexdigest())


def canonical(value: JsonValue, depth: int = 0) -> bytes:
    """
    RFC 8785 bytes of *value*.

    Args:
        depth: How deep *value* will stand in what it becomes part of.

    Raises:
        CanonicalError: The value has no single canonical form.
    """
    encoded = _quickly(value, depth)
    if encoded is None:
        _check(value, "$", depth)
        encoded = rfc8785.dumps(value)
    if len(encoded) > MAX_BYTES:
        raise CanonicalError("$", f"is larger than {MAX_BYTES} bytes")
    return encoded


def settled(value: JsonValue, depth: int = 0) -> JsonValue:
    """*value* as a reader of its canonical bytes sees it: `1.0` is `1`, keys are sorted. What is digested is what is sent."""
    return parse(canonical(value, depth))


def readable(text: str) -> str:
    """*text* of a stranger in a form that can be digested: NFC, and `?` for a lone surrogate. Never for what is to be sent."""
    return unicodedata.normalize("NFC", text.encode("utf-8", "replace").decode())


def parse(text: bytes | str) -> JsonValue:
    """
    Parses JSON that has only one reading.

    Raises:
        CanonicalError: Not JSON, a duplicate key, NaN or an infinity, or no single canonical form.
    """
    if len(text) > 8 * MAX_BYTES:
        raise CanonicalError("$", "is too large to read")
    try:
        # Python would guess UTF-16 and UTF-32 too, and no other reader has to. `json.loads` would make a decoder each time.
        value: JsonValue = _READER.decode(text if isinstance(text, str) else text.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise CanonicalError("$", f"is not JSON ({error})") from error
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise CanonicalError(_twice(key for key, _ in pairs), "is given twice")
    return found


def _twice(keys: Iterable[str]) -> str:
    seen = set[str]()
    return next(key for key in keys if key in seen or seen.add(key))  # type: ignore[func-returns-value]


def _no_constant(name: str) -> None:
    raise CanonicalError("$", f"holds {name}, which JSON does not know")


_READER = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_no_constant)
_WRITER = json.JSONEncoder(ensure_ascii=False, check_circular=False, allow_nan=False, sort_keys=True, separators=(",", ":"))
_ASTRAL = re.compile(rb"[\xf0-\xff]")
"""In UTF-8, the first byte of what is beyond U+FFFF: RFC 8785 sorts such keys otherwise than Python does."""


def _quickly(value: JsonValue, depth: int) -> bytes | None:
    """
    What `rfc8785.dumps` writes for *value*, from the standard library's writer in C; None where the long way must say.

    The two write the same where there is no float, no integer beyond a double's, no key beyond U+FFFF, and text that is NFC:
    a whole that is NFC has no part that is not.
    """
    if not _plain(value, depth):
        return None
    text = _WRITER.encode(value)
    if text.isascii():
        return text.encode()
    try:
        encoded = text.encode()
    except UnicodeEncodeError:
        return None
    return encoded if unicodedata.is_normalized("NFC", text) and _ASTRAL.search(encoded) is None else None


def _plain(value: object, depth: int) -> bool:
    """Whether *value* is made of nothing but JSON's own types, floats left out, within depth and bounds."""
    kind = type(value)
    if depth > MAX_DEPTH:
        return False
    if kind is str or kind is bool or value is None:
        return True
    if kind is int:
        return -MAX_INTEGER <= value <= MAX_INTEGER  # type: ignore[operator]
    if kind is dict:
        # Loops, not `all`: this runs for every value of everything that is digested.
        for key, item in value.items():  # type: ignore[attr-defined]  # noqa: SIM110
            if type(key) is not str or not _plain(item, depth + 1):
                return False
        return True
    if kind is not list:
        return False
    for item in value:  # type: ignore[attr-defined]  # noqa: SIM110
        if not _plain(item, depth + 1):
            return False
    return True


def _check(value: object, path: str, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise CanonicalError(path, f"is nested deeper than {MAX_DEPTH}")
    match value:
        case None | bool():
            return
        case int():
            _require(abs(value) <= MAX_INTEGER, path, "is an integer that a double cannot hold")
        case float():
            _require(math.isfinite(value), path, "is not a finite number")
            _require(abs(value) <= MAX_INTEGER or not value.is_integer(), path, "is a number that a double cannot tell")
        case str():
            _check_text(value, path)
        case list() | tuple():
            for index, item in enumerate(value):
                _check(item, f"{path}[{index}]", depth + 1)
        case dict():
            for key, item in value.items():
                _require(isinstance(key, str), path, "has a key that is not text")
                _check_text(key, f"{path}.{key!r}")
                _check(item, f"{path}.{key}", depth + 1)
        case _:
            raise CanonicalError(path, f"is a {type(value).__name__}, which JSON does not know")


def _check_text(text: str, path: str) -> None:
    _require(unicodedata.is_normalized("NFC", text), path, "is not in Unicode NFC")
    _require(not any("\ud800" <= char <= "\udfff" for char in text), path, "holds a lone surrogate")


def _require(holds: bool, path: str, reason: str) -> None:
    if not holds:
        raise CanonicalError(path, reason)
