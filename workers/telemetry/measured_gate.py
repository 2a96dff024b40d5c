"""What the gate acts through, watched: when the use was announced, and which history it judged."""

from __future__ import annotations

from dataclasses import dataclass

from activities.ports import Histories, Snapshot, Use, Uses
from approvals.signed import Signed
from audit.law import Law
from audit.record import MissionRecord
from workers.telemetry.instruments import Instruments
from workers.telemetry.stopwatch import CURRENT, aside


@dataclass(frozen=True)
class MeasuredUses:
    """Notes how long it took until a use was announced: from then on the call is admitted."""

    inner: Uses
    instruments: Instruments

    async def find(self, key: str) -> Use | None:
        """As the inner one."""
        return await self.inner.find(key)

    async def claim(self, key: str, claim: Signed, approvers: tuple[str, ...]) -> None:
        """As the inner one."""
        await self.inner.claim(key, claim, approvers)

    async def announce(self, claim: Signed) -> None:
        """As the inner one, and stops the watch."""
        await self.inner.announce(claim)
        watch = CURRENT.get()
        if watch is not None:
            watch.admitted = watch.seconds
            with aside():
                self.instruments.admission.record(watch.admitted)

    async def record(self, key: str, receipt: Signed) -> None:
        """As the inner one."""
        await self.inner.record(key, receipt)


@dataclass(frozen=True)
class MeasuredHistories:
    """Keeps the mission's own history at hand, to count each decision once."""

    inner: Histories
    law: Law

    async def read(self, mission_id: str, run_id: str) -> MissionRecord:
        """As the inner one."""
        record, watch = await self.inner.read(mission_id, run_id), CURRENT.get()
        if watch is not None and (watch.mission_id, watch.run_id) == (mission_id, run_id):
            watch.record, watch.law = record, self.law
        return record

    async def snapshot(self, mission_id: str, run_id: str) -> Snapshot:
        """As the inner one."""
        return await self.inner.snapshot(mission_id, run_id)
