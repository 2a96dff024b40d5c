"""Passages of knowledge that a mission read, and what cites them."""

from __future__ import annotations

from policies.canonical import Digest
from policies.model import Recorded


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
