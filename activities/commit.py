"""The activities of the commit worker: `propose` and `settle`, one argument and one signed answer each."""

from __future__ import annotations

from temporalio import activity

from activities.edge import here, mapped
from activities.gate import Gate
from activities.grounds import ProposeRequest
from activities.heartbeat import beating
from activities.proposer import Proposer
from approvals.signed import Signed
from policies.canonical import Digest
from policies.model import Recorded


class SettleRequest(Recorded):
    """Names one item of a proposal; the gate finds everything else in the history."""

    proposal: Digest
    item: int = 0
    withdraw: bool = False
    """The mission does not want it any more. The gate reads that from the history too: it may stop a use, never make one."""


class CommitActivities:
    """Runs on task queue `commits`, in the one process that holds the gate's key."""

    def __init__(self, gate: Gate, proposer: Proposer) -> None:
        self._gate = gate
        self._proposer = proposer

    @activity.defn
    async def propose(self, request: ProposeRequest) -> Signed:
        """A signed proposal or a signed refusal."""
        where = here()
        with mapped():
            async with beating():
                return await self._proposer.propose(request, where)

    @activity.defn
    async def settle(self, request: SettleRequest) -> Signed:
        """A signed settlement."""
        where = here()
        with mapped():
            async with beating():
                return await self._gate.settle(request.proposal, where, request.item)
