"""The search attributes a mission sets: the Decision Queue is a visibility query over them. They are never encrypted."""

from __future__ import annotations

from typing import Final

STATE: Final = "SaysoState"
"""Keyword; `AWAITING` while a proposal is open, else `WORKING`."""
PROPOSAL: Final = "SaysoProposal"
"""Keyword; the full digest of the open proposal, and of the last one when none is open."""
GROUPS: Final = "SaysoGroups"
"""KeywordList; the groups whose say-so it needs."""
EXPIRES_AT: Final = "SaysoExpiresAt"
"""Datetime; when the open proposal expires."""

AWAITING: Final = "awaiting-decision"
WORKING: Final = "working"
