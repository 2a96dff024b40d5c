"""Archives of encrypted missions: with the key, without it, with another, and with the ciphertext changed."""

from __future__ import annotations

import base64
import copy

import pytest

from audit.verification.result import Result, Verdict
from audit.verification.verify import CHECKS, Verifier
from policies.directory import Directory
from tests.audit.attacker import Event, Loot, Strength
from tests.audit.codec import KEYS, TestCodec
from tests.audit.stories import archive
from tests.audit.verifying import doubts, verifier
from tests.conftest import Without

ANOTHER = TestCodec({"tests-2": bytes(32)})
WRONG = TestCodec(dict.fromkeys(KEYS, bytes(32)))
"""Under the right key's id."""
SEALS = {
    "no key": (None, None),
    "a key of another id": (ANOTHER, ANOTHER.unseal),
    "another key of the same id": (WRONG, WRONG.unseal),
}


@pytest.mark.promise("G6")
async def test_encrypted_mission_verifies_with_its_key(ours: Verifier) -> None:
    """docs/threats.md G6: to the last check, rail and cards included."""
    verification = await ours.verify(archive("encrypted"))
    assert (verification.verdict, doubts(verification)) == (Verdict.VERIFIED, set())


@pytest.mark.promise("G6")
@pytest.mark.parametrize("held", SEALS)
async def test_without_its_key_chain_and_checkpoint_still_hold(held: str, trust: Directory) -> None:
    """docs/threats.md G6: whoever may not read it still proves that it is whole and unchanged; never more than INCOMPLETE."""
    verification = await verifier(trust, *SEALS[held]).verify(archive("encrypted"))
    results = {found.check: found.result for found in verification.findings}
    assert verification.verdict is Verdict.INCOMPLETE and results["contents"] is Result.MISSING
    assert {results[check] for check in ("members", "checkpoint", "chain", "run")} == {Result.HOLDS}


def _ciphertext(events: list[Event], event: int) -> Loot:
    """The archive with one bit of one payload changed."""
    changed = copy.deepcopy(events)
    attributes = next(value for key, value in changed[event - 1].items() if key.endswith("EventAttributes"))
    (payload,) = (attributes.get("input") or attributes.get("result"))["payloads"]
    data = base64.b64decode(payload["data"])
    payload["data"] = base64.b64encode(data[:-1] + bytes([data[-1] ^ 1])).decode()
    return Loot.of(archive("encrypted")).holding(changed)


def _encrypted_events() -> list[int]:
    found = []
    for number, event in enumerate(Loot.of(archive("encrypted")).events, start=1):
        attributes: Event = next((value for key, value in event.items() if key.endswith("EventAttributes")), {})
        if len((attributes.get("input") or attributes.get("result") or {}).get("payloads", ())) == 1:
            found.append(number)
    return found


@pytest.mark.promise("G6")
@pytest.mark.parametrize("strength", Strength)
@pytest.mark.parametrize("with_key", [True, False])
async def test_changed_ciphertext_is_never_verified(
    strength: Strength, with_key: bool, trust: Directory, ours: Verifier
) -> None:
    """docs/threats.md G6: every payload, in all strengths, with the key and without; FAILED unless all is signed anew."""
    using, events = (ours if with_key else verifier(trust, None, None)), Loot.of(archive("encrypted")).events
    verdicts = set()
    for event in _encrypted_events():
        verdicts.add((await using.verify(_ciphertext(events, event).packed(strength))).verdict)
    allowed = {Verdict.FAILED} if strength is not Strength.SIGNED else {Verdict.FAILED, Verdict.INCOMPLETE}
    assert verdicts <= allowed


@pytest.mark.control("G6")
async def test_without_the_checks_of_contents_a_sealed_mission_verifies(trust: Directory, without: Without) -> None:
    """The control: what cannot be read says nothing, and silence is not proof."""
    for check in ("contents", "start", "witnesses", "answers", "policies", "uses", "rail"):
        without(CHECKS, check)
    assert (await verifier(trust, None, None).verify(archive("encrypted"))).verdict is Verdict.VERIFIED


@pytest.mark.promise("G6")
async def test_rail_that_was_sealed_for_another_mission_is_noticed(ours: Verifier) -> None:
    """docs/threats.md G6: sealed members are opened and compared too, whoever signed the checkpoint."""
    loot = Loot.of(archive("encrypted"))
    name = "rail.json.sealed"
    forged = TestCodec(KEYS).seal(b"[]", "rail.json")
    for content in (forged, loot.members[_card(loot)], b"", b"\xff" * 40):
        verification = await ours.verify(loot.with_member(name, content).packed(Strength.SIGNED))
        assert (verification.verdict, doubts(verification)) == (Verdict.FAILED, {"rail"})


def _card(loot: Loot) -> str:
    return next(name for name in loot.members if name.startswith("cards/"))
