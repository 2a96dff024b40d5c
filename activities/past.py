"""Runs that are over, read once: a mission of many runs asks for each of them whenever it proposes something."""

from __future__ import annotations

from dataclasses import dataclass

from audit.record import MissionRecord

ROOM = 128 * 1024 * 1024
"""Bytes of events, as stored and as opened. In memory they take about twice that."""


@dataclass(frozen=True)
class _Kept:
    record: MissionRecord
    size: int


class Past:
    """
    The records of runs that are over, those of the missions that asked last, as far as there is room.

    A run that the server deleted since is still known here: what it did was read, and does not change.
    """

    def __init__(self, room: int = ROOM) -> None:
        self._room = room
        self._used = 0
        self._kept: dict[tuple[str, str], _Kept] = {}

    def find(self, mission_id: str, run_id: str) -> MissionRecord | None:
        """The run, if it is kept."""
        kept = self._kept.pop((mission_id, run_id), None)
        if kept is None:
            return None
        # What was found by one directory would stay for ever, and the directory with it.
        record = kept.record.again()
        self._kept[mission_id, run_id] = _Kept(record, kept.size)
        return record

    def keep(self, record: MissionRecord) -> None:
        """
        Keeps *record* where its run is over and was read whole. What was asked for longest ago makes room.

        A mission's own runs make none: it asks for all of them in turn, and where not all find room each would drive out the
        one that is asked for next.
        """
        if not record.closed or (record.started.continues and record.origin is None):
            return
        size = record.size
        place = (record.mission_id, record.run_id)
        if size > self._room or place in self._kept:
            return
        while self._used + size > self._room:
            other = next((each for each in self._kept if each[0] != record.mission_id), None)
            if other is None:
                return
            self._used -= self._kept.pop(other).size
        self._kept[place] = _Kept(record, size)
        self._used += size
