"""What a hostile reader of the exporter, the verifier and the archiver found: each attack, and what must come of it."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import replace

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import History, HistoryEvent

from approvals.signed import Kind
from audit import archive as container
from audit import chain, export, manifest
from audit.archive import pack, unpack
from audit.export import Sources, members_of
from audit.manifest import CHECKPOINT, MANIFEST
from audit.parts import Completed, completed_in
from audit.record import MissionRecord
from audit.report.compose import Source, report_of
from audit.stored import events_of
from audit.verification.result import Verdict
from audit.verification.verify import Verifier
from policies.canonical import Digest
from policies.directory import Directory
from tests.audit import keys
from tests.audit.attacker import NOW, Loot, Strength
from tests.audit.codec import KEYS
from tests.audit.crafted import CRAFTED
from tests.audit.independent.strict import Trust
from tests.audit.independent.verify import verify as verified_by_page
from tests.audit.stories import STORIES, TRUST, archive
from tests.audit.verifying import doubts
from workers.archiving import sayso_version


@pytest.mark.parametrize("name", STORIES)
async def test_both_verifiers_say_the_same_of_every_story(name: str, ours: Verifier) -> None:
    """Issue 4: the second verifier agrees with the first on every fixture."""
    data = archive(name)
    verdict, _ = verified_by_page(data, Trust(TRUST.read_text("utf-8")), KEYS)
    assert (await ours.verify(data)).verdict == verdict


CASES = [
    (name, strength)
    for name in CRAFTED
    for strength in (Strength.RAW, Strength.SIGNED)
    if strength is Strength.RAW or not name.startswith(("a manifest", "an empty checkpoint", "a checkpoint", "no checkpoint"))
]


@pytest.mark.parametrize(("name", "strength"), CASES)
async def test_both_verifiers_say_the_same_of_what_was_crafted(name: str, strength: Strength, ours: Verifier) -> None:
    """The same, of archives that a reader could take for something else."""
    data = CRAFTED[name](Loot.of(archive("refunded"))).packed(strength)
    verdict, findings = verified_by_page(data, Trust(TRUST.read_text("utf-8")), KEYS)
    verification = await ours.verify(data)
    assert verification.verdict == verdict, (findings, verification.reasons())


async def test_claim_of_another_mission_that_a_stranger_signals_fails_nobody(ours: Verifier) -> None:
    """Anyone who may signal can copy an announcement from one mission into another. That says nothing about either."""
    loot = CRAFTED["the claim of another run"](Loot.of(archive("refunded")))
    verification = await ours.verify(loot.packed(Strength.SIGNED))
    assert (verification.verdict, doubts(verification)) == (Verdict.VERIFIED, set())


def _record(name: str, change: Callable[[list[HistoryEvent]], list[HistoryEvent]]) -> MissionRecord:
    """The record of a recorded mission whose history is changed, as its server would have had it."""
    loot = Loot.of(archive(name))
    mission, raw = loot.manifest.mission, change(events_of(loot.members, "history"))
    return MissionRecord.of(mission.namespace, mission.mission_id, mission.run_id, raw, raw)


def _exported(record: MissionRecord, name: str, trust: Directory) -> bytes:
    """The archive that an honest exporter makes of it."""
    loot = Loot.of(archive(name))
    uses = {key[5:-5]: events_of(loot.members, key[:-5]) for key in loot.members if key.startswith("uses/")}
    bundles: dict[Digest, dict[str, bytes]] = {}
    for path, content in loot.members.items():
        if path.startswith("policies/"):
            _, bundle, file = path.split("/", 2)
            bundles.setdefault(Digest(bundle), {})[file] = content
    members = members_of(Sources(record, uses, trust, bundles, sayso_version()), None)
    listed = manifest.read(members[MANIFEST])
    return pack({**members, CHECKPOINT: manifest.sign(listed, keys.signer("exporter"), NOW)})


def _before_the_end(*more: HistoryEvent) -> Callable[[list[HistoryEvent]], list[HistoryEvent]]:
    def change(events: list[HistoryEvent]) -> list[HistoryEvent]:
        whole = [*events[:-1], *more, events[-1]]
        for number, event in enumerate(whole, start=1):
            event.event_id = number
        return whole

    return change


def _absurd() -> HistoryEvent:
    """A marker of a hostile worker's, as a real server (1.32) takes it: JSON has no form for such a duration."""
    event = HistoryEvent(event_type=EventType.EVENT_TYPE_MARKER_RECORDED)
    event.marker_recorded_event_attributes.failure.application_failure_info.next_retry_delay.seconds = 10**17
    return event


@pytest.mark.promise("G9")
async def test_history_that_json_cannot_hold_is_exported_all_the_same(ours: Verifier, trust: Directory) -> None:
    """One failure with an absurd delay, from anyone who may fail a task, would else lose the evidence at retention."""
    data = _exported(_record("refunded", _before_the_end(_absurd())), "refunded", trust)
    assert "history.pb" in unpack(data)
    verification = await ours.verify(data)
    assert (verification.verdict, doubts(verification)) == (Verdict.VERIFIED, set())
    assert verified_by_page(data, Trust(TRUST.read_text("utf-8")), KEYS)[0] == Verdict.VERIFIED


async def test_two_histories_in_one_archive_are_none(ours: Verifier) -> None:
    """Two readers could take one each."""
    loot = Loot.of(archive("refunded"))
    whole = History(events=events_of(loot.members, "history")).SerializeToString(deterministic=True)
    data = loot.with_member("history.pb", whole).packed(Strength.SIGNED)
    assert (await ours.verify(data)).verdict is Verdict.FAILED
    assert verified_by_page(data, Trust(TRUST.read_text("utf-8")), KEYS)[0] == Verdict.FAILED


def _forged(record: MissionRecord, count: int) -> list[HistoryEvent]:
    """So many proposals that no gate signed, each another: whoever may complete an activity records them."""
    (entry, *_) = record.entries(Kind.PROPOSAL)
    done = record.raw[entry.event_id - 1]
    asked = record.raw[done.activity_task_completed_event_attributes.scheduled_event_id - 1]
    found = []
    for number in range(count):
        order, answer = copy.deepcopy(asked), copy.deepcopy(done)
        order.event_id, answer.event_id = 2 * number, 2 * number + 1
        signed = entry.signed.model_copy(update={"body": {**entry.signed.body, "because": f"forged {number}"}})
        (payload,) = answer.activity_task_completed_event_attributes.result.payloads
        payload.data = signed.model_dump_json().encode()
        found += [order, answer]
    return found


def _flooded(name: str, count: int) -> MissionRecord:
    forged = _forged(_record(name, lambda events: events), count)

    def change(events: list[HistoryEvent]) -> list[HistoryEvent]:
        whole = _before_the_end(*forged)(events)
        for one, other in zip(forged[::2], forged[1::2], strict=True):
            other.activity_task_completed_event_attributes.scheduled_event_id = one.event_id
        return whole

    return _record(name, change)


@pytest.mark.promise("G9")
async def test_flood_of_forged_proposals_does_not_keep_a_mission_from_being_exported(
    ours: Verifier, trust: Directory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A card each, in two members, and the archive was full: no evidence at all of what the gate did before."""
    monkeypatch.setattr(export, "MAX_CARDS", 20)
    record = _flooded("refunded", 60)
    data = _exported(record, "refunded", trust)
    members = unpack(data)
    (real, *_) = (entry.signed.digest for entry in record.entries(Kind.PROPOSAL))
    assert f"cards/{real}.json" in members and any(name.startswith("uses/") for name in members)
    assert sum(name.startswith("cards/") for name in members) == 2 * 20
    assert doubts(await ours.verify(data)) == {"answers"}


async def test_what_has_no_room_is_left_out_and_the_history_is_not(
    ours: Verifier, trust: Directory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody can fill an archive until there is none: rail, uses and policies give way, and their absence is told."""
    record = _record("refunded", lambda events: events)
    room = len(unpack(archive("refunded"))["history.json"]) + 8000
    monkeypatch.setattr(container, "MAX_ARCHIVE", room + container.MANIFEST_ROOM)
    members = unpack(_exported(record, "refunded", trust))
    assert {name.partition("/")[0] for name in members} < {"history.json", "keys.json", MANIFEST, CHECKPOINT, "uses"}
    monkeypatch.undo()
    verification = await ours.verify(_exported(record, "refunded", trust))
    assert verification.verdict is Verdict.VERIFIED


@pytest.mark.parametrize("name", ["large", "batch", "unknown-then-retried", "amended-then-approved"])
def test_record_before_an_event_is_the_one_that_was_read_then(name: str) -> None:
    """What is told of a prefix is taken from the whole, and must be what the prefix alone tells."""
    whole = _record(name, lambda events: events)
    assert whole.chain and whole.signals and whole.completed and whole.entries(Kind.PROPOSAL) and whole.started
    for event_id in range(2, whole.head + 2):
        found, alone = whole.before(event_id), _record(name, lambda events, end=event_id: events[: end - 1])  # type: ignore[misc]
        if alone.head != event_id - 1:
            continue
        assert (found.chain, found.signals, found.completed) == (alone.chain, alone.signals, alone.completed)
        assert (found.started, found.entries(Kind.SETTLEMENT)) == (alone.started, alone.entries(Kind.SETTLEMENT))


async def test_work_of_a_verification_does_not_grow_with_the_square_of_a_mission(
    ours: Verifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A flood of signals makes a settlement each; judging each anew digested and read the whole history each time."""
    digested, read = [0], [0]
    digest = chain.stable

    def counted(event: HistoryEvent) -> HistoryEvent:
        digested[0] += 1
        return digest(event)

    def counted_too(event: HistoryEvent, scheduled: HistoryEvent) -> Completed:
        read[0] += 1
        return completed_in(event, scheduled)

    data = archive("amended-then-approved")
    members = Loot.of(data)
    events, done = len(members.events), members.members["history.json"].count(b'"activityTaskCompletedEventAttributes"')
    monkeypatch.setattr(chain, "stable", counted)
    monkeypatch.setattr("audit.record.completed_in", counted_too)
    assert (await ours.verify(data)).verdict is Verdict.VERIFIED
    # Once for the checks, and once for the rail, which grows event by event.
    assert (digested[0], read[0]) == (2 * events, done)


@pytest.mark.promise("G9")
@pytest.mark.parametrize("kind", ["proposal", "settlement"])
async def test_answer_that_names_no_bundle_but_a_list_is_exported_too(kind: str, ours: Verifier, trust: Directory) -> None:
    """Whoever may complete an activity wrote `"bundle": []`, and the exporter ended with a TypeError: for good."""
    order, answer = _forged(_record("refunded", lambda events: events), 1)
    (payload,) = answer.activity_task_completed_event_attributes.result.payloads
    payload.data = json.dumps({**json.loads(payload.data), "kind": kind, "body": {"bundle": []}}).encode()
    record = _record("refunded", _before_the_end(order, answer))
    answer.activity_task_completed_event_attributes.scheduled_event_id = order.event_id
    data = _exported(_record("refunded", lambda _: list(record.raw)), "refunded", trust)
    assert doubts(await ours.verify(data)) == {"answers"}


async def test_rail_that_cannot_be_told_keeps_no_history_from_being_exported(
    ours: Verifier, trust: Directory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A history is strangers' text. Whatever some of it does to who tells it, the history is kept, and the gap is told."""

    def broken(*_: object) -> dict[str, bytes]:
        raise TypeError("of a kind that nobody thought of")

    with monkeypatch.context() as patch:
        patch.setattr(export, "derived", broken)
        data = _exported(_record("refunded", lambda events: events), "refunded", trust)
    assert doubts(await ours.verify(data)) == {"rail"}


async def test_reset_after_the_use_was_announced_is_incomplete_and_no_forgery(ours: Verifier, trust: Directory) -> None:
    """The announcement was taken over with the rest: it is of the run before, and FAILED nobody there."""

    def reset(events: list[HistoryEvent]) -> list[HistoryEvent]:
        begun = max(event.event_id for event in events if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_STARTED)
        failed = HistoryEvent(event_id=begun + 1, event_type=EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED)
        failed.workflow_task_failed_event_attributes.new_run_id = "another"
        ended = HistoryEvent(event_id=begun + 2, event_type=EventType.EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED)
        ended.workflow_execution_terminated_event_attributes.reason = "enough"
        for event in (failed, ended):
            event.event_time.CopyFrom(events[-1].event_time)
        return [*events[:begun], failed, ended]

    record = replace(_record("refunded", reset), run_id="another")
    verification = await ours.verify(_exported(record, "refunded", trust))
    assert (verification.verdict, doubts(verification)) == (Verdict.INCOMPLETE, {"run", "witnesses", "answers"})


@pytest.mark.parametrize("what", ["the receipt of another run in the use", "the claim of another run"])
async def test_page_tells_no_deed_of_another_mission_as_one_of_this(what: str, ours: Verifier) -> None:
    """A stranger signals what the gate signed elsewhere: the archive is VERIFIED, and its page must not tell more than that."""
    data = CRAFTED[what](Loot.of(archive("refunded"))).packed(Strength.SIGNED)
    examined = await ours.examine(data)
    source = Source("x.sayso", manifest.sha256(data), len(data), "trust.yaml", ours.trust, NOW, ours.version)
    story = report_of(examined, source).story
    assert story is not None and examined.material is not None and examined.verification.verdict is Verdict.VERIFIED
    told = [(part.proposal, part.doubt) for part in story.receipts.shown]
    told += [(part.proposal, part.doubt) for part in story.uses.shown]
    strange = [doubt for proposal, doubt in told if proposal not in examined.material.proposals]
    assert strange and all(strange)


def test_changed_copy_of_a_directory_has_a_digest_of_its_own(trust: Directory) -> None:
    """With the old one it would pass for the directory that the gate judged by, and what is missing would be called false."""
    assert trust.digest
    changed = trust.model_copy(update={"gates": ()})
    assert changed.digest == Directory.model_validate(changed.model_dump(exclude_defaults=True)).digest != trust.digest
