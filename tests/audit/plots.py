"""What happens in each recorded story: what people, hostile workers and broken systems do to one mission."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from pydantic import JsonValue
from temporalio.client import WorkflowHandle

from approvals.decision import SIGNAL, Verdict
from approvals.settlement import SettlementKind
from approvals.signed import Kind, Signed, seal
from tests.audit.keys import OURS, THEIRS
from tests.e2e.hostile import Mission, hijacked
from tests.e2e.insider import delete_use
from tests.e2e.shop import Shop
from tests.e2e.teller import Told
from tests.fakes.kit import without_idempotency
from tests.world import World, until

Handle = WorkflowHandle[Any, Any]
ORDER = {"operation": "orders.get_order", "arguments": {"order_id": "ORD-2001"}}


@dataclass
class Scene:
    """Where a story is played: everybody at work, and nobody else's mission."""

    world: World
    hostile: str
    """The queue of a mission worker of the attacker's."""
    tellers: str
    """The queue of missions that commit what a test says."""
    shop: Shop
    """Payments and its issuer, to be broken; they run where the plot says so."""

    async def told(self, *items: dict[str, JsonValue], **script: Any) -> Handle:
        """A mission that commits *items* as one."""
        given = {"items": list(items), **script}
        return await self.world.start("teller", queue=self.tellers, given=given, result=Told)

    async def hijacked(self, **how: Any) -> Mission:
        """A mission in the attacker's hands."""
        return await hijacked(self.world, queue=self.hostile, **how)


def _refund(**changes: JsonValue) -> dict[str, JsonValue]:
    return {"order_id": f"ORD-{uuid4().hex[:10]}", "amount_minor": 4200, "currency": "EUR", "reason": "broken", **changes}


async def _refunded(scene: Scene) -> Handle:
    return await _decided(scene, "CASE-1001", "sam")


async def _large(scene: Scene) -> Handle:
    handle = await scene.world.start("CASE-1011")
    found = await scene.world.proposed(handle)
    await scene.world.decide(handle, "sam")
    await scene.world.settlement(handle, after=found.event_id)
    await scene.world.decide(handle, "fay")
    await handle.result()
    return handle


async def _denied(scene: Scene) -> Handle:
    return await _decided(scene, "CASE-1001", "sam", Verdict.DENY)


async def _nothing(scene: Scene) -> Handle:
    return await _ended(await scene.world.start("CASE-1001"))


async def _not_due(scene: Scene) -> Handle:
    return await _ended(await scene.world.start("CASE-1003"))


async def _forbidden(scene: Scene) -> Handle:
    return await _ended(await scene.world.start("CASE-1012"))


async def _refused_then_approved(scene: Scene) -> Handle:
    handle = await scene.world.start("CASE-1001")
    found = await scene.world.proposed(handle)
    await handle.signal(SIGNAL, args=["approve", "sam"])
    await scene.world.settlement(handle, after=found.event_id)
    await scene.world.decide(handle, "sam", found=found)
    return await _ended(handle)


async def _amended(scene: Scene) -> Handle:
    handle = await scene.told(_refund())
    await scene.world.decide(handle, "sam", Verdict.AMEND, changes={"amount_minor": 3000})
    second = await scene.world.proposed(handle, 2)
    await scene.world.decide(handle, "sam", found=second)
    await scene.world.decide(handle, "lena", found=second)
    return await _ended(handle)


async def _batch(scene: Scene) -> Handle:
    handle = await scene.told(*(_refund(amount_minor=amount) for amount in (1000, 2000, 3000)))
    await scene.world.decide(handle, "sam")
    return await _ended(handle)


async def _withdrawn(scene: Scene) -> Handle:
    return await _ended(await scene.told(_refund(), within_seconds=0.5))


async def _unknown(scene: Scene, verdict: Verdict) -> Handle:
    handle = await scene.told(_refund())
    found = await scene.world.proposed(handle)
    with scene.shop.broken("drop-response-once"):
        await scene.world.decide(handle, "sam", found=found)
        question = await scene.world.proposed(handle, 2)
    await scene.world.decide(handle, "lena", verdict, question)
    return await _ended(handle)


async def _done(scene: Scene) -> Handle:
    return await _unknown(scene, Verdict.DONE)


async def _retried(scene: Scene) -> Handle:
    return await _unknown(scene, Verdict.RETRY)


async def _delayed(scene: Scene) -> Handle:
    handle = await scene.told(_refund())
    found = await scene.world.proposed(handle)
    with scene.shop.down("issuer"):
        await scene.world.decide(handle, "sam", found=found)
        await scene.world.settlement(handle, after=found.event_id)
    return await _ended(handle)


async def _revoked(scene: Scene) -> Handle:
    mission = await scene.hijacked()
    found = await mission.approved()
    await scene.world.decide(mission.handle, "lena", Verdict.REVOKE, found)
    assert (await mission.settle(found.digest)).kind is SettlementKind.REVOKED
    return await _over(mission)


async def _denied_late(scene: Scene) -> Handle:
    mission = await scene.hijacked()
    found = await mission.approved()
    assert (await mission.settle(found.digest)).kind is SettlementKind.RECEIPT
    await scene.world.decide(mission.handle, "lena", Verdict.DENY, found)
    assert (await mission.settle(found.digest)).kind is SettlementKind.RECEIPT
    return await _over(mission)


async def _terminated(scene: Scene) -> Handle:
    handle = await _open(scene)
    await handle.terminate("not needed any more")
    return handle


async def _open(scene: Scene) -> Handle:
    handle = await scene.world.start("CASE-1001")
    await scene.world.proposed(handle)
    return handle


async def _unsigned_start(scene: Scene) -> Handle:
    mission = await scene.hijacked(owner=None)
    await mission.propose()
    return await _over(mission)


async def _unsigned_read(scene: Scene) -> Handle:
    mission = await scene.hijacked()
    genuine = (await mission.call("read", ORDER, "reads")).result
    await mission.forge("read", {**genuine, "result": {"paid_minor": 1}, "signature": None})
    return await _over(mission)


async def _copied_read(scene: Scene) -> Handle:
    mission = await scene.hijacked()
    await mission.forge("read", (await mission.call("read", ORDER, "reads")).result)
    return await _over(mission)


async def _copied_refusal(scene: Scene) -> Handle:
    other = await scene.hijacked()
    refusal = await other.propose(amount_minor=500001)
    assert refusal.kind is Kind.REFUSAL
    mission = await scene.hijacked()
    await mission.forge("propose", refusal)
    await _over(other)
    return await _over(mission)


async def _forged_settlement(scene: Scene) -> Handle:
    return await _settled_by(scene, lambda body: {"kind": "settlement", "digest": "0" * 64, "body": body, "jws": ""})


async def _strangers_settlement(scene: Scene) -> Handle:
    stranger = scene.world.signers["stranger"]
    return await _settled_by(scene, lambda body: seal(Kind.SETTLEMENT, body, stranger).model_dump(mode="json"))


async def _settled_by(scene: Scene, forged: Callable[[dict[str, JsonValue]], dict[str, JsonValue]]) -> Handle:
    """A settlement that waits for people, made into a receipt."""
    mission = await scene.hijacked()
    found = await mission.proposed()
    waits = Signed.model_validate((await mission.call("settle", {"proposal": found.digest, "item": 0})).result)
    await mission.forge("settle", forged({**waits.body, "kind": "receipt"}))
    return await _over(mission)


async def _deleted_use(scene: Scene) -> Handle:
    mission = await scene.hijacked()
    found = await mission.approved()
    await mission.settle(found.digest)
    await delete_use(scene.world, found.digest)
    return await _over(mission)


async def _continued(scene: Scene) -> Handle:
    """Three runs, each with a commit that somebody approved."""
    handle = await scene.told(_refund(amount_minor=1000), then=[_refund(amount_minor=2000), _refund(amount_minor=3000)])
    await scene.world.decide(handle, "sam")
    for _ in range(2):
        handle = await _following(scene, handle)
        await scene.world.decide(handle, "sam")
    return await _ended(handle)


async def _following(scene: Scene, handle: Handle) -> Handle:
    """The run that the mission went on in."""
    before = handle.run_id or handle.result_run_id

    async def look() -> Handle | None:
        latest = (await scene.world.client.get_workflow_handle(handle.id).describe()).run_id
        return scene.world.client.get_workflow_handle(handle.id, run_id=latest) if latest != before else None

    return await until(look)


async def _decided(scene: Scene, case_id: str, who: str, verdict: Verdict = Verdict.APPROVE) -> Handle:
    handle = await scene.world.start(case_id)
    await scene.world.decide(handle, who, verdict)
    return await _ended(handle)


async def _ended(handle: Handle) -> Handle:
    await handle.result()
    return handle


async def _over(mission: Mission) -> Handle:
    await mission.handle.execute_update("end")
    # A puppet's result is of no shape that a refund mission's has.
    await mission.world.client.get_workflow_handle(mission.handle.id).result()
    return mission.handle


def _unchanged(policies: Path) -> None:
    """The shipped policies."""


def _soon(policies: Path) -> None:
    path = policies / "refund.cedar"
    path.write_text(path.read_text().replace('@expires("24h")', '@expires("3s")', 1))


@dataclass(frozen=True)
class Plot:
    """How a story is played."""

    play: Callable[[Scene], Awaitable[Handle]]
    policies: Callable[[Path], None] = _unchanged
    shop: bool = False
    sealed: bool = False
    stored: bool = False
    house: str = OURS


PLOTS: dict[str, Plot] = {
    "refunded": Plot(_refunded),
    "denied": Plot(_denied),
    "expired": Plot(_nothing, _soon),
    "refused-malformed-then-approved": Plot(_refused_then_approved),
    "not-due": Plot(_not_due),
    "large": Plot(_large),
    "forbidden": Plot(_forbidden),
    "amended-then-approved": Plot(_amended),
    "batch": Plot(_batch),
    "withdrawn": Plot(_withdrawn),
    "unknown-then-done": Plot(_done, without_idempotency, shop=True),
    "unknown-then-retried": Plot(_retried, without_idempotency, shop=True),
    "delayed": Plot(_delayed, shop=True),
    "revoked": Plot(_revoked),
    "denied-late": Plot(_denied_late),
    "encrypted": Plot(_refunded, sealed=True),
    "continued": Plot(_continued),
    "stored": Plot(_refunded, stored=True),
    "stored-encrypted": Plot(_refunded, sealed=True, stored=True),
    "terminated": Plot(_terminated),
    "open": Plot(_open),
    "unsigned-start": Plot(_unsigned_start),
    "unsigned-read": Plot(_unsigned_read),
    "copied-read": Plot(_copied_read),
    "copied-refusal": Plot(_copied_refusal),
    "forged-settlement": Plot(_forged_settlement),
    "strangers-settlement": Plot(_strangers_settlement),
    "deleted-use": Plot(_deleted_use),
    "theirs": Plot(_refunded, house=THEIRS),
}
"""By story."""
