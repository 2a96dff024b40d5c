"""
The search attributes: a mission sets its own, the gate those of a `use`. The Decision Queue is a visibility query over them,
and so is the count of what people approved. They are never encrypted.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Final
from urllib.parse import quote

STATE: Final = "SaysoState"
"""Keyword; `AWAITING` while a proposal is open, else `WORKING`."""
PROPOSAL: Final = "SaysoProposal"
"""Keyword; the full digest of the open proposal, and of the last one when none is open."""
GROUPS: Final = "SaysoGroups"
"""KeywordList; the groups whose say-so it needs."""
EXPIRES_AT: Final = "SaysoExpiresAt"
"""Datetime; when the open proposal expires."""
OWNER: Final = "SaysoOwner"
"""Keyword; the mission's owner, as `spelled`."""
APPROVERS: Final = "SaysoApprovers"
"""KeywordList of a `use`, set by the gate: the people whose approvals it rests on, as `spelled`."""

AWAITING: Final = "awaiting-decision"
WORKING: Final = "working"

MAX_LIST: Final = 2000
"""Bytes of a list of names as JSON; the server takes 2048 and refuses whoever sends more."""
MAX_NAME: Final = 200
"""Characters of one name; SQL stores take 255."""


def spelled(name: str) -> str:
    """
    A person's id as search attributes and visibility queries hold it: nothing in it can end a quoted string. Letters, digits
    and `-._~@+:` stand for themselves, anything else as in a URL. Two names may share a spelling only beyond 200 characters,
    and then both count more.

    Source: measured on server 1.32 with SQLite: two quotes in a row, `"`, a backslash and the store's own separator break a
    query or match nothing, escaped or not.
    """
    return quote(name, safe="@+:", errors="replace")[:MAX_NAME]


def fitting(names: Iterable[str]) -> list[str]:
    """*names*, each once, in order, as many as the server takes."""
    found = list(dict.fromkeys(names))
    while len(json.dumps(found)) > MAX_LIST:
        found.pop()
    return found
