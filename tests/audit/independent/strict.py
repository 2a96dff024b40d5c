"""JSON with one reading, digests, signatures and the trust file: sections 4 and 5."""

from __future__ import annotations

import base64
import hashlib
import json
import math
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import rfc8785
import yaml
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

WHOLE = 2**53 - 1
SIGNS = ("read", "reason", "export")


class Unreadable(ValueError):
    """Not what it should be."""


class Unknown(ValueError):
    """Perhaps of a newer version: it cannot be told here."""


def need(holds: object, words: str = "is not what it should be") -> None:
    """Raises Unreadable where it does not hold."""
    if not holds:
        raise Unreadable(words)


def parse(text: bytes | str) -> Any:
    """The value of JSON that has one reading."""
    need(len(text) <= 2 << 20, "is too large")
    try:
        text = text if isinstance(text, str) else text.decode("utf-8")
        return json.loads(text, object_pairs_hook=_once, parse_constant=lambda name: need(False, name))
    except (ValueError, RecursionError) as error:
        raise Unreadable(str(error)) from error


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    need(len(dict(pairs)) == len(pairs), "has a key twice")
    return dict(pairs)


def canonical(value: Any) -> bytes:
    """RFC 8785, of what has one form."""
    _plain(value, 0)
    data = bytes(rfc8785.dumps(value))
    need(len(data) <= 256 << 10, "is too large")
    return data


def _plain(value: Any, depth: int) -> None:
    need(depth <= 32, "is too deep")
    if isinstance(value, str):
        need(unicodedata.is_normalized("NFC", value) and not any("\ud800" <= c <= "\udfff" for c in value), "text")
    elif isinstance(value, int | float) and not isinstance(value, bool):
        need(math.isfinite(value) and (abs(value) <= WHOLE or value != int(value)), "number")
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        _plain(inner, depth + 1)
    for key in value if isinstance(value, dict) else ():
        _plain(key, depth)


def digest(kind: str, value: Any) -> str:
    """Of a thing of *kind*."""
    return hashlib.sha256(f"sayso:{kind}:v1\n".encode() + canonical(value)).hexdigest()


def unbase64(text: str) -> bytes:
    """base64url without padding, in its one form."""
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except ValueError as error:
        raise Unreadable("is not base64url") from error
    need(base64.urlsafe_b64encode(data).rstrip(b"=") == text.encode(), "is not the one form of base64url")
    return data


@dataclass(frozen=True)
class Token:
    """A JWS taken apart, not yet believed."""

    header: dict[str, Any]
    payload: dict[str, Any]
    text: str

    @property
    def kid(self) -> str:
        """The key it names, or nothing."""
        kid = self.header.get("kid")
        return kid if isinstance(kid, str) else ""

    def good(self, typ: str, key: Key) -> bool:
        """Whether *key* made it as a *typ*."""
        signed, _, signature = self.text.rpartition(".")
        if self.header != {"alg": "Ed25519", "kid": key.kid, "typ": typ}:
            return False
        try:
            Ed25519PublicKey.from_public_bytes(unbase64(key.x)).verify(unbase64(signature), signed.encode("ascii"))
        except InvalidSignature:
            return False
        return True


def token(text: Any) -> Token:
    """The JWS in *text*."""
    need(isinstance(text, str) and len(text) <= 16 << 10 and text.count(".") == 2, "is no compact JWS")
    header, payload, _ = (unbase64(part) for part in text.split("."))
    found = Token(parse(header), parse(payload), text)
    need(isinstance(found.header, dict) and isinstance(found.payload, dict), "is no JWS over an object")
    return found


@dataclass(frozen=True)
class Key:
    """A pinned key."""

    kid: str
    x: str
    not_before: datetime
    not_after: datetime | None
    revoked: bool

    def at(self, moment: datetime) -> bool:
        """Whether it counts at *moment*."""
        return not self.revoked and self.not_before <= moment and (self.not_after is None or moment < self.not_after)


class Trust:
    """What a verifier pins. Raises Unreadable."""

    def __init__(self, text: str) -> None:
        try:
            need(not any(getattr(event, "tag", None) for event in yaml.parse(text)), "has a tag")
            self.raw = _known(yaml.load(text, Loader=_Once), "groups people", "services oidc gates")  # noqa: S506 (a SafeLoader)
        except yaml.YAMLError as error:
            raise Unreadable(str(error)) from error
        people, services = _known(self.raw["people"]), _known(self.raw.get("services", {}))
        self.people = {who: _known(each, "name", "groups keys principals subjects") for who, each in people.items()}
        self.services = {who: _known(each, "name", "keys signs") for who, each in services.items()}
        holders = [*self.people.items(), *self.services.items()]
        self.holders = {who: [_key(key) for key in each.get("keys", [])] for who, each in holders}
        self.gates = {key.kid: key for key in map(_key, self.raw.get("gates", []))}
        self._coherent()

    def _coherent(self) -> None:
        keys = [*map(_key, self.raw.get("gates", [])), *(key for each in self.holders.values() for key in each)]
        groups = {group for each in self.people.values() for group in each.get("groups", [])}
        called = [name for who in self.people for name in self.principals(who)]
        need(len({key.kid for key in keys}) == len({key.x for key in keys}) == len(keys), "a key or key id is listed twice")
        need(not self.people.keys() & self.services.keys() and groups <= set(self.raw["groups"]), "names")
        need(len(set(called)) == len(called) and all(isinstance(name, str) for name in called), "a principal is listed twice")
        dated = [each for each in self.raw.get("gates", []) if "not_before" in each or each.get("not_after") is not None]
        need(not dated, "a gate's key has dates")
        need(all(sign in SIGNS for each in self.services.values() for sign in each.get("signs", [])), "signs")

    def principals(self, who: str) -> list[str]:
        """The Temporal principals that are a person."""
        oidc, each = self.raw.get("oidc"), self.people[who]
        oidc = oidc and _known(oidc, "issuer principal_type")
        need(not oidc or (oidc["issuer"] and ":" not in oidc["principal_type"]), "oidc")
        need(oidc or not each.get("subjects"), "subjects without `oidc`")
        subjects = [f"{(oidc or {}).get('principal_type')}:{name}" for name in each.get("subjects", [])]
        return [*each.get("principals", []), *subjects]

    def holder(self, kid: str) -> tuple[str, Key] | None:
        """The person or service with a key."""
        return next(((who, key) for who, keys in self.holders.items() for key in keys if key.kid == kid), None)

    def signer(self, kid: str, what: str) -> Key | None:
        """The key of a service that signs *what*."""
        who, key = self.holder(kid) or ("", None)
        return key if what in self.services.get(who, {}).get("signs", []) else None

    @property
    def digest(self) -> str:
        """As settlements name it in `directory`."""
        people = {who: {"groups": [], "principals": [], "subjects": [], **each} for who, each in self.people.items()}
        services = {who: {"signs": [], **each} for who, each in self.services.items()}
        for who, each in [*people.items(), *services.items()]:
            each["keys"] = [_form(key) for key in self.holders[who]]
        whole = {"groups": self.raw["groups"], "people": people, "services": services, "oidc": self.raw.get("oidc")}
        return digest("directory", {**whole, "gates": [_form(key) for key in self.gates.values()]})


def _known(value: Any, must: str = "", may: str | None = None) -> dict[str, Any]:
    """A mapping; with *must*, of its keys and those of *may* alone."""
    need(isinstance(value, dict) and all(isinstance(key, str) for key in value), "is no mapping")
    need(not must or set(must.split()) <= value.keys() <= {*must.split(), *(may or "").split()}, "has other keys")
    found: dict[str, Any] = value
    return found


def _key(value: Any) -> Key:
    raw = _known(value, "kid x", "not_before not_after revoked")
    need(isinstance(raw["kid"], str) and raw["kid"] and isinstance(raw.get("revoked", False), bool), "is no key")
    need(isinstance(raw["x"], str) and len(raw["x"]) == 43 and any(unbase64(raw["x"])), "is no key")
    after = raw.get("not_after")
    begins = _moment(raw.get("not_before", datetime(2020, 1, 1, tzinfo=UTC)))
    return Key(raw["kid"], raw["x"], begins, after if after is None else _moment(after), raw.get("revoked", False))


def _moment(value: Any) -> datetime:
    try:
        found = value if isinstance(value, datetime) else datetime.fromisoformat(value)
    except (TypeError, ValueError) as error:
        raise Unreadable("is no time") from error
    need(found.tzinfo is not None, "is a time without a zone")
    return found


def _form(key: Key) -> dict[str, Any]:
    times = {name: time and time.isoformat().replace("+00:00", "Z") for name, time in vars(key).items() if name[:4] == "not_"}
    return {**vars(key), **times}


class _Once(yaml.SafeLoader):
    """Refuses a key given twice."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        keys = [key.value for key, _ in node.value if isinstance(key.value, str)]
        need(len(keys) == len(node.value) == len(set(keys)), "a key is given twice, or is not text")
        found: dict[Any, Any] = super().construct_mapping(node, deep=deep)
        return found


def get(body: Mapping[str, Any], name: str, kind: type | tuple[type, ...], *default: Any) -> Any:
    """A field of *body* of its kind; `1.0` is the whole number 1."""
    value = body[name] if name in body or not default else default[0]
    if kind is int and isinstance(value, float) and value.is_integer():
        value = int(value)
    need(isinstance(value, kind) and (kind is not int or not isinstance(value, bool)), f"`{name}` is of another kind")
    return value
