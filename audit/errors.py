"""
NotNow                      what a payload stands for cannot be fetched at the moment: ask again

AuditError                  could not tell what happened
 ├── UnknownEventError      the history holds fields that this version does not know: update sayso
 ├── NotAMissionError       the history is not one a mission can have
 └── ArchiveError           a file is no archive, or something has no place in one
"""

from __future__ import annotations


class NotNow(Exception):
    """
    A payload could not be fetched, and may be fetched later. A codec raises it, and nobody who opens payloads takes it for a
    payload that cannot be opened: what is read once must read the same ever after.
    """


class AuditError(Exception):
    """What happened could not be told."""


class UnknownEventError(AuditError):
    """An event of a newer server: it cannot be digested without losing what it says."""

    def __init__(self, event_id: int) -> None:
        super().__init__(f"event {event_id} has fields this version does not know; update sayso")
        self.event_id = event_id


class NotAMissionError(AuditError):
    """A history without a start, or with a gap."""


class ArchiveError(AuditError):
    """Bytes that are not the archive they should be, or content that no archive can hold."""
