"""What a second reader of docs/audit-format.md found in the first verifier: each attack, and what became of it."""

from __future__ import annotations

import pytest

from audit.verification.verify import Verifier
from policies.directory import Directory
from tests.audit.attacker import Loot, Strength
from tests.audit.crafted import CRAFTED
from tests.audit.stories import archive
from tests.audit.verifying import doubts, verifier


@pytest.mark.promise("G6")
async def test_encrypted_archive_without_its_keys_is_incomplete_and_no_forgery(trust: Directory) -> None:
    """§9: what names a bundle or a use is sealed then, and nobody is accused of having added it."""
    verification = await verifier(trust, None, None).verify(archive("encrypted"))
    assert verification.verdict == "INCOMPLETE"
    assert {"contents", "start", "witnesses", "answers", "policies", "uses", "rail"} == doubts(verification)


@pytest.mark.promise("G6")
async def test_encrypted_archive_with_its_keys_is_verified(ours: Verifier) -> None:
    """§9."""
    assert (await ours.verify(archive("encrypted"))).verdict == "VERIFIED"


@pytest.mark.promise("G3")
async def test_receipt_of_another_run_in_a_use_fails_no_honest_mission(ours: Verifier) -> None:
    """§7 `receipts`: anybody may signal a use; a copied receipt says nothing about the mission that it was copied into."""
    loot = CRAFTED["the receipt of another run in the use"](Loot.of(archive("refunded")))
    assert (await ours.verify(loot.packed(Strength.SIGNED))).verdict == "VERIFIED"
