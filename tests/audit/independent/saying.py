"""What the gate and people say in a history, as far as signatures prove it: sections 4 and 6."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.audit.independent.history import SEALED, Run, Signal, only, signed_form, value_of
from tests.audit.independent.strict import Token, Trust, Unreadable, canonical, digest, get, need, parse, token

Body = dict[str, Any]
VERDICTS = ("approve", "deny", "revoke", "abstain", "amend", "withdraw", "done", "not-done", "retry")
FINAL = ("denied", "expired", "revoked", "superseded", "withdrawn", "answered")
LAST = 253_402_300_799


def opened(signed: Body, kind: str, trust: Trust, *, ever: bool = False) -> Body:
    """The body that a pinned gate signed as *kind*; *ever*: a revoked key counts too. Raises Unreadable."""
    made = token(signed["jws"])
    key = trust.gates.get(made.kid)
    need(key is not None, "is not signed by a gate you pin")
    need(key and (ever or not key.revoked) and made.good(f"sayso-{kind}+jws", key), "is not good")
    found = digest(kind, signed["body"])
    need(made.payload == {"digest": found, "kind": kind} and signed["digest"] == found, "is not the body that was signed")
    body: Body = parse(canonical(signed["body"]))
    return body


def evidence(body: Body, name: str) -> tuple[int, str]:
    """`{through, digest}`."""
    found = get(body, name, dict)
    return get(found, "through", int), get(found, "digest", str)


def when(body: Body, name: str) -> datetime:
    """A time in a body."""
    try:
        found = datetime.fromisoformat(get(body, name, str))
    except ValueError as error:
        raise Unreadable(f"`{name}` is no time") from error
    need(found.tzinfo is not None, f"`{name}` has no zone")
    return found


def moment(seconds: int) -> datetime:
    """Of seconds since 1970, within what a calendar holds."""
    return datetime.fromtimestamp(min(max(seconds, 0), LAST), tz=UTC)


def actions(proposal: Body) -> list[Body]:
    """By item."""
    return [get(proposal, "action", dict), *get(proposal, "more", list, [])]


def key_of(proposal: str, item: int) -> str:
    """The name of a use."""
    return f"{proposal}.{item}" if item else proposal


def proposals(run: Run, trust: Trust) -> dict[str, tuple[int, Body]]:
    """What pinned gates proposed, by digest, with the event where each first stands."""
    found: dict[str, tuple[int, Body]] = {}
    for event, signed in run.signed("proposal"):
        try:
            body = opened(signed, "proposal", trust)
            when(body, "expires_at"), when(body, "created_at"), evidence(body, "evidence"), get(body, "gate", str)
            get(body, "requirement", dict), get(body, "principals", dict), actions(body)
        except (Unreadable, KeyError):
            continue
        found.setdefault(signed["digest"], (event, body))
    return found


def settlements(run: Run, trust: Trust, *, ever: bool = False) -> list[tuple[int, Body]]:
    """What pinned gates settled, by event."""
    found = []
    for event, signed in run.signed("settlement"):
        try:
            body = opened(signed, "settlement", trust, ever=ever)
            when(body, "at"), evidence(body, "head"), get(body, "kind", str), get(body, "proposal", str)
        except (Unreadable, KeyError):
            continue
        found.append((event, {"item": 0, "votes": [], "receipt": None, "retry_seconds": None, **body}))
    return found


def claim(signal: Signal, trust: Trust) -> Body | None:
    """The announcement that *signal* is."""
    if signal.name != "used" or len(signal.values) != 1 or len(signal.values[0] or b"") > 16 << 10:
        return None
    value = value_of(signal.values[0])
    try:
        need(signed_form(value, 0) is not None, "is not signed")
        body = {"item": 0, **opened(value, "claim", trust, ever=True)}
        get(body, "proposal", str), get(body, "item", int), evidence(body, "head")
    except (Unreadable, KeyError):
        return None
    return body


def announcements(run: Run, trust: Trust, most: int | None = None) -> dict[tuple[str, int], tuple[int, Body]]:
    """The first of each item, among the first *most* signals."""
    found: dict[tuple[str, int], tuple[int, Body]] = {}
    for signal in run.signals[:most]:
        body = claim(signal, trust)
        if body is not None:
            found.setdefault((body["proposal"], body["item"]), (signal.id, body))
    return found


@dataclass(frozen=True)
class Decision:
    """As it was sent, not yet believed."""

    proposal: str
    verdict: str
    reason: str
    changes: Body | None
    says: Body
    token: Token | None


def decision(signal: Signal) -> Decision:
    """The decision in *signal*. Raises Unreadable."""
    need(signal.name == "decide" and len(signal.values) == 1 and signal.values[0] is not None, "is no decision")
    value = parse(signal.values[0] or b"")
    if isinstance(value, dict) and isinstance(value.get("jws"), str):
        value = value["jws"]
    made = token(value) if isinstance(value, str) else None
    says = made.payload if made else value
    need(isinstance(says, dict), "is no decision")
    changes = get(says, "changes", (dict, type(None)), None)
    try:
        if made is not None:
            known = set(["aud", "proposal", "evidence", "verdict", "reason", "changes", "iat", "exp", "jti"])
            need(says.keys() <= known and says["aud"].keys() == {"namespace", "gate"}, "says more")
            get(says, "iat", int), get(says, "exp", int), get(says, "jti", str), evidence(says, "evidence")
            get(says["aud"], "namespace", str), get(says["aud"], "gate", str)
            need(evidence(says, "evidence")[0] >= 1, "has no evidence")
        get(says, "approver", str, "")
        found = get(says, "proposal", str), get(says, "verdict", str), get(says, "reason", str, "")
    except (KeyError, AttributeError) as error:
        raise Unreadable("is no decision") from error
    need(found[1] in VERDICTS, "has no verdict that is known")
    return Decision(*found, changes, says, made)


def readable(text: str) -> str:
    """Text of a stranger, in NFC."""
    return unicodedata.normalize("NFC", text.encode("utf-8", "replace").decode())


def owner(run: Run, namespace: str, mission: str, trust: Trust) -> tuple[str, str | None]:
    """Who signed the start, and for whom. Raises Unreadable."""
    start = run.events[0]
    value = only([start.says.memo.fields["sayso_start"]]) if "sayso_start" in start.says.memo.fields else SEALED
    made = token(value)
    who, key = trust.holder(made.kid) or ("", None)
    need(key and key.at(start.at) and made.good("sayso-start+jws", key), "is not signed with a good key")
    says, asked = made.payload, start.says.input.payloads
    given = only(asked) if asked else None
    need(given is not SEALED, "has an input that cannot be read")
    here = (namespace, start.says.workflow_type.name, mission, digest("input", given))
    try:
        need(tuple(says[name] for name in ["namespace", "mission_type", "mission_id", "input"]) == here, "is for another start")
        begins, ends = moment(get(says, "iat", int)), moment(get(says, "exp", int))
    except KeyError as error:
        raise Unreadable("is no start") from error
    need(ends - begins <= timedelta(seconds=300) and begins - timedelta(seconds=120) <= start.at < ends, "was not valid then")
    whom = get(says, "on_behalf_of", (str, type(None)), None)
    return who, whom
