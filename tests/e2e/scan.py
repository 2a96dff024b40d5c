"""Looks for what must not be there: the values of a case and the secrets of its processes, in whatever left them."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

_SECRET = frozenset({"d", "client_secret"})
_PUBLIC = frozenset({"x", "kid", "resource", "url"})


@dataclass(frozen=True)
class Scan:
    """What is looked for, by what it is."""

    wanted: Mapping[str, str]

    def found(self, places: Mapping[str, bytes]) -> list[tuple[str, str]]:
        """What was found, and where. Each is looked for as it is, in JSON's spelling, and in base64."""
        return [
            (what, place)
            for what, text in self.wanted.items()
            for place, data in places.items()
            if any(form in data for form in _forms(text))
        ]


def _forms(text: str) -> Iterable[bytes]:
    raw = text.encode()
    yield raw
    yield json.dumps(text)[1:-1].encode()
    yield base64.b64encode(raw).rstrip(b"=")[:-1]


def secrets_of(data: Path) -> dict[str, str]:
    """The private keys, client secrets, tokens and payload keys in the data directory of a stack."""
    found: dict[str, str] = {}
    for path in (*data.glob("keys/*"), *data.glob("secrets/*")):
        text = path.read_text()
        try:
            held = _strings(json.loads(text))
        except ValueError:
            held = {"": text.strip()}
        found |= {f"{path.name} {name}".strip(): value for name, value in held.items()}
    return found


def _strings(held: object, under: str = "") -> dict[str, str]:
    """By its place, whatever in *held* is a secret: private halves, and text too long and odd to be a name."""
    if isinstance(held, dict):
        return {name: text for key, value in held.items() for name, text in _strings(value, str(key)).items()}
    secret = isinstance(held, str) and (under in _SECRET or (len(held) >= 32 and under not in _PUBLIC))
    return {under: str(held)} if secret else {}
