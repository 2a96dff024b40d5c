"""What left for a model, in words: where to, what was masked, and the digest of what was sent."""

from __future__ import annotations

import re

from pydantic import JsonValue
from temporalio.api.failure.v1 import Failure

from audit.payloads import json_of
from policies.canonical import Digest, parse
from policies.errors import CanonicalError

_DIGEST = re.compile(r"[0-9a-f]{64}")


def departed(told: JsonValue) -> tuple[str, dict[str, Digest]]:
    """Words to add, and digests by name. *told* is what a worker says of it; what is not in its form is nothing."""
    if not isinstance(told, dict):
        return "", {}
    digest, perimeter = told.get("digest"), told.get("perimeter")
    if not isinstance(digest, str) or not _DIGEST.fullmatch(digest) or perimeter not in ("inside", "outside"):
        return "", {}
    place = told.get("place")
    where = place if isinstance(place, str) and place else "its provider's own place"
    masked = _masked(told.get("masked")) if perimeter == "outside" else ""
    return f", sent to {where} ({perimeter}{masked})", {"departure": Digest(digest)}


def departed_before(failure: Failure) -> tuple[str, dict[str, Digest]]:
    """As `departed`, of what left before *failure*: its first detail says so, where a reason worker made it."""
    details = failure.application_failure_info.details.payloads
    data = json_of(details[0]) if details else None
    try:
        setback = parse(data) if data is not None else None
    except CanonicalError:
        return "", {}
    return departed(setback.get("departure") if isinstance(setback, dict) else None)


def _masked(counts: JsonValue) -> str:
    if not isinstance(counts, dict) or not counts:
        return ", nothing masked"
    return ", masked: " + ", ".join(f"{count} of {data_class}" for data_class, count in sorted(counts.items()))
