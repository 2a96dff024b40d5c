"""D11: a freeze stops everything until a person who may thaws exactly that one. Source: docs/decisions/0010-freeze.md."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from activities import frozen
from activities.case import Case
from activities.errors import Lost
from activities.frozen import freeze_finding
from activities.gate import Gate
from activities.ports import Here
from approvals import thaw
from approvals.freeze import Freeze, Thaw, sign_freeze, sign_thaw
from approvals.settlement import Settlement
from policies.canonical import Digest
from policies.ruling import Finding
from tests.conftest import Without
from tests.fakes.bench import SMALL, Bench
from tests.fakes.kit import regrouped, revoked
from tests.fakes.ports import FakeMemory


async def approved(bench: Bench) -> Digest:
    """A small refund that Sam approved, not settled yet."""
    found = await bench.propose()
    bench.approve("sam")
    return found.digest


def thawing(bench: Bench, who: str = "iris", typ: str | None = None, **changes: Any) -> str:
    """What *who* signs to thaw the freeze that there is; *changes* overwrite fields."""
    now = int(bench.clock().timestamp())
    made = Thaw(namespace="default", freeze=bench.freezes.frozen.run_id, reason="fine", iat=now, exp=now + 300, jti="t")
    made = made.model_copy(update=changes)
    signer = bench.kit.signers[who]
    return sign_thaw(made, signer) if typ is None else signer.sign(typ, made.model_dump(mode="json"))


def refused(answer: Settlement, *words: str) -> bool:
    """Whether *answer* is that everything is frozen, with all of *words*, and to be asked again."""
    said = "; ".join(answer.reasons())
    return answer.kind == "not_sent" and answer.retry_seconds is not None and all(word in said for word in words)


async def pays_after_thaw(bench: Bench) -> bool:
    """Whether Iris's thaw, over a new freeze where the old one is over, lets the same approval pay once."""
    if bench.freezes.latest is None or bench.freezes.latest.ended is not None:
        bench.freezes.begin()
    bench.freezes.thaw(thawing(bench))
    return [(await bench.settle()).kind for _ in range(2)] == ["receipt", "receipt"] and bench.paid == [4200]


@pytest.mark.promise("D11")
async def test_freeze_before_admission_sends_nothing_and_the_approval_stands(bench: Bench) -> None:
    """Anybody may stop: this one is unsigned. Not even the use is taken."""
    digest = await approved(bench)
    bench.freezes.begin({"reason": "odd refunds"})
    assert refused(await bench.settle(), "everything is frozen since", "by somebody unnamed", "odd refunds")
    assert (bench.paid, digest in bench.uses.taken) == ([], False)
    assert await pays_after_thaw(bench)


@pytest.mark.promise("D11")
async def test_freeze_while_the_gate_makes_ready_is_heard(bench: Bench) -> None:
    """It is asked for last, after the admission."""
    await approved(bench)
    bench.tokens.during = bench.freezes.freeze
    assert refused(await bench.settle(), "everything is frozen")
    bench.tokens.during = None
    assert bench.paid == [] and await pays_after_thaw(bench)


@pytest.mark.promise("D11")
async def test_freeze_after_the_call_changes_no_receipt(bench: Bench) -> None:
    """It came too late, and the answer says what was done."""
    await approved(bench)
    bench.tools.during_call = bench.freezes.freeze
    assert [(await bench.settle()).kind for _ in range(2)] == ["receipt", "receipt"]
    assert bench.paid == [4200]


@pytest.mark.promise("D11")
async def test_call_whose_answer_was_lost_is_not_sent_again_while_frozen(bench: Bench) -> None:
    """Nor is it settled: Temporal asks again, and after the thaw the key gets the recorded answer."""
    await approved(bench)
    bench.tools.loses = 1
    with pytest.raises(Lost):
        await bench.settle(recorded=False)
    bench.freezes.begin()
    with pytest.raises(Lost, match="everything is frozen"):
        await bench.settle(recorded=False)
    assert len(bench.tools.calls) == 1
    assert await pays_after_thaw(bench)


@pytest.mark.promise("D11")
async def test_server_that_cannot_be_asked_is_a_freeze(bench: Bench) -> None:
    """Trouble before sending: nothing sent, nothing used up, and nothing to thaw afterwards."""
    await approved(bench)
    bench.freezes.down = True
    assert refused(await bench.settle(), "the Temporal server at its frontend cannot be reached")
    bench.freezes.down = False
    assert ((await bench.settle()).kind, bench.paid) == ("receipt", [4200])


def terminated_after_a_thaw(bench: Bench) -> None:
    """No worker was there to complete the run."""
    bench.freezes.thaw(thawing(bench))
    bench.freezes.end("terminated")


def with_a_revoked_key(bench: Bench) -> None:
    """Iris's key is known to be somebody else's."""
    bench.directories.now = revoked(bench.directories.now, "iris")
    bench.freezes.thaw(thawing(bench))


def after_leaving(bench: Bench) -> None:
    """Iris has a good key, and is in no group."""
    bench.directories.now = regrouped(bench.directories.now, iris=())
    bench.freezes.thaw(thawing(bench))


Attack = Callable[[Bench], None]
ENDS: dict[str, tuple[Attack, str]] = {
    "terminated": (lambda b: b.freezes.end("terminated"), "its run was terminated without a thaw"),
    "cancelled": (lambda b: b.freezes.end("canceled"), "its run was canceled without a thaw"),
    "completed by a worker of the attacker's": (lambda b: b.freezes.end("completed"), "completed without a thaw"),
    "continued": (lambda b: b.freezes.end("continued as new"), "continued as new without a thaw"),
    "garbage": (lambda b: b.freezes.thaw({"thaw": True}), "it is not signed"),
    "nothing at all": (lambda b: b.freezes.thaw(), "it does not carry one value"),
    "two values": (lambda b: b.freezes.thaw(thawing(b), 1), "it does not carry one value"),
    "no statement": (lambda b: b.freezes.thaw(b.kit.signers["iris"].sign("x", {"a": 1})), "is not a thaw"),
}
ATTACKS: dict[str, tuple[str, Attack, str]] = {
    "a valid thaw, and terminated": (
        "completed",
        terminated_after_a_thaw,
        "the freeze was terminated",
    ),
    "nobody's key": ("person", lambda b: b.freezes.thaw(thawing(b, "stranger")), "nobody's in the directory"),
    "a service": ("person", lambda b: b.freezes.thaw(thawing(b, "mission-worker")), "only people thaw"),
    "a gate": ("person", lambda b: b.freezes.thaw(thawing(b, "gate")), "nobody's in the directory"),
    "sam": ("permitted", lambda b: b.freezes.thaw(thawing(b, "sam")), "policy does not permit `sam` to thaw"),
    "another signature": ("signature", lambda b: b.freezes.thaw(thawing(b)[:-8] + "AAAAAAAA"), "is not signed by key"),
    "signed as a decision": ("signature", lambda b: b.freezes.thaw(thawing(b, typ="sayso-decision+jws")), "is a `sayso-dec"),
    "another namespace": ("namespace", lambda b: b.freezes.thaw(thawing(b, namespace="other")), "is for namespace `other`"),
    "another freeze": ("run", lambda b: b.freezes.thaw(thawing(b, freeze="freeze-0")), "it is for the freeze `freeze-0`"),
    "lapsed": ("time", lambda b: b.freezes.thaw(thawing(b, exp=int(b.clock().timestamp()))), "its signature lapsed"),
    "of the future": (
        "time",
        lambda b: b.freezes.thaw(thawing(b, iat=int(b.clock().timestamp()) + 200)),
        "signed for the future",
    ),
    "a revoked key": (
        "key",
        with_a_revoked_key,
        "is revoked",
    ),
    "iris, who left": (
        "permitted",
        after_leaving,
        "policy does not permit `iris` to thaw",
    ),
}


@pytest.mark.promise("D11")
@pytest.mark.parametrize("how", ENDS)
async def test_freeze_that_ended_without_a_thaw_holds(bench: Bench, how: str) -> None:
    """Whoever may write to the namespace can end a workflow, and cannot sign."""
    attack, words = ENDS[how]
    await approved(bench)
    bench.freezes.begin()
    attack(bench)
    assert refused(await bench.settle(), words, "`sayso thaw` freezes again and thaws that")
    assert bench.paid == [] and await pays_after_thaw(bench)


@pytest.mark.promise("D11")
@pytest.mark.parametrize("how", ATTACKS)
async def test_thaw_that_proves_nothing_ends_no_freeze(bench: Bench, how: str) -> None:
    """Each check of the table, and why."""
    _, attack, words = ATTACKS[how]
    await approved(bench)
    bench.freezes.begin()
    attack(bench)
    assert refused(await bench.settle(), "its last thaw does not count", words)
    assert bench.paid == []


@pytest.mark.control("D11")
@pytest.mark.parametrize("how", ATTACKS)
async def test_thaw_that_proves_nothing_thaws_where_its_check_is_taken_out(bench: Bench, how: str, without: Without) -> None:
    """One defence each."""
    check, attack, _ = ATTACKS[how]
    without(thaw.CHECKS, check)
    await approved(bench)
    bench.freezes.begin()
    attack(bench)
    await bench.settle()
    assert bench.paid == [4200]


async def unfrozen(gate: Gate, case: object, *, again: bool) -> Finding:
    """A gate that asks for no freeze."""
    return Finding(check="freeze", holds=True, words="")


@pytest.mark.control("D11")
@pytest.mark.parametrize("when", ["before", "during", "down"])
async def test_freeze_stops_nothing_where_the_gate_does_not_ask(
    bench: Bench, when: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One defence: the last question before the use."""
    monkeypatch.setattr(Gate, "_thawed", unfrozen)
    await approved(bench)
    if when == "during":
        bench.tokens.during = bench.freezes.freeze
    else:
        bench.freezes.begin()
    bench.freezes.down = when == "down"
    await bench.settle()
    assert bench.paid == [4200]


@pytest.mark.control("D11")
async def test_freeze_that_begins_while_the_gate_makes_ready_is_missed_where_the_first_look_counts(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One defence: that the question comes last."""
    asked = Gate._case
    looked: list[Finding] = []

    async def early(gate: Gate, proposal: Digest, item: int, here: Here) -> Case:
        case = await asked(gate, proposal, item, here)
        looked.append(await freeze_finding(case, bench.freezes, FakeMemory()))
        return case

    async def first(gate: Gate, case: object, *, again: bool) -> Finding:
        return looked[0]

    monkeypatch.setattr(Gate, "_case", early)
    monkeypatch.setattr(Gate, "_thawed", first)
    await approved(bench)
    bench.tokens.during = bench.freezes.freeze
    await bench.settle()
    assert bench.paid == [4200]


async def deleted(bench: Bench) -> None:
    """A freeze that a gate saw, and that somebody then deletes."""
    await approved(bench)
    bench.freezes.begin()
    assert refused(await bench.settle(), "everything is frozen since")
    bench.freezes.delete()


@pytest.mark.promise("D11")
async def test_deleted_freeze_is_remembered(bench: Bench) -> None:
    """Also by a gate that starts anew on the same memory, and for a mission that never asked before."""
    await deleted(bench)
    assert refused(await bench.settle(), "was deleted without a thaw: freeze again and thaw that")
    bench.started("refund-2", "run-2")
    digest = await approved(bench)
    assert refused(await bench.settle(digest, gate=bench.another_gate()), "was deleted without a thaw")
    assert bench.paid == [] and await pays_after_thaw(bench)


@pytest.mark.promise("D11")
async def test_deleted_freeze_is_known_from_the_missions_own_history(bench: Bench) -> None:
    """A gate on another machine, which never saw it, reads what the first one signed."""
    await deleted(bench)
    bench.memory = FakeMemory()
    answer = await bench.settle(gate=bench.another_gate())
    assert refused(answer, "the freeze that this mission was told of at") and bench.paid == []
    assert await pays_after_thaw(bench)


@pytest.mark.promise("D11")
async def test_older_thawed_freeze_does_not_stand_for_a_deleted_one(bench: Bench) -> None:
    """The server has the old one again, with its valid thaw; the gate remembers that there was a later one."""
    await approved(bench)
    bench.freezes.begin()
    bench.freezes.thaw(thawing(bench))
    old = bench.freezes.latest
    bench.freezes.begin()
    assert refused(await bench.settle(), "everything is frozen since")
    bench.freezes.latest = old
    assert refused(await bench.settle(), "was deleted without a thaw") and bench.paid == []


@pytest.mark.promise("D11")
async def test_old_thaw_sent_again_ends_no_new_freeze(bench: Bench) -> None:
    """It names its own run."""
    await approved(bench)
    bench.freezes.begin()
    token = thawing(bench)
    bench.freezes.thaw(token)
    bench.freezes.begin()
    bench.freezes.thaw(token)
    assert refused(await bench.settle(), "it is for the freeze `freeze-1`, which is not this one")
    assert bench.paid == []


@pytest.mark.promise("D11")
async def test_unreadable_memory_is_a_freeze_until_it_is_mended(bench: Bench) -> None:
    """And leaves nothing behind in the mission that would have to be thawed."""
    await approved(bench)
    bench.memory.broken = True
    assert refused(await bench.settle(), "what the gate remembers of freezes is not usable")
    assert bench.paid == []
    bench.memory.broken = False
    assert (await bench.settle()).kind == "receipt"


@pytest.mark.control("D11")
async def test_deleted_freeze_is_forgotten_where_nobody_remembers(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two defences out: the gate's memory, and what the mission was told."""
    await deleted(bench)
    bench.memory = FakeMemory()
    monkeypatch.setattr(frozen, "told_of_freeze", lambda record, law: None)
    await bench.settle(gate=bench.another_gate())
    assert bench.paid == [4200]


@pytest.mark.promise("D11")
async def test_thawed_freeze_that_retention_takes_away_stays_thawed(bench: Bench) -> None:
    """Nobody needs to thaw again what was thawed; a mission that was told of it goes on."""
    await approved(bench)
    bench.freezes.begin()
    await bench.settle()
    bench.freezes.thaw(thawing(bench))
    await look(bench)
    bench.freezes.delete()
    assert ((await bench.settle()).kind, bench.paid) == ("receipt", [4200])


async def look(bench: Bench) -> None:
    """Another mission of the same gate sends something meanwhile."""
    mine = bench.mission
    bench.started("refund-9", "run-9")
    found = await bench.propose({**SMALL, "amount_minor": 1})
    bench.approve("sam", found=found)
    assert (await bench.settle(found.digest)).kind == "receipt"
    bench.tools.effects.clear()
    bench.mission = mine


@pytest.mark.promise("D11")
async def test_commit_after_the_thaw_outlives_the_freeze_in_the_missions_history(bench: Bench) -> None:
    """What was sent later was not frozen: a gate without memory goes on with the next proposal."""
    await approved(bench)
    bench.freezes.begin()
    await bench.settle()
    assert await pays_after_thaw(bench)
    bench.freezes.delete()
    bench.memory = FakeMemory()
    found = await bench.propose({**SMALL, "amount_minor": 1}, step="2")
    bench.approve("sam", found=found)
    assert (await bench.settle(found.digest, gate=bench.another_gate())).kind == "receipt"


@pytest.mark.promise("D11")
async def test_thaw_is_void_once_who_signed_it_may_not_thaw(bench: Bench) -> None:
    """Judged anew each time, with the directory of that moment; a thaw of somebody who may goes on."""
    await approved(bench)
    bench.freezes.begin()
    bench.freezes.thaw(thawing(bench))
    bench.directories.now = regrouped(bench.directories.now, iris=())
    assert refused(await bench.settle(), "policy does not permit `iris` to thaw")
    bench.directories.now = regrouped(bench.directories.now, lena=("support-lead", "security"))
    bench.freezes.begin()
    bench.freezes.thaw(thawing(bench, "lena"))
    assert ((await bench.settle()).kind, bench.paid) == ("receipt", [4200])


@pytest.mark.promise("D11")
async def test_flood_of_thaws_thaws_nothing(bench: Bench) -> None:
    """It may keep everything frozen."""
    await approved(bench)
    bench.freezes.begin()
    for number in range(300):
        bench.freezes.thaw(f"thaw {number}")
    assert refused(await bench.settle(), "its last thaw does not count") and await pays_after_thaw(bench)


def begun(bench: Bench, who: str, **changes: Any) -> str:
    """A freeze that *who* signs now."""
    freeze = Freeze(namespace="default", reason="odd", iat=int(bench.clock().timestamp()), jti="f")
    return sign_freeze(freeze.model_copy(update=changes), bench.kit.signers[who])


BEGUN: dict[str, tuple[Callable[[Bench], str], str]] = {
    "sam": (lambda b: begun(b, "sam"), "by sam, with the reason: odd"),
    "a stranger": (lambda b: begun(b, "stranger"), "by somebody unnamed, with the reason: odd"),
    "sam, long ago": (lambda b: begun(b, "sam", iat=1_700_000_000), "by somebody unnamed"),
    "sam, elsewhere": (lambda b: begun(b, "sam", namespace="other"), "by somebody unnamed"),
    "sam's name": (lambda b: begun(b, "sam")[:-8] + "AAAAAAAA", "by somebody unnamed;"),
    "no token": (lambda b: "a.b.c", "by somebody unnamed;"),
}


@pytest.mark.parametrize("how", BEGUN)
async def test_freeze_names_who_began_it_only_where_they_signed_it_for_that(bench: Bench, how: str) -> None:
    """It holds in any case."""
    make, words = BEGUN[how]
    await approved(bench)
    bench.freezes.begin(make(bench))
    assert refused(await bench.settle(), words)
