"""Looks for what must not be there: the values of a case and the secrets of its processes, in whatever left them."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path


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
    """The private keys and client secrets in the data directory of a stack."""
    found = {}
    for path in (*data.glob("keys/*.jwk"), *data.glob("secrets/*")):
        held = json.loads(path.read_text())
        for name in ("d", "client_secret"):
            if isinstance(held, dict) and isinstance(held.get(name), str):
                found[f"{path.name} {name}"] = held[name]
    return found
