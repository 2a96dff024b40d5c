"""What a verifier pins, and what he does not: the pins decide, and keys that an archive brings along decide nothing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from audit.verification import verify
from audit.verification.result import Found, Result, Verdict
from audit.verification.verify import Verifier
from policies.directory import Directory, Person
from policies.keys import PublicKey
from policies.load import load_trust
from tests.audit import keys
from tests.audit.attacker import Loot, Strength
from tests.audit.stories import STORIES, THEIR_TRUST, archive
from tests.audit.verifying import doubts, verifier, words

DAY = timedelta(days=1)
THEN = datetime(2026, 11, 1, tzinfo=UTC)
LATER = datetime(2100, 1, 1, tzinfo=UTC)
VERIFIED = [name for name, story in STORIES.items() if story.verdict is Verdict.VERIFIED]
Pins = Callable[[Directory], Directory]


def _people(trust: Directory, who: str, *held: PublicKey) -> Directory:
    person = trust.people[who].model_copy(update={"keys": held})
    return trust.model_copy(update={"people": {**trust.people, who: person}})


def _without_service(name: str) -> Pins:
    def change(trust: Directory) -> Directory:
        return trust.model_copy(update={"services": {who: each for who, each in trust.services.items() if who != name}})

    return change


def _key(who: str, **changes: object) -> PublicKey:
    return keys.signer(who).public().model_copy(update=changes)


@pytest.mark.promise("G4")
@pytest.mark.parametrize("name", STORIES)
async def test_nothing_is_verified_for_who_pins_nobody(name: str) -> None:
    """docs/threats.md G4: the keys in the archive would do, and they are hints."""
    found = (await verifier(None).verify(archive(name))).verdict
    assert found is not Verdict.VERIFIED and (name not in VERIFIED or found is Verdict.INCOMPLETE)


MISSING: dict[str, tuple[Pins, str, str]] = {
    "gate": (lambda trust: trust.model_copy(update={"gates": ()}), "answers", "gate-1"),
    "exporter": (_without_service("exporter"), "checkpoint", "exporter-1"),
    "reader": (_without_service("read-worker"), "witnesses", "read-worker-1"),
    "reasoner": (_without_service("reason-worker"), "witnesses", "reason-worker-1"),
    "owner": (lambda trust: _people(trust, "olga"), "start", "olga-1"),
    "approver": (lambda trust: _people(trust, "sam"), "decisions", "sam"),
}
"""By whose key is not pinned: the pins, the check that says so, and what it names."""


@pytest.mark.promise("G4")
@pytest.mark.parametrize("whose", MISSING)
async def test_key_that_is_not_pinned_is_missing_evidence_and_named(whose: str, trust: Directory) -> None:
    """docs/threats.md G4: never good, and never a failure of what may well be true."""
    pins, check, named = MISSING[whose]
    verification = await verifier(pins(trust)).verify(archive("refused-malformed-then-approved"))
    assert verification.verdict is Verdict.INCOMPLETE
    assert named in words(verification, check)


GONE = {
    "checkpoint": ("checkpoint.jws", "checkpoint"),
    "uses": ("uses/", "uses"),
    "policies": ("policies/", "policies"),
    "rail": ("rail.json", "rail"),
    "cards": ("cards/", "rail"),
}


@pytest.mark.promise("G4")
@pytest.mark.parametrize("what", GONE)
async def test_member_left_out_is_never_verified(what: str, ours: Verifier) -> None:
    """docs/threats.md G4: also where manifest and checkpoint were made without it, with the exporter's key."""
    prefix, check = GONE[what]
    loot = Loot.of(archive("refunded"))
    without = loot.without(*(name for name in loot.members if name.startswith(prefix)))
    strength = Strength.REBUILT if what == "checkpoint" else Strength.SIGNED
    verification = await ours.verify(without.packed(strength, retold=False))
    assert verification.verdict is not Verdict.VERIFIED and check in doubts(verification)


@pytest.mark.control("G4")
@pytest.mark.parametrize("whose", MISSING)
async def test_where_missing_counts_as_good_unpinned_keys_verify(
    whose: str, trust: Directory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: the evidence fits, and only that nobody vouches for the key keeps it from VERIFIED."""

    def lenient(findings: list[Found]) -> Verdict:
        return Verdict.FAILED if any(found.result is Result.FAILS for found in findings) else Verdict.VERIFIED

    monkeypatch.setattr(verify, "verdict_of", lenient)
    found = await verifier(MISSING[whose][0](trust)).verify(archive("refused-malformed-then-approved"))
    assert found.verdict is Verdict.VERIFIED


def _revoked(trust: Directory) -> Directory:
    return trust.model_copy(update={"gates": (_key("gate", revoked=True),)})


def _rotated(trust: Directory) -> Directory:
    return trust.model_copy(update={"gates": (keys.signer("gate", "next").public(), *trust.gates)})


def _replaced(when: datetime) -> Pins:
    def change(trust: Directory) -> Directory:
        return _people(trust, "sam", keys.signer("sam", "next").public(), _key("sam", not_after=when))

    return change


ROTATIONS: dict[str, tuple[Pins, Verdict]] = {
    "gate key replaced, the old one kept": (_rotated, Verdict.VERIFIED),
    "gate key replaced, the old one dropped": (
        lambda trust: trust.model_copy(update={"gates": (keys.signer("gate", "next").public(),)}),
        Verdict.INCOMPLETE,
    ),
    "gate key revoked": (_revoked, Verdict.FAILED),
    "approver's key lost after the decision": (_replaced(LATER), Verdict.VERIFIED),
    "approver's key lost before the decision": (_replaced(THEN), Verdict.FAILED),
    "approver's key not yet good": (lambda trust: _people(trust, "sam", _key("sam", not_before=LATER)), Verdict.FAILED),
    "approver's key revoked": (lambda trust: _people(trust, "sam", _key("sam", revoked=True)), Verdict.FAILED),
    "owner's key lost before the start": (lambda trust: _people(trust, "olga", _key("olga", not_after=THEN)), Verdict.FAILED),
    "owner's key lost after the start": (lambda trust: _people(trust, "olga", _key("olga", not_after=LATER)), Verdict.VERIFIED),
    "another key under the approver's key id": (
        lambda trust: _people(trust, "sam", keys.signer("sam", "next", kid="sam-1").public()),
        Verdict.FAILED,
    ),
}


@pytest.mark.promise("G7")
@pytest.mark.parametrize("what", ROTATIONS)
async def test_rotated_key_verifies_what_it_signed_while_it_was_good(what: str, trust: Directory) -> None:
    """docs/threats.md G7: keys are replaced while missions live, and after."""
    pins, expected = ROTATIONS[what]
    assert (await verifier(pins(trust)).verify(archive("refunded"))).verdict is expected


@pytest.mark.control("G7")
@pytest.mark.parametrize("what", ["approver's key lost before the decision", "owner's key lost before the start"])
async def test_without_the_dates_of_keys_a_lost_key_verifies(
    what: str, trust: Directory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: the signatures are good."""
    monkeypatch.setattr(PublicKey, "trouble", lambda self, at: None)
    assert (await verifier(ROTATIONS[what][0](trust)).verify(archive("refunded"))).verdict is Verdict.VERIFIED


@pytest.mark.promise("G10")
async def test_archive_that_brings_its_own_house_is_incomplete(ours: Verifier) -> None:
    """docs/threats.md G10: own gate, own people, own exporter; every signature in it is good."""
    verification = await ours.verify(archive("theirs"))
    assert verification.verdict is Verdict.INCOMPLETE
    assert {"checkpoint", "start", "witnesses", "answers"} <= doubts(verification)


@pytest.mark.promise("G10")
async def test_archive_that_brings_its_own_keys_under_pinned_names_fails(trust: Directory) -> None:
    """docs/threats.md G10: the same, with our keys pinned under the key ids that theirs go by."""

    def ours(held: tuple[PublicKey, ...], who: str) -> tuple[PublicKey, ...]:
        return tuple(keys.signer(who, kid=f"{who}-{keys.THEIRS}").public() for _ in held)

    people = {who: each.model_copy(update={"keys": ours(each.keys, who)}) for who, each in trust.people.items()}
    services = {who: each.model_copy(update={"keys": ours(each.keys, who)}) for who, each in trust.services.items()}
    renamed = trust.model_copy(update={"people": people, "services": services, "gates": ours(trust.gates, "gate")})
    verification = await verifier(renamed).verify(archive("theirs"))
    assert verification.verdict is Verdict.FAILED
    assert {"checkpoint", "start", "witnesses", "answers"} <= doubts(verification)


@pytest.mark.control("G10")
async def test_whoever_pins_the_keys_that_it_brings_gets_verified() -> None:
    """The control: that nobody pins them is the whole difference."""
    assert (await verifier(load_trust(THEIR_TRUST)).verify(archive("theirs"))).verdict is Verdict.VERIFIED


@pytest.mark.promise("G10")
async def test_hints_do_not_rename_people_in_the_rail(trust: Directory, ours: Verifier) -> None:
    """docs/threats.md G10: the exporter's key is stolen; olga's and dora's keys change places in `keys.json`."""
    olga, dora = trust.people["olga"], trust.people["dora"]
    swapped = {"olga": _holding(olga, dora), "dora": _holding(dora, olga)}
    hints = trust.model_copy(update={"people": {**trust.people, **swapped}})
    loot = Loot.of(archive("refunded")).with_member("keys.json", hints.model_dump_json(exclude_defaults=True).encode())
    verification = await ours.verify(loot.packed(Strength.SIGNED))
    assert (verification.verdict, doubts(verification)) == (Verdict.INCOMPLETE, {"rail"})


def _holding(person: Person, other: Person) -> Person:
    return person.model_copy(update={"keys": other.keys})
