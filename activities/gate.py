"""
The gate: the one door through which a state-changing call leaves.

It trusts the server's event history, its own bundle and pinned keys, and nothing its caller says: the caller names a
proposal, and the gate looks for it in the history of the very run that asks. `settle` judges first, makes everything ready
(token, session, contract), then admits on a snapshot, takes the one use as a workflow id, sends once, and signs what came
back. Trouble before the use is taken leaves the approval as it was. After it, only an operation declared idempotent by key
is sent again, within its window and when admission holds anew; anything else is `unknown`.

Source: docs/architecture.md, "How a commit goes"; docs/decisions/0006-single-use.md
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

from pydantic import JsonValue, ValidationError

from activities.case import Case, idempotency_key
from activities.errors import AlreadyUsed, Lost, TokenRefused, Unreachable
from activities.ports import Clock, Directories, Here, Histories, Tokens, Tools, ToolSession, Use, Uses
from approvals.errors import SignatureError
from approvals.jws import Signer
from approvals.settlement import Claim, Receipt, SettlementKind
from approvals.signed import Kind, Signed, opened, seal
from audit.judgement import Law, announced, judge
from policies.bundle import Bundle
from policies.canonical import Digest, canonical, digest, readable
from policies.catalogue import Idempotency
from policies.errors import BundleError, CanonicalError
from policies.ruling import Finding

SNAPSHOT_TRIES = 8
MAX_RESULT = 64 * 1024


@dataclass(frozen=True)
class Ports:
    """Everything the gate reaches outside itself."""

    histories: Histories
    uses: Uses
    tools: Tools
    tokens: Tokens
    directories: Directories
    clock: Clock


class Gate:
    """Settles proposals. One per commit worker."""

    def __init__(self, ports: Ports, bundle: Bundle, signer: Signer) -> None:
        self._ports = ports
        self._bundle = bundle
        self._signer = signer
        self._sending: set[asyncio.Task[Signed]] = set()

    async def settle(self, proposal: Digest, here: Here) -> Signed:
        """
        What became of *proposal* of the mission run *here*, signed.

        Raises:
            Unreachable: Something needed does not answer; nothing was sent that was not sent before.
            Lost: A call that may be sent again was sent and not answered.
        """
        case = await self._case(proposal, here)
        if case.judgement.found is None:
            return case.not_admitted()
        use = await self._ports.uses.find(proposal)
        if use is None and announced(case.record, proposal, case.law):
            # Somebody deleted the use. The mission's own history still tells that it was taken.
            use = Use(claim=None, receipts=())
        if use is not None:
            return await self._used(case, here, use)
        return await self._shielded(case, here, again=False) if case.judgement.admits else case.not_admitted()

    async def _case(self, proposal: Digest, here: Here) -> Case:
        """Reads the mission's own history and the directory, and judges."""
        record = await self._ports.histories.read(here.mission_id, here.run_id)
        # A clock that was set back must not revive what has expired: the server's times bound it from below.
        now = max(self._ports.clock(), here.scheduled_at, record.last_event_at)
        try:
            directory = self._ports.directories.read()
        except BundleError as error:
            raise Unreachable("the approver directory", error.where, error.reason) from error
        law = Law(self._bundle, directory)
        return Case(record, proposal, judge(record, proposal, law, now), law, now, self._signer)

    async def _shielded(self, case: Case, here: Here, *, again: bool) -> Signed:
        """Sends in a task of its own: a cancelled activity must still record what it did."""
        task = asyncio.create_task(self._send(case, here, again=again))
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)
        return await asyncio.shield(task)

    async def _send(self, case: Case, here: Here, *, again: bool) -> Signed:
        """Makes ready, admits on a snapshot, takes the use (unless this is the same use *again*), and sends once."""
        action = case.proposal.action
        integration = self._bundle.catalogue.integrations[action.integration]
        try:
            token = await self._ports.tokens.for_action(integration, action)
            async with self._ports.tools.open(integration, token) as session:
                ready = self._bundle.drift(action.operation, await session.contract(action.tool))
                admitted, quiet = await self._admission(case, here)
                if not admitted.judgement.admits:
                    return admitted.unknown() if again else admitted.not_admitted()
                told = announced(admitted.record, admitted.digest, admitted.law)
                if again and not told:
                    # INVARIANT: nothing is sent that the mission's history does not tell of; a use alone can be deleted.
                    return admitted.unknown(Finding(check="announced", holds=False, words="its use was never announced"))
                if told and not again:
                    # Another attempt took the use meanwhile. That its workflow may be deleted by now changes nothing.
                    return await self._taken(admitted)
                for finding in (ready, quiet):
                    if not finding.holds:
                        return admitted.unknown(finding) if again else admitted.not_sent(finding)
                return await self._commit(admitted, session, again=again)
        except (Unreachable, TokenRefused) as error:
            if again:
                # Neither sent nor settled: the next attempt asks again.
                raise
            return case.not_sent(Finding(check="ready", holds=False, words=str(error)))

    async def _admission(self, case: Case, here: Here) -> tuple[Case, Finding]:
        """Judges anew on a snapshot: nothing after the last event that was read, nothing held back by a workflow task."""
        words = "the mission's history does not come to rest, and a revocation could be hidden in it"
        for attempt in range(SNAPSHOT_TRIES):
            case = await self._case(case.digest, here)
            snapshot = await self._ports.histories.snapshot(here.mission_id, here.run_id)
            if not snapshot.open:
                words = "the mission run is closed"
                break
            if not snapshot.task_in_flight and snapshot.length == case.record.head:
                return case, Finding(check="snapshot", holds=True, words=f"nothing is hidden at event {snapshot.length}")
            await asyncio.sleep(0.005 * 2**attempt)
        return case, Finding(check="snapshot", holds=False, words=words)

    async def _commit(self, case: Case, session: ToolSession, *, again: bool) -> Signed:
        """
        Takes the use, sends, records. INVARIANT: nothing is sent before the use is taken and announced.

        Raises:
            Lost: In doubt. Never Unreachable: that would read as trouble before sending.
        """
        action = case.proposal.action
        idempotency = self._idempotency(case)
        if not again:
            try:
                await self._ports.uses.claim(case.digest, case.claim())
            except AlreadyUsed:
                # Another attempt took it between the look and now; that attempt answers, or the next one asks it.
                return await self._taken(case)
            except Unreachable as error:
                raise Lost("the use of the proposal", str(error)) from error
        meta = {idempotency.meta: idempotency_key(case.proposal)} if idempotency else {}
        try:
            answer = await session.call(action.tool, dict(action.arguments), dict(meta))
        except Lost as error:
            if idempotency is not None:
                raise
            return case.unknown(Finding(check="sent", holds=False, words=str(error)))
        receipt = Receipt(
            proposal=case.digest,
            action=action.digest,
            operation=action.operation,
            sent=digest("sent", {"operation": action.operation, "arguments": dict(action.arguments)}),
            idempotency_key=idempotency_key(case.proposal),
            admitted=case.judgement.head,
            failed=answer.failed,
            result=_recordable(answer.result),
            at=max(self._ports.clock(), case.now),
        )
        signed = seal(Kind.RECEIPT, receipt.model_dump(mode="json"), self._signer)
        with suppress(Unreachable):
            # The answer below still carries it; where that is lost too, the outcome is asked again or unknown.
            await self._ports.uses.record(case.digest, signed)
        return case.answer(SettlementKind.RECEIPT, receipt=signed)

    async def _used(self, case: Case, here: Here, use: Use) -> Signed:
        """The answer where the one use is taken already."""
        settled = self._of_use(case, use)
        if settled is not None:
            return settled
        if case.judgement.admits and self._may_resend(case, use):
            return await self._shielded(case, here, again=True)
        return case.unknown()

    async def _taken(self, case: Case) -> Signed:
        try:
            return self._of_use(case, await self._ports.uses.find(case.digest)) or case.unknown()
        except Unreachable as error:
            raise Lost("the use of the proposal", str(error)) from error

    def _of_use(self, case: Case, use: Use | None) -> Signed | None:
        """The recorded receipt as an answer, when the gate signed one for this proposal."""
        for signed in use.receipts if use else ():
            receipt = verified_receipt(signed, case.law)
            if receipt is not None and receipt.proposal == case.digest:
                return case.answer(SettlementKind.RECEIPT, receipt=signed)
        return None

    def _may_resend(self, case: Case, use: Use) -> bool:
        """Whether the operation is declared idempotent by key and its server still remembers the key of this use."""
        idempotency = self._idempotency(case)
        if idempotency is None or use.claim is None:
            return False
        try:
            claim = Claim.model_validate(opened(use.claim, Kind.CLAIM, case.law.directory.gate))
        except (SignatureError, ValidationError):
            return False
        in_window = case.now < claim.at + timedelta(seconds=idempotency.window_seconds)
        return claim.proposal == case.digest and in_window

    def _idempotency(self, case: Case) -> Idempotency | None:
        found = self._bundle.catalogue.find(case.proposal.action.operation)
        return found[2].idempotency if found else None


def verified_receipt(signed: Signed, law: Law) -> Receipt | None:
    """The receipt in *signed*, when a pinned gate key signed it."""
    try:
        return Receipt.model_validate(opened(signed, Kind.RECEIPT, law.directory.gate))
    except (SignatureError, ValidationError):
        return None


def _recordable(result: JsonValue) -> JsonValue:
    """*result*, or why it cannot be signed: whatever a tool answers, that it was called must be recorded."""
    try:
        # As deep as it will stand in a settlement.
        size = len(canonical({"receipt": {"body": {"result": result}}}))
    except CanonicalError as error:
        return {"not_recorded": readable(str(error)[:500])}
    return result if size <= MAX_RESULT else {"not_recorded": f"the answer is larger than {MAX_RESULT} bytes"}
