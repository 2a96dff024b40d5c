"""
A scan for what must not be somewhere: each needle in every form in which it could lie there. Whoever has another place where
something could leak (spans, metrics, an export) hands its bytes to `look`.
"""

from __future__ import annotations

import base64
import json
import re
import shutil
import sqlite3
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

SHORTEST = 6
"""Bytes; what is shorter is found anywhere by chance."""
ACCESS_TOKEN = "an access token"
_SECRET = frozenset({"d", "client_secret"})
_PUBLIC = frozenset({"x", "kid", "resource", "url"})
_JWT = re.compile(rb"eyJ[A-Za-z0-9_-]+\.(eyJ[A-Za-z0-9_-]+)\.[A-Za-z0-9_-]+")


@dataclass(frozen=True)
class Needle:
    """One thing that must not be found."""

    name: str
    value: bytes


class Leaks:
    """What was found where, over all places that were looked at."""

    def __init__(self, needles: Iterable[Needle], issuers: Iterable[str] = ()) -> None:
        """
        Args:
            issuers: Whose access tokens must not be found, whatever is in them.
        """
        self._forms = [(needle.name, form) for needle in needles for form in forms(needle.value)]
        self._issuers = frozenset(issuers)
        self.found: defaultdict[str, set[str]] = defaultdict(set)
        """Places by the name of the needle."""
        self.places: list[str] = []

    def look(self, place: str, data: bytes) -> None:
        """Looks through *data*, which lies at *place*."""
        self.places.append(place)
        for name, form in self._forms:
            if form in data:
                self.found[name].add(place)
        if any(_issuer(match[1]) in self._issuers for match in _JWT.finditer(data)):
            self.found[ACCESS_TOKEN].add(place)

    def look_into(self, place: str, paths: Iterable[Path]) -> None:
        """Looks through files as they are."""
        for path in paths:
            self.look(f"{place} {path.name}", path.read_bytes())

    def look_into_database(self, place: str, path: Path) -> None:
        """Looks through an SQLite file with its log, and through each cell of it: a large one lies scattered over pages."""
        with tempfile.TemporaryDirectory() as directory:
            for part in sorted(path.parent.glob(f"{path.name}*")):
                shutil.copy(part, directory)
                self.look(f"{place} {part.name}", part.read_bytes())
            for table, cell in _cells(Path(directory) / path.name):
                self.look(f"{place} table {table}", cell)


def forms(value: bytes) -> set[bytes]:
    """*value* as it is, as JSON escapes it, in hex, and in base64 wherever in a longer text it begins."""
    if len(value) < SHORTEST:
        raise ValueError(f"{value!r} is too short to be looked for")
    found = {value, value.hex().encode(), value.hex().upper().encode()}
    for offset, start in enumerate((0, 2, 3)):
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            text = encode(b"\0" * offset + value).rstrip(b"=")
            # The first and last letter may hold bits of what stands beside it.
            found.add(text[start:] if (offset + len(value)) % 3 == 0 else text[start:-1])
    try:
        words = value.decode()
    except UnicodeDecodeError:
        return found
    for ascii_only in (True, False):
        once = json.dumps(words, ensure_ascii=ascii_only)[1:-1]
        found |= {once.encode(), json.dumps(once)[1:-1].encode()}
    return found


def secrets_of(data: Path) -> dict[str, str]:
    """The private keys, client secrets, tokens and payload keys in the data directory of a stack."""
    found: dict[str, str] = {}
    for path in (*data.glob("keys/*"), *data.glob("secrets/*")):
        text = path.read_text()
        try:
            held = _held(json.loads(text))
        except ValueError:
            held = {"": text.strip()}
        found |= {f"{path.name} {name}".strip(): value for name, value in held.items()}
    return found


def _held(held: object, under: str = "") -> dict[str, str]:
    """By its place, whatever in *held* is a secret: private halves, and text too long and odd to be a name."""
    if isinstance(held, dict):
        return {name: text for key, value in held.items() for name, text in _held(value, str(key)).items()}
    secret = isinstance(held, str) and (under in _SECRET or (len(held) >= 32 and under not in _PUBLIC))
    return {under: str(held)} if secret else {}


def _issuer(part: bytes) -> str | None:
    try:
        claims = json.loads(base64.urlsafe_b64decode(part + b"=" * (-len(part) % 4)))
    except ValueError:
        return None
    issuer = claims.get("iss") if isinstance(claims, dict) else None
    return issuer if isinstance(issuer, str) else None


def _cells(path: Path) -> Iterator[tuple[str, bytes]]:
    with closing(sqlite3.connect(path)) as opened:
        tables = [name for (name,) in opened.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in tables:
            rows = opened.execute(f'SELECT * FROM "{table}"')  # noqa: S608 (a table's name, from the file itself)
            yield table, b"\n".join(_bytes(cell) for row in rows for cell in row if cell is not None)


def _bytes(cell: object) -> bytes:
    return cell if isinstance(cell, bytes) else str(cell).encode()
