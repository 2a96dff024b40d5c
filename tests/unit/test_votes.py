"""Every reason a decision fails, by the check that gives it. Source: approvals/votes.py."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from approvals import votes
from approvals.checks import CHECKS, FOR_A_NO, NEEDS
from approvals.decision import MAX_REASON, SIGNAL, Audience
from approvals.evidence import Evidence
from approvals.jws import Signer
from approvals.votes import Vote
from audit.judgement import Point, judge
from policies.canonical import Digest
from tests.fakes.bench import Bench
from tests.fakes.kit import revoked

OTHER = Digest("f" * 64)


def voted(bench: Bench) -> Vote:
    """What the last signal is worth."""
    judgement = judge(bench.mission.record(), Point(bench.found().digest, bench.clock()), bench.law)
    assert judgement.resolution is not None
    return judgement.resolution.votes[-1]


def impostor(bench: Bench) -> None:
    """A stranger signs under Sam's key id."""
    key = {**bench.kit.signers["stranger"].to_jwk(), "kid": "sam-1"}
    bench.decide("sam", signer=Signer.from_jwk(json.dumps(key)))


def early(bench: Bench) -> None:
    """A token over the trail before the proposal."""
    record = bench.mission.record()
    bench.approve("sam", evidence=Evidence(through=2, digest=record.chain[1]))


def late_key(bench: Bench) -> None:
    """A key that is revoked after it signed."""
    bench.approve("sam")
    bench.directories.now = revoked(bench.directories.now, "sam")


def claimed(bench: Bench) -> None:
    """Nobody's signature."""
    bench.say({"proposal": bench.found().digest, "verdict": "approve", "approver": "sam"})


REASONS: dict[str, tuple[Callable[[Bench], None], str]] = {
    "person": (lambda bench: bench.approve("stranger"), "nobody's in the directory"),
    "signature": (impostor, "is not signed by key"),
    "key": (late_key, "is revoked"),
    "assurance": (claimed, "it is `claimed`"),
    "audience": (lambda bench: bench.approve("sam", aud=Audience(namespace="x", gate="gate-1")), "it is for namespace"),
    "proposal": (lambda bench: bench.approve("sam", proposal=OTHER), "which is not this one"),
    "evidence": (lambda bench: bench.approve("sam", evidence=Evidence(through=12, digest=OTHER)), "over another history"),
    "evidence, too short": (early, "before the proposal"),
    "time": (lambda bench: bench.approve("sam", exp=1), "lapsed at"),
    "eligible": (lambda bench: bench.approve("fay"), "is in none of the groups"),
}


@pytest.mark.parametrize("name", REASONS)
async def test_decision_is_refused_for_exactly_this_reason(bench: Bench, name: str) -> None:
    """One thing wrong, one reason said."""
    act, why = REASONS[name]
    await bench.propose()
    act(bench)
    refused = voted(bench).refused
    assert (len(refused), why in refused[0]) == (1, True), refused


async def test_decision_before_its_proposal_is_refused_for_its_order(bench: Bench) -> None:
    """An unsigned one has no trail that could tell."""
    scheduled = bench.mission.schedule("propose", {"step": "1"})
    answer = await bench.asked()
    bench.mission.signal(SIGNAL, {"proposal": answer.digest, "verdict": "deny", "approver": "sam"})
    bench.mission.complete(scheduled, answer)
    assert ["came before the proposal" in reason for reason in voted(bench).refused] == [True]


def test_every_check_is_tested_here() -> None:
    """A check that nothing tells from another is none."""
    elsewhere = {"order", "excluded", "amender", "reason", "question", "amendment", "owner", "named"}
    assert {name.partition(",")[0] for name in REASONS} | elsewhere == set(CHECKS)
    assert set(FOR_A_NO) < set(CHECKS)
    assert set().union(*NEEDS.values()) == set(CHECKS)


async def test_every_reason_is_told_at_once(bench: Bench) -> None:
    """Whoever decided can mend all of it."""
    await bench.propose()
    bench.approve("fay", proposal=OTHER, exp=1, aud=Audience(namespace="x", gate="y"))
    assert len(voted(bench).refused) == 4


async def test_long_words_of_a_stranger_are_shortened(bench: Bench) -> None:
    """No signal makes a settlement too large to sign."""
    found = await bench.propose()
    bench.say({"proposal": found.digest, "verdict": "deny", "approver": "x" * 10_000, "reason": "y" * 10_000})
    vote = voted(bench)
    assert (len(str(vote.who)), len(vote.reason)) == (votes.MAX_NAME, MAX_REASON)
    assert max(map(len, vote.refused)) <= votes.MAX_WORDS
