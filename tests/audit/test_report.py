"""The report of each recorded mission: what became of it, and how surely. Source: docs/decisions/0018-report.md."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import replace

import pytest

from audit.archive import pack, unpack
from audit.report.compose import Report
from audit.report.parts import DecisionPart
from audit.verification.result import Verdict
from audit.verification.verify import Verifier
from tests.audit.pages import ATTRIBUTES, ELEMENTS, Page, html, report
from tests.audit.stories import STORIES, archive
from tests.audit.verifying import verifier

SHORT = 12


async def told(name: str, by: Verifier) -> Report:
    """The report of story *name*."""
    return await report(archive(name), by)


def decisions(found: Report) -> list[DecisionPart]:
    """All that people said about proposals, in order."""
    assert found.story is not None
    return [said for part in found.story.proposals.shown for said in part.decisions.shown]


def outcomes(found: Report) -> list[str]:
    """How each item of each proposal ended."""
    assert found.story is not None
    return [outcome.kind for part in found.story.proposals.shown for outcome in part.outcomes.shown]


@pytest.mark.parametrize("name", STORIES)
async def test_page_of_every_story_has_its_verdict_and_only_what_may_be_there(name: str, ours: Verifier) -> None:
    """No script, no style attribute, no link, nothing to fetch."""
    page = Page(await html(archive(name), ours))
    assert page.text.startswith(f"{STORIES[name].verdict}:")
    assert (page.tags - ELEMENTS, page.attributes - ATTRIBUTES) == (set(), set())


@pytest.mark.parametrize("name", STORIES)
async def test_page_names_every_reason_why_a_verdict_is_no_better(name: str, ours: Verifier) -> None:
    """Before anything of the story, each with its event."""
    found = await told(name, ours)
    text = Page(await html(archive(name), ours)).text
    above = text[: text.index("What happened")]
    for reason in found.reasons.shown:
        assert reason.words in above
        assert reason.event is None or f"event {reason.event}" in above


@pytest.mark.parametrize("name", ["refunded", "open", "batch"])
async def test_same_archive_gives_the_same_page(name: str, ours: Verifier) -> None:
    """At the same moment, by the same pins; also by another verifier object."""
    assert await html(archive(name), ours) == await html(archive(name), verifier(ours.trust))


async def test_page_allows_its_own_stylesheet_and_nothing_else(ours: Verifier) -> None:
    """The hash in the policy is that of the text between the tags, computed here."""
    page = Page(await html(archive("refunded"), ours))
    digest = base64.b64encode(hashlib.sha256(page.style.encode()).digest()).decode()
    (policy,) = page.all("meta", **{"http-equiv": "Content-Security-Policy"})
    assert policy["content"] == f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    assert page.all("meta", name="referrer") == [{"name": "referrer", "content": "no-referrer"}]
    assert ("url(" in page.style, "@import" in page.style, len(page.all("style"))) == (False, False, 1)


async def test_refund_is_told_from_case_to_receipt(ours: Verifier) -> None:
    """Who started it, what was read, who decided with which key over what, what was sent, and where that stands."""
    found = await told("refunded", ours)
    story, (said,) = found.story, decisions(found)
    assert story is not None
    assert (story.mission.owner.who, story.mission.owner.assurance) == ("olga", "signed")
    first = story.reads.shown[0]
    assert (first.what, first.by.who, first.by.assurance) == ("orders.get_case", "read-worker", "signed")
    assert (said.by.who, said.by.assurance, said.by.groups, said.key) == ("sam", "signed", ("support-lead",), "sam-1")
    assert (said.verdict, said.standing, outcomes(found)) == ("approve", "counted", ["done"])
    (receipt,) = story.receipts.shown
    assert (receipt.doubt, len(receipt.places)) == ("", 2)
    assert [step.word for step in story.steps.shown] == ["wanted", "read", "model", "proposed", "decided", "done", "ended"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("denied", ["denied"]),
        ("expired", ["expired"]),
        ("large", ["done"]),
        ("batch", ["done", "done", "done"]),
        ("amended-then-approved", ["superseded", "done"]),
        ("unknown-then-done", ["unknown", "answered"]),
        ("unknown-then-retried", ["unknown", "done"]),
        ("revoked", ["revoked"]),
        ("withdrawn", ["withdrawn"]),
        ("delayed", ["done"]),
        ("denied-late", ["done"]),
        ("open", ["open"]),
        ("terminated", ["open"]),
        ("forged-settlement", ["open"]),
        ("not-due", []),
        ("forbidden", []),
    ],
)
async def test_outcome_is_the_gates_word(name: str, expected: list[str], ours: Verifier) -> None:
    """What a mission or a stranger says of it changes nothing."""
    assert outcomes(await told(name, ours)) == expected


async def test_what_an_open_proposal_waits_for_is_told_without_a_settlement(ours: Verifier) -> None:
    """By what the decisions come to at the end of the history."""
    found = await told("open", ours)
    assert found.story is not None
    assert [part.lacked for part in found.story.proposals.shown] == [("1 of support-lead",)]


async def test_decision_that_did_not_count_says_why(ours: Verifier) -> None:
    """And is nobody's approval."""
    found = [said for said in decisions(await told("amended-then-approved", ours)) if not said.counts]
    assert [(said.by.who, said.verdict, said.standing) for said in found] == [("sam", "approve", "did not count")]
    assert "nobody approves what they changed themselves" in found[0].refused[0]


async def test_late_denial_is_told_as_late(ours: Verifier) -> None:
    """It stopped nothing, and the page does not look as if it had."""
    (_, late) = decisions(await told("denied-late", ours))
    assert (late.verdict, late.standing) == ("deny", "came late: the use was taken before")


async def test_refusal_is_told_with_its_reasons(ours: Verifier) -> None:
    """Nothing was proposed, and why."""
    found = (await told("forbidden", ours)).story
    assert found is not None
    (word,) = found.refused.shown
    assert (word.kind, word.doubt, bool(found.proposals)) == ("payments.issue_refund", "", False)
    assert word.what


async def test_settlement_that_no_gate_signed_ends_nothing(ours: Verifier) -> None:
    """The mission was told that it was done; the page says that it is open, and shows the stranger's word as unverified."""
    found = await told("strangers-settlement", ours)
    assert found.story is not None
    assert outcomes(found) == ["open"]
    assert "unverified" in [word.kind for word in found.story.notable.shown]


async def test_without_pins_nobody_is_said_to_have_signed_anything() -> None:
    """The story is there, as the archive tells it, and every part of it says that it is not proven."""
    found = await told("refunded", verifier(None))
    story = found.story
    assert story is not None
    assert found.verification.verdict is Verdict.INCOMPLETE
    given = [read.by.assurance for read in (*story.reads.shown, *story.answers.shown)]
    assert {*given, *(said.by.assurance for said in decisions(found))} == {"claimed"}
    doubts = [part.doubt for part in story.proposals.shown] + [part.doubt for part in story.receipts.shown]
    assert all([*doubts, *(use.doubt for use in story.uses.shown)])
    assert "signed" not in {word.by.assurance for word in story.events.shown}


async def test_sealed_contents_are_told_as_sealed(ours: Verifier) -> None:
    """Without the key a page says how much it could not open."""
    found = await report(archive("encrypted"), replace(ours, codec=None, unseal=None))
    assert found.story is not None
    assert found.story.mission.sealed > 0
    assert all(read.sealed for read in found.story.reads.shown)
    text = Page(await html(archive("encrypted"), replace(ours, codec=None, unseal=None))).text
    assert ("events are sealed" in text, "Nothing can be told of this: contents are sealed." in text) == (True, True)
    assert ("Nothing was proposed" in text, "nothing was sent" in text) == (False, False)


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"{}", "the history in it could not be read"), (b"no history", "the history in it could not be read")],
)
async def test_history_that_cannot_be_read_gives_a_page_that_says_so(content: bytes, words: str, ours: Verifier) -> None:
    """With the verdict, every finding, and no story."""
    data = pack({**unpack(archive("refunded")), "history.json": content})
    page = Page(await html(data, ours))
    assert words in page.text
    assert ("No history to tell" in page.text, "What happened" in page.text) == (True, False)
    assert "`history.json` is not what was exported" in page.text


@pytest.mark.parametrize("data", [b"", b"<script>alert(1)</script>" * 1000, archive("refunded")[:5000]])
async def test_what_is_no_archive_gives_a_page_that_says_so(data: bytes, ours: Verifier) -> None:
    """FAILED, and why."""
    page = Page(await html(data, ours))
    assert page.text.startswith("FAILED:")
    assert (page.tags - ELEMENTS, "No history to tell" in page.text) == (set(), True)
