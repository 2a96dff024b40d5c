"""
Runs and stored payloads in an archive: whoever changes, drops, swaps, nests or adds some is found out, with the exporter's own
key too. The second verifier says the same of each.
"""

from __future__ import annotations

import pytest

from audit.errors import ArchiveError
from audit.verification.result import Verdict
from audit.verification.verify import CHECKS, Verifier
from policies.directory import Directory
from tests.audit.attacker import Loot, Strength
from tests.audit.codec import KEYS
from tests.audit.enclosures import ENCLOSED, dropping, members, retold
from tests.audit.independent.strict import Trust
from tests.audit.independent.verify import verify
from tests.audit.stories import TRUST, archive
from tests.audit.test_independent import disagreement
from tests.audit.verifying import doubts, verifier
from tests.conftest import Without

ATTACKS = [name for name, each in ENCLOSED.items() if each.verdict is not Verdict.VERIFIED]


@pytest.mark.promise("G3")
@pytest.mark.promise("G4")
@pytest.mark.parametrize("name", ENCLOSED)
async def test_changed_enclosure_is_found_out(name: str, ours: Verifier) -> None:
    """By somebody who signs the checkpoint with the exporter's key: to the verdict, and by the check that is for it."""
    attack = ENCLOSED[name]
    found = await ours.verify(attack.attack(Loot.of(archive(attack.story))).packed(Strength.SIGNED))
    assert found.verdict is attack.verdict, [(each.check, each.words) for each in found.reasons()]
    assert not attack.check or attack.check in doubts(found)


@pytest.mark.promise("G1")
@pytest.mark.parametrize("strength", [Strength.RAW, Strength.REBUILT])
async def test_without_the_exporters_key_every_change_fails(strength: Strength, ours: Verifier) -> None:
    """A dropped member as well: the manifest lists it, and the checkpoint is over the manifest."""
    found = {}
    for name, attack in ENCLOSED.items():
        found[name] = (await ours.verify(attack.attack(Loot.of(archive(attack.story))).packed(strength))).verdict
    assert {name for name, verdict in found.items() if verdict is not Verdict.FAILED} == set()


@pytest.mark.parametrize("strength", Strength)
async def test_both_verifiers_agree_about_enclosures(strength: Strength, ours: Verifier) -> None:
    """docs/audit-format.md says enough of them to write another verifier."""
    found = {}
    for name, attack in ENCLOSED.items():
        data = attack.attack(Loot.of(archive(attack.story))).packed(strength)
        found[name] = await disagreement(data, ours)
    assert {name: words for name, words in found.items() if words} == {}


@pytest.mark.parametrize(
    "name", ["payloads/../manifest.json", "../payloads", "payloads//x", "/payloads/x", "payloads/.x", "runs/..json"]
)
def test_member_with_a_way_out_has_no_place_in_an_archive(name: str) -> None:
    """No name leads anywhere else; neither is one read as another."""
    with pytest.raises(ArchiveError):
        Loot.of(archive("stored")).with_member(name, b"").packed()


@pytest.mark.control("G3")
async def test_without_the_check_of_runs_a_changed_run_verifies(ours: Verifier, without: Without) -> None:
    """The control: nothing else looks at what workers did in the runs before."""
    without(CHECKS, "runs")
    changed = ENCLOSED["who worked in a run before"].attack(Loot.of(archive("continued")))
    assert (await ours.verify(changed.packed(Strength.SIGNED))).verdict is Verdict.VERIFIED


@pytest.mark.control("G3")
async def test_without_the_check_of_payloads_a_further_one_verifies(ours: Verifier, without: Without) -> None:
    """The control: nothing else looks for payloads that nobody names."""
    without(CHECKS, "payloads")
    changed = ENCLOSED["a payload that nothing refers to"].attack(Loot.of(archive("stored")))
    assert (await ours.verify(changed.packed(Strength.SIGNED))).verdict is Verdict.VERIFIED


@pytest.mark.promise("G4")
@pytest.mark.parametrize("places", [(0,), (1,), (0, 1)])
async def test_missing_run_is_incomplete_and_nothing_is_held_against_anybody(places: tuple[int, ...], ours: Verifier) -> None:
    """Retention may have deleted it: what rests on how the mission began cannot be told, and nothing of it is called wrong."""
    found = await ours.verify(dropping("runs/", *places)(Loot.of(archive("continued"))).packed(Strength.SIGNED))
    assert found.verdict is Verdict.INCOMPLETE
    assert {"runs", "start", "decisions", "receipts"} <= doubts(found)


@pytest.mark.promise("G4")
@pytest.mark.parametrize("name", ["stored", "continued"])
async def test_first_run_that_nobody_signed_is_never_verified(name: str, ours: Verifier) -> None:
    """The negative of it: the same change to a run that nothing was proposed after is still no signed start."""
    if name == "continued":
        loot = retold(0, lambda events: events)(Loot.of(archive(name)))
        assert (await ours.verify(loot.packed(Strength.SIGNED))).verdict is Verdict.VERIFIED
    loot = Loot.of(archive(name))
    events = loot.events_of(members(loot, "runs/")[0]) if name == "continued" else loot.events
    del events[0]["workflowExecutionStartedEventAttributes"]["memo"]
    changed = loot.holding(events, members(loot, "runs/")[0]) if name == "continued" else loot.holding(events)
    assert (await ours.verify(changed.packed(Strength.SIGNED))).verdict is not Verdict.VERIFIED


@pytest.mark.promise("G4")
@pytest.mark.parametrize("place", range(6))
async def test_missing_payload_is_incomplete_and_nothing_is_held_against_anybody(place: int, ours: Verifier) -> None:
    """Whatever it held: an input, a read, a proposal, an announcement."""
    data = dropping("payloads/", place)(Loot.of(archive("stored"))).packed(Strength.SIGNED)
    found = await ours.verify(data)
    assert found.verdict is Verdict.INCOMPLETE, [(each.check, each.words) for each in found.reasons()]
    assert await disagreement(data, ours) is None


@pytest.mark.promise("G6")
async def test_stored_and_encrypted_mission_without_its_keys_is_incomplete(trust: Directory) -> None:
    """The references tell that what they stand for is encrypted; the payloads are still checked by their addresses."""
    data = archive("stored-encrypted")
    blind = verifier(trust, None, None)
    found = await blind.verify(data)
    assert found.verdict is Verdict.INCOMPLETE and "payloads" not in doubts(found)
    assert await disagreement(data, blind, Trust(TRUST.read_text("utf-8")), {}) is None
    assert verify(data, Trust(TRUST.read_text("utf-8")), KEYS)[0] == Verdict.VERIFIED
