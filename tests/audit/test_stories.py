"""Every recorded mission gives the verdict that its story says, for the reasons that its story says."""

from __future__ import annotations

import pytest

from audit import archive as container
from audit.verification.result import Result, Verdict
from audit.verification.verify import CHECKS, Verifier
from policies.load import load_trust
from tests.audit.stories import ARCHIVES, STORIES, THEIR_TRUST, archive
from tests.audit.verifying import doubts, verifier
from tests.conftest import Without


def test_each_story_has_an_archive() -> None:
    """And each archive a story."""
    assert {path.stem for path in ARCHIVES.glob(f"*{container.SUFFIX}")} == set(STORIES)


@pytest.mark.parametrize("name", STORIES)
async def test_archive_gives_the_verdict_of_its_story(name: str, ours: Verifier) -> None:
    """docs/audit-format.md §7."""
    verification = await ours.verify(archive(name))
    assert (verification.verdict, doubts(verification)) == (STORIES[name].verdict, set(STORIES[name].doubts))


@pytest.mark.parametrize("name", STORIES)
async def test_every_check_of_the_specification_is_made(name: str, ours: Verifier) -> None:
    """A check that found nothing says so: none is left out in silence."""
    findings = (await ours.verify(archive(name))).findings
    assert {found.check for found in findings} == {"members", "checkpoint", *CHECKS}


async def test_whoever_trusts_another_house_gets_what_that_house_says() -> None:
    """The pins decide, and nothing in an archive does: the same archive is VERIFIED for who pins its makers."""
    verification = await verifier(load_trust(THEIR_TRUST)).verify(archive("theirs"))
    assert (verification.verdict, doubts(verification)) == (Verdict.VERIFIED, set())


@pytest.mark.promise("G12")
@pytest.mark.parametrize("name", ["open", "terminated", "forged-settlement", "strangers-settlement"])
async def test_open_run_or_unsigned_end_is_never_verified(name: str, ours: Verifier) -> None:
    """docs/threats.md G12: still open; ended by a stranger; ended by a settlement that no gate signed."""
    assert (await ours.verify(archive(name))).verdict is not Verdict.VERIFIED


@pytest.mark.control("G12")
@pytest.mark.parametrize(
    ("name", "defences"),
    [
        ("open", ("run", "ends")),
        ("terminated", ("ends",)),
        ("forged-settlement", ("answers", "ends")),
        ("strangers-settlement", ("answers", "ends")),
    ],
)
async def test_without_the_checks_of_ends_an_open_run_verifies(
    name: str, defences: tuple[str, ...], ours: Verifier, without: Without
) -> None:
    """The control: nothing else notices."""
    for defence in defences:
        without(CHECKS, defence)
    verification = await ours.verify(archive(name))
    assert verification.verdict is Verdict.VERIFIED
    assert all(found.result is Result.HOLDS for found in verification.findings)
