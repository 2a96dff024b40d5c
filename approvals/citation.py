"""Passages of knowledge that a mission read, and what cites them."""

from __future__ import annotations

import re

from approvals.display import escaped
from policies.canonical import Digest
from policies.model import Recorded

MAX_CITES = 20
"""So many passages a finding cites, and a card holds."""

_PARTS = re.compile('(["`@\\\\])')
"""What an id is quoted with, put together with or escaped by: within its parts they stand escaped."""


class Passage(Recorded):
    """A passage as a read worker found it: where it stands, in which version, and the digest of its words."""

    id: str
    """`source@version:digest`, of the digest its first eight digits; what a finding cites."""
    collection: str
    source: str
    version: str
    digest: Digest
    """Of the text, as `passage`."""


class Citation(Recorded):
    """A passage that a proposal rests on, and the signed read that brought it."""

    passage: Passage
    event_id: int
    run_id: str = ""
    """The earlier run whose event that is; empty for the run itself."""


def passage_id(source: str, version: str, digest: Digest) -> str:
    """
    The id of a passage: `source@version:digest`, of the digest its first eight digits.

    What does not show as itself in *source* and *version* stands escaped, and so does `@`: no two pairs give one id. Two texts
    of one pair may, with luck or effort; whoever takes an id for a text compares the whole digest.
    """
    return f"{_part(source)}@{_part(version)}:{digest[:8]}"


def _part(text: str) -> str:
    pieces = _PARTS.split(text)
    # Every second piece is what was split at.
    return "".join(f"\\u{ord(piece):04x}" if place % 2 else escaped(piece) for place, piece in enumerate(pieces))
