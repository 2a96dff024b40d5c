"""What the rail tells of missions to which much happened. Each is made by the gate itself; nothing is crafted."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from approvals import attributes
from audit.observation import Observation, ObservationKind
from audit.rail import Rail, railed
from policies.canonical import digest
from policies.requirement import Assurance
from tests.fakes.bench import GIVEN, REFUND, SMALL, Bench
from tests.fakes.history import json_payload
from tests.fakes.kit import Kit
from tests.fakes.stories import STORIES, eventful

SIGNED = Assurance.SIGNED


async def told(kit: Kit, *stories: str) -> tuple[Bench, tuple[Observation, ...]]:
    """The rail of a mission that lives through *stories*."""
    bench = eventful(kit)
    for story in stories:
        await STORIES[story](bench)
    found = railed(bench.mission.record(), bench.law.directory)
    assert len(found.observations) + len(found.folded) == len(bench.mission.record().raw)
    return bench, found.observations


def only(observations: Sequence[Observation], kind: str) -> Observation:
    """The one observation of *kind*."""
    (found,) = [entry for entry in observations if entry.kind == kind]
    return found


LINES: dict[str, list[str]] = {
    "refused": ["refused"],
    "denied": ["proposed", "refused", "refused", "decided", "decided", "denied"],
    "escalated and expired": ["proposed", "pending", "escalated", "expired"],
    "amended, frozen, paid": ["proposed", "decided", "amended", "proposed", "decided", "frozen", "used", "committed"],
    "batch": ["proposed", "decided", "used", "committed", "used", "committed", "late", "committed"],
    "withdrawn": ["proposed", "asked", "withdrawn"],
    "revoked": ["proposed", "decided", "not_sent", "decided", "revoked"],
    "unknown and answered": ["proposed", "decided", "used", "unknown", "proposed", "decided", "answered"],
}


@pytest.mark.parametrize("story", STORIES)
async def test_story_is_told_event_by_event(kit: Kit, story: str) -> None:
    """In the words of the issue, each in its place."""
    _, observations = await told(kit, story)
    assert [str(entry.kind) for entry in observations] == ["started", "read", *LINES[story]]


async def test_start_names_owner_and_the_digest_that_was_signed(kit: Kit) -> None:
    """`input` is what the signed start is over."""
    _, observations = await told(kit)
    assert (observations[0].actor, observations[0].assurance) == ("olga", SIGNED)
    assert observations[0].digests == {"input": digest("input", GIVEN)}


async def test_decision_names_its_digests_and_its_proposal(kit: Kit) -> None:
    """Proposal, card, and the trail that the person had reviewed."""
    bench, observations = await told(kit, "revoked")
    proposed, decided = only(observations, "proposed"), next(entry for entry in observations if entry.kind == "decided")
    assert decided.cause == proposed.event_id
    assert decided.digests["proposal"] == proposed.digests["proposal"] == bench.found().digest
    assert decided.digests["card"] == proposed.digests["card"] == bench.found().proposal.card
    assert decided.digests["head"] in bench.mission.record().chain


async def test_attested_decision_is_told_as_one(kit: Kit) -> None:
    """Lena sent it without a key; the server says that it was she."""
    _, observations = await told(kit, "denied")
    attested = [entry for entry in observations if entry.assurance is Assurance.ATTESTED]
    assert [(entry.actor, entry.kind) for entry in attested] == [("lena", ObservationKind.DECIDED)]


async def test_attested_decision_is_told_as_one_before_it_is_judged(bench: Bench) -> None:
    """As far as principal and key go; what it is worth is the gate's to say."""
    await bench.propose()
    bench.say({"proposal": bench.found().digest, "verdict": "approve", "approver": "ceo"}, principal="user:lena")
    bench.say({"proposal": bench.found().digest, "verdict": "approve", "approver": "lena"}, principal="user:lena", workflow="w")
    bench.say({"proposal": bench.found().digest, "verdict": "approve", "approver": "lena"})
    bench.approve("sam")
    bench.decide("sam", signer=bench.kit.signers["stranger"])
    received = [entry for entry in railed(bench.mission.record(), bench.law.directory).observations if entry.kind == "received"]
    assert [(entry.actor, str(entry.assurance)) for entry in received] == [
        ("lena", "attested"), ("lena", "claimed"), ("lena", "claimed"), ("sam", "signed"), ("stranger-1", "claimed"),
    ]  # fmt: skip


async def test_commit_answers_its_use_and_names_who_let_it_out(kit: Kit) -> None:
    """From the receipt back to the use, the decision and the proposal."""
    _, observations = await told(kit, "amended, frozen, paid")
    used, committed = only(observations, "used"), only(observations, "committed")
    approved = [entry for entry in observations if entry.kind == "decided"][-1]
    assert committed.cause == used.event_id
    assert (committed.decisions, approved.actor) == ((approved.event_id,), "lena")
    assert committed.digests["action"] == used.digests["action"]
    assert {"proposal", "head", "sent", "receipt", "result", "request"} <= committed.digests.keys()


async def test_freeze_is_told_and_so_is_that_it_was_thawed(kit: Kit) -> None:
    """The approval stood meanwhile."""
    _, observations = await told(kit, "amended, frozen, paid")
    assert "everything is frozen since" in only(observations, "frozen").what
    assert only(observations, "committed").what.startswith(f"{REFUND} done, after the thaw: ")


async def test_amendment_is_told_from_both_ends(kit: Kit) -> None:
    """Who changed what, and what takes its place."""
    _, observations = await told(kit, "amended, frozen, paid")
    amended, (_, second) = only(observations, "amended"), [entry for entry in observations if entry.kind == "proposed"]
    assert "sam amended amount_minor" in amended.what
    assert "amended by sam from proposal" in second.what


async def test_items_of_a_batch_are_told_apart(kit: Kit) -> None:
    """Each has its own use and its own receipt."""
    bench, observations = await told(kit, "batch")
    assert [(entry.kind, entry.item) for entry in observations if entry.item is not None][:4] == [
        ("used", 0), ("committed", 0), ("used", 1), ("committed", 1),
    ]  # fmt: skip
    digests = only(observations, "proposed").digests
    assert [digests["action"], digests["action.1"]] == [action.digest for action in bench.found().proposal.actions]


async def test_one_action_alone_has_no_item_number(kit: Kit) -> None:
    """It is only noise there."""
    _, observations = await told(kit, "amended, frozen, paid")
    assert {entry.item for entry in observations} == {None}


async def test_withdrawal_of_a_mission_is_told_as_its_own_doing(kit: Kit) -> None:
    """The request is the mission's claim, the settlement the gate's word."""
    _, observations = await told(kit, "withdrawn")
    asked = only(observations, "asked")
    assert (asked.actor, asked.assurance) == ("the mission", Assurance.CLAIMED)
    assert (asked.cause, "withdraws proposal" in asked.what) == (only(observations, "proposed").event_id, True)


async def test_question_is_told_as_one(kit: Kit) -> None:
    """Of the action whose outcome is unknown."""
    _, observations = await told(kit, "unknown and answered")
    asked = [entry for entry in observations if entry.kind == "proposed"][-1]
    assert asked.what.startswith("what became of ")
    assert only(observations, "unknown").cause == only(observations, "used").event_id


async def test_settlement_of_a_proposal_refuses_no_decision_about_another(kit: Kit) -> None:
    """What counted for one proposal stays counted when a later proposal's settlement looks at everything."""
    _, observations = await told(kit, "revoked", "denied")
    assert [entry.actor for entry in observations if entry.kind == "decided"] == ["sam", "lena", "lena", "sam"]


def listing(bench: Bench, **said: object) -> None:
    """The mission's worker lists it in the queue."""
    event = bench.mission.append(40)
    fields = event.upsert_workflow_search_attributes_event_attributes.search_attributes.indexed_fields
    for name, value in said.items():
        fields[name].CopyFrom(json_payload(value))  # type: ignore[arg-type]


def honest(bench: Bench) -> dict[str, object]:
    """How a mission lists its newest proposal."""
    proposal = bench.found().proposal
    return {
        attributes.STATE: attributes.AWAITING,
        attributes.PROPOSAL: bench.found().digest,
        attributes.GROUPS: ["support-lead"],
        attributes.EXPIRES_AT: proposal.expires_at.isoformat(),
        attributes.OWNER: "olga",
    }


WORKING: dict[str, object] = {attributes.STATE: attributes.WORKING, attributes.GROUPS: None, attributes.EXPIRES_AT: None}
LIES: dict[str, tuple[dict[str, object], str]] = {
    "nothing waits": (WORKING, "it says that nothing waits, and proposal"),
    "another proposal": ({attributes.PROPOSAL: "f" * 64}, "names no proposal that is proven"),
    "other groups": ({attributes.GROUPS: ["nobody"]}, "names other groups"),
    "no groups": ({attributes.GROUPS: []}, "names other groups"),
    "another owner": ({attributes.OWNER: "sam"}, "names another owner"),
    "another expiry": ({attributes.EXPIRES_AT: "2026-01-01T00:00:00Z"}, "names another expiry"),
    "no time": ({attributes.EXPIRES_AT: "soon"}, "names another expiry"),
    "another state": ({attributes.STATE: "paid"}, "does not say that a proposal waits"),
    "something else": ({"CustomerTier": "gold"}, "CustomerTier is none of the queue's attributes"),
}


@pytest.mark.parametrize("lie", LIES)
async def test_mission_that_lists_itself_falsely_is_told(bench: Bench, lie: str) -> None:
    """Its own worker could hide what waits from the people who are asked."""
    said, words = LIES[lie]
    await bench.propose()
    listing(bench, **(said if lie == "nothing waits" else {**honest(bench), **said}))
    entry = railed(bench.mission.record(), bench.law.directory).observations[-1]
    assert (entry.kind, entry.actor) == (ObservationKind.EVENT, "the mission")
    assert words in entry.what


async def test_mission_that_lists_itself_as_it_is_makes_no_noise(bench: Bench) -> None:
    """While it waits, and when it has ended."""
    await bench.propose(SMALL)
    listing(bench, **honest(bench))
    bench.deny("sam")
    await bench.settle()
    listing(bench, **WORKING)
    found = railed(bench.mission.record(), bench.law.directory)
    assert ObservationKind.EVENT not in {entry.kind for entry in found.observations}
    assert len([fold for fold in found.folded if "lists itself" in fold.why]) == 2


@pytest.mark.parametrize("story", STORIES)
async def test_following_tells_what_looking_at_the_end_tells(kit: Kit, story: str) -> None:
    """Event by event or all at once: the same rail, and each change of an earlier line is said."""
    bench, observations = await told(kit, story)
    record = bench.mission.record()
    followed = Rail(record.namespace, record.mission_id, record.run_id, bench.law.directory)
    seen: dict[int, Observation] = {}
    for pair in zip(record.raw, record.opened, strict=True):
        for line in followed.extend([pair]):
            assert line.again is (line.observation.event_id in seen)
            assert seen.get(line.observation.event_id) != line.observation
            seen[line.observation.event_id] = line.observation
    folded = {fold.event_id for fold in followed.folded}
    assert followed.observations == observations
    assert tuple(entry for entry in seen.values() if entry.event_id not in folded) == observations
