"""Trust files that a verifier might be handed: that of the recorded house, with one thing or another changed in it."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import yaml

from tests.audit.stories import TRUST

X = "UfPk6Nvh9hctuq6e-zIxxh_P1eDkrwnbImw4HNmPwJk"
DORA, FAY = "kuy0rL5FOwRaQF6ivEQvF4KJr0UxEEikji_WUM5ok00", "eu4_nyzzjA5t8pS0KOkt2PXQE31YMheyY_bd6mrX60I"
OIDC = "oidc: {issuer: x, principal_type: jwt}\n"
Pins = dict[str, Any]
VOIDED: dict[str, object] = {"revoked": True, "not_after": "2021-01-01T00:00:00Z", "not_before": "2050-01-01T00:00:00Z"}


def changed_pins() -> Iterator[tuple[str, str]]:
    """Trust files that are coherent, by what is other in them."""
    for name, pins in _pins(yaml.safe_load(TRUST.read_text("utf-8"))):
        yield name, yaml.safe_dump(pins)


def _pins(base: Pins) -> Iterator[tuple[str, Pins]]:
    for section in ("people", "services"):
        for who, entry in base[section].items():
            yield f"{who} is unknown", {**base, section: {name: each for name, each in base[section].items() if name != who}}
            for word, fields in _others(section, entry, base["groups"]):
                yield f"{who} {word}", {**base, section: {**base[section], who: {**entry, **fields}}}
    (gate,) = base["gates"]
    yield "no gates", {**base, "gates": []}
    yield "the gate's key is revoked", {**base, "gates": [{**gate, "revoked": True}]}
    yield "the gate's key has another id", {**base, "gates": [{**gate, "kid": "gate-2"}]}
    swapped = copy.deepcopy(base)
    people = swapped["people"]
    people["olga"]["keys"], people["sam"]["keys"] = people["sam"]["keys"], people["olga"]["keys"]
    yield "olga and sam have each other's keys", swapped


def _others(section: str, entry: Pins, groups: list[str]) -> Iterator[tuple[str, Pins]]:
    yield "has no keys", {"keys": []}
    for field, value in VOIDED.items() if entry.get("keys") else ():
        yield f"has a key with {field}", {"keys": [{**entry["keys"][0], field: value}]}
    for one in groups if section == "people" else ("read", "reason", "export"):
        yield (f"is in {one}", {"groups": [one]}) if section == "people" else (f"signs {one}", {"signs": [one]})


def _with(old: str, new: str) -> str:
    text = TRUST.read_text("utf-8")
    assert old in text
    return text.replace(old, new)


GATE, PERSON, KEY = "kid: gate-1", "name: Dora Director", "kid: dora-1"
TRICKS: dict[str, str] = {
    "nothing": "",
    "a list": "[]",
    "nobody": "groups: []\npeople: {}\n",
    "no groups": "people: {}\n",
    "no people": "groups: []\n",
    "a person of nothing": "groups: []\npeople: {dora: null}\n",
    "a key twice": _with("gates:", "gates: []\ngates:"),
    "a person twice": _with("  fay:\n", "  dora:\n"),
    "a key that is not known": _with("gates:", "more: 1\ngates:"),
    "a key of a person that is not known": _with(PERSON, f"{PERSON}\n    boss: true"),
    "a tag": _with(GATE, "kid: !!str gate-1"),
    "a tag of Python": _with(GATE, "kid: !!python/name:os.system gate-1"),
    "an alias in another place": _with("gates:", "gates: &g").replace(PERSON, f"{PERSON}\n    subjects: *g"),
    "a merge": _with(PERSON, "<<: {name: Dora}"),
    "a merge of a person": _with("  dora:\n", "  dora: &d\n").replace("  fay:\n    groups", "  fay:\n    <<: *d\n    groups"),
    "two documents": TRUST.read_text("utf-8") + "---\n{}\n",
    "a byte order mark": "\ufeff" + TRUST.read_text("utf-8"),
    "no end of depth": "[" * 100,
    "padding": _with(X, f"{X}="),
    "spare bits": _with(X, f"{X[:-1]}l"),
    "a key of zeros": _with(X, "A" * 43),
    "a short key": _with(X, X[:-1]),
    "a key id that is a number": _with(GATE, "kid: 1"),
    "an empty key id": _with(GATE, "kid: ''"),
    "a key id of two": _with("kid: fay-1", KEY),
    "a key of two": _with(FAY, DORA),
    "a gate's key that is a person's": _with(DORA, X),
    "a gate's key with a beginning": _with(GATE, f"{GATE}\n  not_before: 2020-01-01T00:00:00Z"),
    "a time without a zone": _with(KEY, f"{KEY}\n      not_after: 2030-01-01T00:00:00"),
    "a time in another zone": _with(KEY, f"{KEY}\n      not_after: '2030-01-01T00:00:00+02:00'"),
    "a time with microseconds": _with(KEY, f"{KEY}\n      not_after: 2030-01-01T00:00:00.123456Z"),
    "revoked by null": _with(GATE, f"{GATE}\n  revoked: null"),
    "a group that is not listed": _with("- security\npeople", "people"),
    "a person by number": _with("  dora:", "  1:"),
    "a person without a name": _with(f"    {PERSON}\n", ""),
    "a service that is a person": _with("  read-worker:", "  dora:"),
    "a service that signs all": _with("- export", "- all"),
    "subjects without an issuer": _with(PERSON, f"{PERSON}\n    subjects: [a]"),
    "subjects": _with(PERSON, f"{PERSON}\n    subjects: [a]") + OIDC,
    "a subject that is a principal": _with(PERSON, f"{PERSON}\n    subjects: [a]\n    principals: ['jwt:a']") + OIDC,
    "an issuer with a colon": TRUST.read_text("utf-8") + "oidc: {issuer: x, principal_type: 'a:b'}\n",
    "half an issuer": TRUST.read_text("utf-8") + "oidc: {issuer: x}\n",
    "a principal of two": _with(PERSON, f"{PERSON}\n    principals: ['a:b']").replace(
        "name: Fay Finance", "name: Fay\n    principals: ['a:b']"
    ),
    "a principal that is a number": _with(PERSON, f"{PERSON}\n    principals: [1]"),
}
"""What a verifier refuses, or reads like any other."""
