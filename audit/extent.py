"""
How long a mission's history may be to propose anything more. The server warns at 10,240 events or 10 MB and ends the run at
51,200 or 50 MB, whatever it is doing: what was proposed must still have room to be decided, sent and recorded.
"""

from __future__ import annotations

from audit.record import MissionRecord

MAX_EVENTS = 30_000
"""A thousand signals, the most that are judged, make some ten thousand events more."""
MAX_HISTORY = 30 * 1024 * 1024
"""Bytes, as stored: what lies in a payload store does not count."""


def extent_trouble(record: MissionRecord) -> str | None:
    """Why nothing more may be proposed in the run of *record*; None where there is room."""
    advice = "the server ends a run at 51,200 events or 50 MB, so nothing more is proposed in it: start a successor"
    if len(record.raw) > MAX_EVENTS:
        return f"this run's history has {len(record.raw)} events; {advice}"
    size = sum(event.ByteSize() for event in record.raw)
    if size > MAX_HISTORY:
        return f"this run's history has {size} bytes; {advice}"
    return None
