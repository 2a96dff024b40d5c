"""
Histories that somebody changed: by bytes, with manifest and chain made to fit, and with the exporter's key as well.

The last is more than the format promises against; it must fail wherever a gate, a worker or a person signed over it.
"""

from __future__ import annotations

import pytest

from audit.verification import verify
from audit.verification.result import Found, Verdict, holds
from audit.verification.verify import CHECKS, Verifier
from tests.audit.attacker import HISTORY, Loot, Strength
from tests.audit.attacks import ATTACKS, MARKER, SIGNALED, dropping, inserting, swapping
from tests.audit.mutations import renumbered, structural
from tests.audit.stories import archive
from tests.audit.verifying import doubts
from tests.conftest import Without

UNAIDED = [Strength.RAW, Strength.REBUILT]


def _observed_otherwise(loot: Loot) -> Loot:
    text = loot.members[HISTORY].decode()
    changed = text.replace('"markerName":"core_local_activity"', '"markerName":"core_local_activitx"', 1)
    assert changed != text
    return loot.with_member(HISTORY, changed.encode())


def _truncated(loot: Loot) -> Loot:
    events = loot.events
    return loot.holding(renumbered([*events[:20], events[-1]], 1000, 1))


UNSIGNED = {
    "edited": _observed_otherwise,
    "deleted": dropping(MARKER, ""),
    "reordered": swapping(MARKER, ""),
    "truncated": _truncated,
}
"""Changes to a mission without a gate's answer: nobody but the exporter signed these events."""


@pytest.mark.promise("G1")
@pytest.mark.parametrize("strength", UNAIDED)
@pytest.mark.parametrize("change", ["edited", "deleted", "reordered"])
async def test_event_edited_deleted_or_reordered_is_never_verified(change: str, strength: Strength, ours: Verifier) -> None:
    """docs/threats.md G1: where no signature but the exporter's reaches."""
    changed = UNSIGNED[change](Loot.of(archive("not-due"))).packed(strength)
    assert (await ours.verify(changed)).verdict is Verdict.FAILED


@pytest.mark.promise("G1")
@pytest.mark.parametrize("strength", UNAIDED)
async def test_inserted_approval_is_never_verified(strength: Strength, ours: Verifier) -> None:
    """docs/threats.md G1: a copy of a good one, numbered in."""
    changed = inserting(SIGNALED, "decide", lambda token: token)(Loot.of(archive("large"))).packed(strength)
    assert (await ours.verify(changed)).verdict is Verdict.FAILED


@pytest.mark.control("G1")
@pytest.mark.parametrize("change", ["edited", "deleted", "reordered"])
async def test_without_members_and_chain_a_changed_event_verifies(
    change: str, ours: Verifier, monkeypatch: pytest.MonkeyPatch, without: Without
) -> None:
    """The control: rail and cards aside, which follow from the history, nothing else compares events with what was exported."""
    _without_members(monkeypatch)
    for check in ("chain", "rail"):
        without(CHECKS, check)
    changed = UNSIGNED[change](Loot.of(archive("not-due"))).packed(Strength.RAW)
    assert (await ours.verify(changed)).verdict is Verdict.VERIFIED


@pytest.mark.promise("G2")
@pytest.mark.parametrize("strength", UNAIDED)
@pytest.mark.parametrize("story", ["refunded", "not-due", "unknown-then-done"])
async def test_truncated_history_is_never_verified(story: str, strength: Strength, ours: Verifier) -> None:
    """docs/threats.md G2: cut off after each fifth event, with and without an end put in its place."""
    loot = Loot.of(archive(story))
    cuts = [mutant for mutant in structural(loot.events) if mutant.kind.startswith("truncate") and mutant.event % 5 == 0]
    found = {(await ours.verify(loot.holding(cut.events).packed(strength))).verdict for cut in cuts}
    assert found == {Verdict.FAILED}


@pytest.mark.control("G2")
async def test_without_the_checkpoint_a_truncated_history_verifies(ours: Verifier, monkeypatch: pytest.MonkeyPatch) -> None:
    """The control: chain and manifest fit again."""
    _without_checkpoint(monkeypatch)
    changed = _truncated(Loot.of(archive("not-due"))).packed(Strength.REBUILT)
    assert (await ours.verify(changed)).verdict is Verdict.VERIFIED


@pytest.mark.promise("G3")
@pytest.mark.parametrize("change", UNSIGNED)
async def test_rebuilt_chain_does_not_verify_under_the_old_checkpoint(change: str, ours: Verifier) -> None:
    """docs/threats.md G3: chain, manifest, rail and cards all fit the new history; only the exporter's signature does not."""
    changed = UNSIGNED[change](Loot.of(archive("not-due"))).packed(Strength.REBUILT)
    verification = await ours.verify(changed)
    assert (verification.verdict, doubts(verification)) == (Verdict.FAILED, {"checkpoint"})


@pytest.mark.promise("G3")
@pytest.mark.parametrize("change", UNSIGNED)
async def test_rebuilt_chain_without_a_checkpoint_is_incomplete(change: str, ours: Verifier) -> None:
    """docs/threats.md G3: nor does leaving the signature out help."""
    changed = UNSIGNED[change](Loot.of(archive("not-due"))).without("checkpoint.jws").packed(Strength.REBUILT)
    assert (await ours.verify(changed)).verdict is Verdict.INCOMPLETE


@pytest.mark.control("G3")
@pytest.mark.parametrize("change", UNSIGNED)
async def test_without_the_checkpoint_a_rebuilt_chain_verifies(
    change: str, ours: Verifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: the signed checkpoint is all that keeps a store-writer out here."""
    _without_checkpoint(monkeypatch)
    changed = UNSIGNED[change](Loot.of(archive("not-due"))).packed(Strength.REBUILT)
    assert (await ours.verify(changed)).verdict is Verdict.VERIFIED


@pytest.mark.promise("G3")
@pytest.mark.parametrize("name", ATTACKS)
async def test_exporters_key_does_not_change_what_others_signed(name: str, ours: Verifier) -> None:
    """docs/threats.md G3: who holds the exporter's key rebuilds everything, and it fails by the signatures of the others."""
    named = ATTACKS[name]
    verification = await ours.verify(named.attack(Loot.of(archive(named.story))).packed(Strength.SIGNED))
    assert (verification.verdict, doubts(verification)) == (Verdict.FAILED, set(named.noticed_by))


@pytest.mark.control("G3")
@pytest.mark.parametrize("name", ATTACKS)
async def test_without_the_checks_that_notice_it_the_attack_verifies(name: str, ours: Verifier, without: Without) -> None:
    """The control: each of the attacks leaves everything else in order."""
    named = ATTACKS[name]
    for check in named.noticed_by:
        without(CHECKS, check)
    verification = await ours.verify(named.attack(Loot.of(archive(named.story))).packed(Strength.SIGNED))
    assert verification.verdict is Verdict.VERIFIED


@pytest.mark.promise("A8")
@pytest.mark.parametrize("name", ["what was read", "what the model said", "what the mission observed", "what was asked for"])
async def test_evidence_edited_since_the_review_is_noticed_in_the_archive(name: str, ours: Verifier) -> None:
    """docs/threats.md A8: the approver signed the trail that they saw; so did the gate, before and after."""
    named = ATTACKS[name]
    verification = await ours.verify(named.attack(Loot.of(archive(named.story))).packed(Strength.SIGNED))
    assert verification.verdict is Verdict.FAILED


@pytest.mark.control("A8")
async def test_without_evidence_an_edited_trail_verifies(ours: Verifier, monkeypatch: pytest.MonkeyPatch) -> None:
    """The control: when nobody's evidence is compared with the history, it may say anything."""
    monkeypatch.setattr("approvals.evidence.Evidence.trouble", lambda self, chain: None)
    verification = await ours.verify(_observed_otherwise(Loot.of(archive("refunded"))).packed(Strength.SIGNED))
    assert verification.verdict is Verdict.VERIFIED


def _without_members(monkeypatch: pytest.MonkeyPatch) -> None:
    def check(*given: object) -> list[Found]:
        return [holds("members", "not looked at")]

    monkeypatch.setattr(verify, "check_members", check)


def _without_checkpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    def check(*given: object) -> list[Found]:
        return [holds("checkpoint", "not looked at")]

    monkeypatch.setattr(verify, "check_checkpoint", check)
