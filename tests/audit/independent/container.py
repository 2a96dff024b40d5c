"""The container and its manifest: sections 1 and 2."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any

from tests.audit.independent.strict import Unreadable, get, need

NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*(/[A-Za-z0-9_][A-Za-z0-9._-]*)*")
OUTSIDE = ("manifest.json", "checkpoint.jws")


def unpack(data: bytes) -> dict[str, bytes]:
    """The members; Unreadable where *data* is not what packing them gives."""
    members: dict[str, bytes] = {}
    place = 0
    need(len(data) <= 512 << 20, "is too large")
    while data[place : place + 1].strip(b"\0"):
        header = data[place : place + 512]
        need(len(header) == 512, "was cut off")
        try:
            name, size = _text(header[:100]), int(header[124:135], 8)
        except ValueError as error:
            raise Unreadable("has a header that is none") from error
        prefix = _text(header[345:500])
        name = f"{prefix}/{name}" if prefix else name
        need(name not in members and size >= 0, "has a member twice")
        members[name] = data[place + 512 : place + 512 + size]
        place += 512 + size + -size % 512
    need(pack(members) == data, "is not in its one form")
    return members


def pack(members: dict[str, bytes]) -> bytes:
    """The one form of *members*."""
    need(len(members) <= 20_000, "has too many members")
    blocks = [_header(name, len(members[name])) + members[name] + bytes(-len(members[name]) % 512) for name in sorted(members)]
    whole = b"".join(blocks) + bytes(1024)
    return whole + bytes(-len(whole) % 10_240)


def _text(field: bytes) -> str:
    return field.rstrip(b"\0").decode("ascii")


def _header(name: str, size: int) -> bytes:
    need(NAME.fullmatch(name), "has a member with no name for one")
    cuts = [len(name) - len(name.split("/", n)[-1]) for n in range(1, name.count("/") + 1)] if len(name) > 100 else []
    fits = [cut for cut in cuts if cut - 1 <= 155 and len(name) - cut <= 100]
    need(len(name) <= 100 or fits, "has a name that is too long")
    prefix, short = (name[: fits[0] - 1], name[fits[0] :]) if fits else ("", name)
    start = short.encode().ljust(100, b"\0") + b"0000644\0" + b"0000000\0" * 2 + b"%011o\0" % size + b"%011o\0" % 0
    end = b"0" + bytes(100) + b"ustar\x0000" + bytes(80) + prefix.encode().ljust(155, b"\0") + bytes(12)
    return start + b"%06o\0 " % (sum(start) + sum(end) + 8 * 32) + end


def sha256(data: bytes) -> str:
    """SHA-256 as it is written."""
    return hashlib.sha256(data).hexdigest()


def manifest(data: bytes) -> dict[str, Any]:
    """The manifest in *data*."""
    try:
        found = json.loads(data)
        need(json.dumps(found, sort_keys=True, separators=(",", ":")).encode() == data, "is not in its one form")
    except (ValueError, RecursionError) as error:
        raise Unreadable("is no manifest") from error
    fields = {"format", "sayso", "mission", "closed", "sealed", "chain", "members"}
    need(isinstance(found, dict) and found.keys() == fields and found["format"] == "sayso-archive/1", "fields")
    need(type(found["closed"]) is type(found["sealed"]) is bool and isinstance(found["sayso"], str), "fields")
    mission = {"namespace", "mission_type", "mission_id", "run_id", "first_execution_run_id"}
    need(get(found, "mission", dict).keys() == mission, "mission")
    need(all(isinstance(each, str) for each in found["mission"].values()), "mission")
    need(get(found, "chain", list) and all(isinstance(link, str) for link in found["chain"]), "chain")
    for member in get(found, "members", dict).values():
        need(isinstance(member, dict) and member.keys() == {"sha256", "bytes"} and type(member["bytes"]) is int, "members")
    return dict(found)
