"""
The gate: the one door through which a state-changing call leaves.

It trusts the server's event history, its own bundle and pinned keys, and nothing its caller says: the caller names a
proposal, and the gate looks for it in the history of the very run that asks. `settle` judges first, makes everything ready
(token, session, contract), then admits on a snapshot, takes the one use, sends once, and signs what came back.

Taking the use is announcing it in the mission's own history: the first announcement there is the use, only its author
sends, and only when all that stands before it admits. Trouble before that leaves the approval as it was. After it, only an
operation declared idempotent by key is sent again, within its window and when admission holds anew; anything else is
`unknown`.

Source: docs/architecture.md, "How a commit goes"; docs/decisions/0006-single-use.md
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

from activities.calling import called, served
from activities.case import Case
from activities.errors import AlreadyUsed, Lost, TokenRefused, Unreachable
from activities.frozen import freeze_finding
from activities.ports import Here, Ports, ToolSession
from activities.receipts import receipt_of, recordable
from approvals.jws import Signer
from approvals.settlement import SettlementKind
from approvals.signed import Signed
from audit.claims import Announcement
from audit.judgement import Point, judge
from audit.law import Law
from audit.outcomes import line
from audit.proposals import signed_proposals
from audit.record import MissionRecord
from policies.bundle import Bundle
from policies.canonical import Digest
from policies.catalogue import Idempotency
from policies.errors import BundleError
from policies.ruling import Finding

SNAPSHOT_TRIES = 8
PATIENCE = timedelta(seconds=60)
HOUR = timedelta(hours=1)


class Gate:
    """Settles proposals. One per commit worker."""

    def __init__(self, ports: Ports, bundle: Bundle, signer: Signer, patience: timedelta = PATIENCE) -> None:
        """
        Args:
            patience: How long another attempt may still be waiting for its answer before the outcome is called unknown.
        """
        self._ports = ports
        self._bundle = bundle
        self._signer = signer
        self._patience = patience
        self._sending: set[asyncio.Task[Signed]] = set()

    async def settle(self, proposal: Digest, here: Here, item: int = 0) -> Signed:
        """
        What became of *item* of *proposal* of the mission run *here*, signed.

        Raises:
            Unreachable: Something needed does not answer; ask again.
            Lost: A call was sent, or another attempt is at it, and no answer came yet; ask again.
        """
        case = await self._case(proposal, item, here)
        if case.judgement.found is None or case.foreign:
            # Not even a receipt is told to a run that it is not for: a reset, or a stranger's copy of the proposal.
            return case.not_admitted()
        told = case.announced
        if told is not None:
            return await self._used(case, here, told)
        # Never announced is never sent, whoever may have taken the workflow id of the use.
        return await self._shielded(case, here, again=False) if case.judgement.admits else case.not_admitted()

    async def _case(self, proposal: Digest, item: int, here: Here) -> Case:
        """Reads the mission's own history and the directory, counts where a budget is set, and judges."""
        record = await self._ports.histories.read(here.mission_id, here.run_id)
        # A clock that was set back must not revive what has expired: the server's times bound it from below.
        now = max(self._ports.clock(), here.scheduled_at, record.last_event_at)
        try:
            directory = self._ports.directories.read()
        except BundleError as error:
            raise Unreachable("the approver directory", error.where, error.reason) from error
        case = await self._judged(record, Point(proposal, now, item), Law(self._bundle, directory))
        if not case.approvers or case.proposal.requirement.budget is None:
            return case
        given = await self._ports.workloads.approvals(case.approvers, now - HOUR)
        if case.begun:
            # A batch is one decision, and a call that is sent again none: what was counted for it does not count against it.
            given = {who: max(0, count - 1) for who, count in given.items()}
        return await self._judged(record, replace(case.point, approvals_this_hour=given), case.law)

    async def _judged(self, record: MissionRecord, point: Point, law: Law) -> Case:
        # In a thread: a thousand signatures take a while, and other missions' heartbeats must go on.
        judgement = await asyncio.to_thread(judge, record, point, law)
        return Case(record, point, judgement, law, self._signer)

    async def _shielded(self, case: Case, here: Here, *, again: bool) -> Signed:
        """Sends in a task of its own: a cancelled activity must still record what it did."""
        task = asyncio.create_task(self._send(case, here, again=again))
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)
        return await asyncio.shield(task)

    async def _send(self, case: Case, here: Here, *, again: bool) -> Signed:
        """Makes ready, admits on a snapshot, takes the use (unless this is the same use *again*), and sends once."""
        action = case.action
        integration = self._bundle.catalogue.integrations[action.integration]
        try:
            token = await self._ports.tokens.for_action(integration, action)
            async with self._ports.tools.open(integration, token) as session:
                ready = self._bundle.drift(action.operation, await served(session, self._bundle.catalogue, action))
                admitted, quiet = await self._admission(case, here)
                told = admitted.announced
                if told is not None and not again:
                    # Another attempt took the use meanwhile: whatever else holds now, the answer is that one's.
                    return await self._used(admitted, here, told)
                if again and not quiet.holds:
                    raise Lost("the history of the mission", quiet.words)
                if not admitted.judgement.admits:
                    return admitted.unknown() if again else admitted.not_admitted()
                known, thawed = await self._still_unknown(admitted), await self._thawed(admitted, again=again)
                for finding in (ready, quiet, known, thawed):
                    if not finding.holds:
                        return admitted.unknown(finding) if again else admitted.not_sent(finding)
                return await self._commit(admitted, session, here, again=again)
        except (Unreachable, TokenRefused) as error:
            if again:
                # Neither sent nor settled: the next attempt asks again.
                raise
            return await self._in_trouble(case, here, str(error))

    async def _still_unknown(self, case: Case) -> Finding:
        """Whether nothing more is known of an outcome than when people were asked: a use it goes back to may hold a receipt."""
        asks = case.proposal.reconciles
        before = line(asks, signed_proposals(case.record, case.law)) if asks else ()
        for proposal, item in before:
            if await receipt_of(proposal, self._ports.uses, case.record, case.law, item) is not None:
                words = f"the outcome that it asks about is known by now: proposal `{proposal[:12]}` has a receipt"
                return Finding(check="outcome", holds=False, words=words)
        return Finding(check="outcome", holds=True, words="no receipt makes it needless")

    async def _in_trouble(self, case: Case, here: Here, words: str) -> Signed:
        """The answer to trouble before sending, unless another attempt got further meanwhile."""
        latest = await self._case(case.digest, case.point.item, here)
        told = latest.announced
        if told is not None:
            return await self._used(latest, here, told)
        if not latest.judgement.admits:
            return latest.not_admitted()
        return latest.not_sent(Finding(check="ready", holds=False, words=words))

    async def _admission(self, case: Case, here: Here) -> tuple[Case, Finding]:
        """Judges anew on a snapshot: nothing after the last event that was read, nothing held back by a workflow task."""
        words = "the mission's history does not come to rest, and a revocation could be hidden in it"
        for attempt in range(SNAPSHOT_TRIES):
            case = await self._case(case.digest, case.point.item, here)
            snapshot = await self._ports.histories.snapshot(here.mission_id, here.run_id)
            if not snapshot.open:
                words = "the mission run is closed"
                break
            if not snapshot.task_in_flight and snapshot.length == case.record.head:
                return case, Finding(check="snapshot", holds=True, words=f"nothing is hidden at event {snapshot.length}")
            await asyncio.sleep(0.005 * 2**attempt)
        return case, Finding(check="snapshot", holds=False, words=words)

    async def _thawed(self, case: Case, *, again: bool) -> Finding:
        """
        Whether nothing is frozen: asked last, so that a freeze holds that began while the gate made ready.

        A freeze that begins after this, while the use is announced and the call is sent, is late for that one call.

        Raises:
            Unreachable: The server cannot be asked.
            Lost: Frozen, and the use is taken: the call is neither sent again nor settled until the thaw.
        """
        finding = await freeze_finding(case, self._ports.freezes, self._ports.memory)
        if again and not finding.holds:
            raise Lost("the one call for the proposal", finding.words)
        return finding

    async def _take(self, case: Case, here: Here) -> Case | Signed:
        """
        Takes the one use: the admitted case as of the announcement, or the answer where this attempt may not send.

        INVARIANT: nothing is sent unless its announcement is the first in the mission's own history, and everything before
        that event admits. The history puts attempts, denials and cancellations into one order that nobody can change.
        """
        claim = case.claim(uuid4().hex)
        with suppress(AlreadyUsed):
            # An id that was taken and not announced is an attempt that died, or a stranger's.
            await self._ports.uses.claim(case.use, claim, () if case.begun else case.approvers)
        await self._ports.uses.announce(claim)
        for attempt in range(SNAPSHOT_TRIES):
            latest = await self._case(case.digest, case.point.item, here)
            told = latest.announced
            if told is None:
                await asyncio.sleep(0.005 * 2**attempt)
                continue
            if told.digest != claim.digest:
                return await self._used(latest, here, told)
            # Counted before the use was taken: it must not count against itself.
            point = replace(latest.point, approvals_this_hour=case.point.approvals_this_hour)
            before = await self._judged(latest.record.before(told.event_id), point, latest.law)
            return before if before.judgement.admits else before.not_admitted()
        raise Lost("the use of the proposal", "its announcement does not show in the mission's history")

    async def _commit(self, case: Case, session: ToolSession, here: Here, *, again: bool) -> Signed:
        """
        Takes the use, sends, records.

        Raises:
            Lost: In doubt. Never Unreachable: that would read as trouble before sending.
        """
        if not again:
            try:
                taken = await self._take(case, here)
            except Unreachable as error:
                raise Lost("the use of the proposal", str(error)) from error
            if isinstance(taken, Signed):
                return taken
            case = taken
        action, idempotency = case.action, self._idempotency(case)
        meta = {idempotency.meta: action.idempotency_key} if idempotency else {}
        try:
            answer = await called(session, self._bundle.catalogue, action, dict(meta))
        except Lost as error:
            if idempotency is not None:
                raise
            return case.unknown(Finding(check="sent", holds=False, words=str(error)))
        signed = case.receipt(recordable(answer.result), failed=answer.failed, at=max(self._ports.clock(), case.now))
        with suppress(Unreachable):
            # The answer below still carries it; where that is lost too, the outcome is asked again or unknown.
            await self._ports.uses.record(case.use, signed)
        return case.answer(SettlementKind.RECEIPT, receipt=signed)

    async def _used(self, case: Case, here: Here, told: Announcement) -> Signed:
        """The answer where the one use is taken already."""
        receipt = await receipt_of(case.digest, self._ports.uses, case.record, case.law, case.point.item)
        if receipt is not None:
            return case.answer(SettlementKind.RECEIPT, receipt=receipt)
        before = await self._judged(case.record.before(told.event_id), case.point, case.law)
        if before.judgement.settled is not None:
            # The no came first: whoever announced found it too, and sent nothing. One that came later tells nothing.
            return before.not_admitted()
        idempotency, age = self._idempotency(case), case.now - told.claim.at
        timely = idempotency is not None and age < timedelta(seconds=idempotency.window_seconds)
        # What the gate called unknown is people's to settle: it is not sent again behind their backs.
        if timely and case.judgement.admits and not case.called_unknown:
            return await self._shielded(case, here, again=True)
        if age < self._patience:
            raise Lost("the one call for the proposal", "another attempt may still be waiting for its answer")
        return case.unknown()

    def _idempotency(self, case: Case) -> Idempotency | None:
        found = self._bundle.catalogue.find(case.action.operation)
        return found[2].idempotency if found else None
